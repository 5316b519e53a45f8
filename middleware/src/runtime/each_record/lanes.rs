//! Which records of a batch run one after the other: those of one lock, and those of one group.

use std::collections::HashMap;

use dynamodb_locks::LockHandle;

use crate::event::records::Record;

/// Records that run one after the other.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Lane {
    /// In the order of the batch.
    pub(super) records: Vec<usize>,
}

/// The lanes of a batch, each with a first record before that of the next one.
pub(super) fn lanes<'a>(
    records: &'a [Record],
    lock: impl Fn(usize) -> Option<&'a LockHandle>,
) -> Vec<Lane> {
    let lock = |index| lock(index).map(|lock| lock.key().as_str());
    let group = |index: usize| records[index].group.as_deref();
    joined(records.len(), lock, group)
}

/// Puts two records into one lane if they share a lock or a group.
fn joined<'a>(
    records: usize,
    lock: impl Fn(usize) -> Option<&'a str>,
    group: impl Fn(usize) -> Option<&'a str>,
) -> Vec<Lane> {
    // Each record points to one before it in its lane, or to itself.
    let mut before: Vec<usize> = (0..records).collect();
    let mut seen = HashMap::new();
    for index in 0..records {
        let shared = [("lock", lock(index)), ("group", group(index))];
        for (kind, name) in shared {
            let Some(name) = name else { continue };
            if let Some(other) = seen.insert((kind, name), index) {
                let (one, other) = (first(&before, index), first(&before, other));
                before[one.max(other)] = one.min(other);
            }
        }
    }
    let mut lanes: Vec<Lane> = Vec::new();
    let mut by_first = HashMap::new();
    for index in 0..records {
        let lane = *by_first.entry(first(&before, index)).or_insert_with(|| {
            let records = Vec::new();
            lanes.push(Lane { records });
            lanes.len() - 1
        });
        lanes[lane].records.push(index);
    }
    lanes
}

fn first(before: &[usize], mut index: usize) -> usize {
    while before[index] != index {
        index = before[index];
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(locks: &[&str], groups: &[&str]) -> Vec<Vec<usize>> {
        let named = |names: &[&'static str], index: usize| {
            let name = names[index];
            (!name.is_empty()).then_some(name)
        };
        let (locks, groups): (Vec<&'static str>, Vec<&'static str>) = (
            locks
                .iter()
                .map(|name| &*String::leak((*name).to_owned()))
                .collect(),
            groups
                .iter()
                .map(|name| &*String::leak((*name).to_owned()))
                .collect(),
        );
        let lanes = joined(locks.len(), |n| named(&locks, n), |n| named(&groups, n));
        lanes.into_iter().map(|lane| lane.records).collect()
    }

    #[test]
    fn records_that_share_nothing_run_side_by_side() {
        assert_eq!(
            of(&["a", "b", ""], &["", "", ""]),
            [vec![0], vec![1], vec![2]]
        );
    }

    #[test]
    fn records_of_one_lock_or_of_one_group_run_in_their_order() {
        assert_eq!(of(&["a", "b", "a"], &["", "", ""]), [vec![0, 2], vec![1]]);
        assert_eq!(
            of(&["a", "b", "c"], &["g", "h", "g"]),
            [vec![0, 2], vec![1]]
        );
    }

    #[test]
    fn lanes_that_meet_are_one() {
        assert_eq!(
            of(&["a", "b", "a", "b"], &["", "g", "g", ""]),
            [vec![0, 1, 2, 3]]
        );
    }
}
