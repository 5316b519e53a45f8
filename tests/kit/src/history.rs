//! The judge of what happened: who worked on which key, from when to when, with which fence.
//!
//! It keeps laws 1 to 3 for everybody, simulated or real: no two at a time, fences rise, the
//! queue's order is kept.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

/// Work done under a lock.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    /// The lock's key.
    pub key: String,
    /// The fence it was done with, if there was one.
    pub fence: Option<u64>,
    /// When it began, on the clock of this history.
    pub begin: Duration,
    /// When it ended, on the same clock.
    pub end: Duration,
    /// Who did it.
    pub who: String,
}

/// Two pieces of work on one key that break a law together.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The law they break.
    pub law: Law,
    /// The one that began first.
    pub first: Work,
    /// The one that began after it.
    pub then: Work,
}

/// What can be broken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Law {
    /// At most one at a time.
    Alone,
    /// Fences strictly rise.
    Fences,
    /// Grants follow the queue's order.
    Queue,
}

/// What is wrong with a history: overlaps, and fences that do not rise. Fences are compared where
/// both are known.
pub fn violations(history: &[Work]) -> Vec<Violation> {
    by_key(history)
        .into_values()
        .flat_map(|works| [overlaps(&works), falling(&works)].concat())
        .collect()
}

/// What is wrong with the order in which one key was granted. `enqueued`: the fences in the order
/// in which their entries came into the queue. Who never worked is passed over; whose entry is not
/// in the list is not judged.
pub fn inversions(key: &str, enqueued: &[u64], history: &[Work]) -> Vec<Violation> {
    let place: HashMap<u64, usize> = enqueued.iter().copied().zip(0..).collect();
    let place = |work: &Work| work.fence.and_then(|fence| place.get(&fence));
    let mut works = by_key(history).remove(key).unwrap_or_default();
    works.retain(|work| place(work).is_some());
    broken(Law::Queue, &works, |first, then| place(first) > place(then))
}

/// The works on each key, in the order in which they began.
fn by_key(history: &[Work]) -> BTreeMap<&str, Vec<&Work>> {
    let mut keys: BTreeMap<&str, Vec<&Work>> = BTreeMap::new();
    for work in history {
        keys.entry(&work.key).or_default().push(work);
    }
    for works in keys.values_mut() {
        works.sort_by_key(|work| (work.begin, work.end));
    }
    keys
}

/// Each work that began before all earlier ones had ended, beside the one of them that ended last.
fn overlaps(works: &[&Work]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut last: Option<&Work> = None;
    for &then in works {
        let still = last.filter(|first| then.begin < first.end);
        found.extend(still.map(|first| Violation::new(Law::Alone, first, then)));
        last = last.filter(|first| first.end > then.end).or(Some(then));
    }
    found
}

fn falling(works: &[&Work]) -> Vec<Violation> {
    let fenced: Vec<_> = works
        .iter()
        .copied()
        .filter(|work| work.fence.is_some())
        .collect();
    broken(Law::Fences, &fenced, |first, then| {
        first.fence >= then.fence
    })
}

fn broken(law: Law, works: &[&Work], wrong: impl Fn(&Work, &Work) -> bool) -> Vec<Violation> {
    let pairs = works.windows(2).filter(|pair| wrong(pair[0], pair[1]));
    pairs
        .map(|pair| Violation::new(law, pair[0], pair[1]))
        .collect()
}

impl Violation {
    fn new(law: Law, first: &Work, then: &Work) -> Self {
        Self {
            law,
            first: first.clone(),
            then: then.clone(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, then, .. } = self;
        let (key, one, other) = (&first.key, &first.who, &then.who);
        match self.law {
            Law::Alone => {
                let early = first.end.min(then.end).saturating_sub(then.begin);
                write!(
                    f,
                    "overlap on `{key}`: {one} and {other} worked at once for {} ms",
                    early.as_millis()
                )
            }
            Law::Fences => {
                let (before, after) = (
                    first.fence.unwrap_or_default(),
                    then.fence.unwrap_or_default(),
                );
                write!(
                    f,
                    "fences of `{key}` do not rise: {other} has {after}, after {one} had {before}"
                )
            }
            Law::Queue => write!(
                f,
                "queue order of `{key}` broken: {one} was granted before {other}, who came first"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(who: &str, fence: u64, begin: u64, end: u64) -> Work {
        let (begin, end) = (Duration::from_millis(begin), Duration::from_millis(end));
        Work {
            key: "42".into(),
            fence: Some(fence),
            begin,
            end,
            who: who.into(),
        }
    }

    #[test]
    fn work_that_follows_work_breaks_nothing() {
        let other_key = Work {
            key: "41".into(),
            ..work("c", 1, 0, 30)
        };
        let history = [work("b", 8, 10, 20), work("a", 7, 0, 10), other_key];
        assert_eq!(violations(&history), []);
        assert_eq!(inversions("42", &[7, 8], &history), []);
    }

    #[test]
    fn an_overlap_is_found_also_past_a_shorter_one() {
        let history = [
            work("a", 1, 0, 100),
            work("b", 2, 10, 20),
            work("c", 3, 90, 110),
        ];
        let found = violations(&history);
        let pairs: Vec<_> = found
            .iter()
            .map(|v| (v.law, &*v.first.who, &*v.then.who))
            .collect();
        assert_eq!(pairs, [(Law::Alone, "a", "b"), (Law::Alone, "a", "c")]);
        assert_eq!(
            found[1].to_string(),
            "overlap on `42`: a and c worked at once for 10 ms"
        );
    }

    #[test]
    fn work_without_fences_is_judged_by_its_times() {
        let unfenced = |who: &str, begin, end| Work {
            fence: None,
            ..work(who, 0, begin, end)
        };
        assert_eq!(
            violations(&[unfenced("a", 0, 10), unfenced("b", 9, 12)]).len(),
            1
        );
        assert_eq!(
            violations(&[unfenced("a", 0, 10), unfenced("b", 10, 12)]),
            []
        );
    }

    #[test]
    fn a_fence_that_does_not_rise_is_found() {
        for fence in [7, 6] {
            let found = violations(&[work("a", 7, 0, 10), work("b", fence, 10, 20)]);
            assert_eq!(
                found.iter().map(|v| v.law).collect::<Vec<_>>(),
                [Law::Fences]
            );
        }
    }

    #[test]
    fn a_grant_out_of_turn_is_found_and_the_absent_are_passed_over() {
        let history = [
            work("a", 7, 0, 10),
            work("c", 9, 10, 20),
            work("b", 8, 20, 30),
        ];
        assert_eq!(inversions("42", &[7, 8, 9], &history).len(), 1);
        assert_eq!(inversions("42", &[7, 8, 9], &history[..2]), []);
        assert_eq!(inversions("42", &[7, 9], &history), []);
    }
}
