//! How fast a queue moves: the last turns that a client has seen under each key.
//!
//! Of the last three turns the shortest and the middle one say when the present turn may end. So one
//! turn that was unlike the others changes little, and a pace is forgotten as fast as it was learnt.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::key::Key;

/// How many turns are remembered.
const TURNS: usize = 3;

/// How many keys a client remembers. What it has forgotten costs a few reads.
const KEYS: usize = 256;

/// The pace of one queue; clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    /// The last turns of others, with what it took to hand them over.
    turns: Vec<Duration>,
    /// The last turn of the client's own, from beginning to end.
    own: Option<Duration>,
}

/// The paces of all keys of a client.
#[derive(Debug, Default)]
pub(crate) struct Paces(Mutex<HashMap<Key, Pace>>);

/// How long a turn takes, from one promotion to the next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Turn {
    /// The shortest of the last turns.
    pub(crate) shortest: Duration,
    /// The usual one.
    pub(crate) usual: Duration,
}

impl Pace {
    /// Records this many turns that took so long each.
    pub(crate) fn learn(&self, turn: Duration, times: usize) {
        let turns = &mut lock(&self.0).turns;
        turns.extend([turn; TURNS].iter().take(times));
        let forgotten = turns.len().saturating_sub(TURNS);
        turns.drain(..forgotten);
    }

    /// Records a turn of the client's own.
    pub(crate) fn own(&self, turn: Duration) {
        lock(&self.0).own = Some(turn);
    }

    /// The expected length of a turn.
    pub(crate) fn turn(&self) -> Option<Turn> {
        let seen = lock(&self.0);
        let mut turns = seen.turns.clone();
        turns.sort_unstable();
        let middle = turns.len().saturating_sub(1) / 2;
        let usual = turns.get(middle).copied().or(seen.own)?;
        let shortest = turns.first().copied().into_iter().chain(seen.own).min()?;
        Some(Turn { shortest, usual })
    }
}

impl Paces {
    /// The pace under a key.
    pub(crate) fn of(&self, key: &Key) -> Pace {
        let mut paces = lock(&self.0);
        if paces.len() >= KEYS && !paces.contains_key(key) {
            paces.clear();
        }
        paces.entry(key.clone()).or_default().clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(shortest: u64, usual: u64) -> Turn {
        let [shortest, usual] = [shortest, usual].map(Duration::from_millis);
        Turn { shortest, usual }
    }

    fn learnt(turns: &[(u64, usize)]) -> (Pace, Turn) {
        let pace = Pace::default();
        assert_eq!(pace.turn(), None);
        for (millis, times) in turns {
            pace.learn(Duration::from_millis(*millis), *times);
        }
        let seen = pace.turn().expect("a turn was seen");
        (pace, seen)
    }

    #[test]
    fn a_pace_is_forgotten_as_fast_as_it_was_learnt() {
        let seen = |turns: &[_]| learnt(turns).1;
        assert_eq!(seen(&[(50, 1)]), turn(50, 50));
        assert_eq!(seen(&[(50, 9), (9000, 1)]), turn(50, 50));
        assert_eq!(seen(&[(50, 9), (9000, 2)]), turn(50, 9000));
        assert_eq!(seen(&[(50, 9), (9000, 3)]), turn(9000, 9000));
        assert_eq!(seen(&[(9000, 9), (50, 3)]), turn(50, 50));
    }

    #[test]
    fn of_two_turns_the_shorter_is_the_usual_one() {
        assert_eq!(learnt(&[(50, 1), (70, 1)]).1, turn(50, 50));
    }

    #[test]
    fn a_turn_of_the_clients_own_is_the_shortest_if_it_was() {
        let (pace, _) = learnt(&[(70, 3)]);
        pace.own(Duration::from_millis(40));
        assert_eq!(pace.turn(), Some(turn(40, 70)));
        pace.own(Duration::from_millis(400));
        assert_eq!(pace.turn(), Some(turn(70, 70)));
        let alone = Pace::default();
        alone.own(Duration::from_millis(40));
        assert_eq!(alone.turn(), Some(turn(40, 40)));
    }

    #[test]
    fn a_client_remembers_a_bounded_number_of_keys() {
        let paces = Paces::default();
        let key = |number: usize| Key::new(number.to_string()).expect("a name");
        for number in 0..KEYS * 2 {
            paces.of(&key(number)).learn(Duration::from_secs(1), 1);
            assert!(lock(&paces.0).len() <= KEYS);
        }
        assert!(paces.of(&key(KEYS * 2 - 1)).turn().is_some());
        assert!(paces.of(&key(0)).turn().is_none());
    }
}
