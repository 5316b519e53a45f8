//! What a client has observed of holders, from one acquisition to the next.
//!
//! Without it a dead holder would outlive clients that each wait for less than a lease: each of
//! them would begin to watch anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::key::Key;
use crate::protocol::liveness::Watch;

/// The last observation of each key, for a bounded number of keys.
#[derive(Debug, Default)]
pub(crate) struct Observations(Mutex<ByKey>);

#[derive(Debug, Default)]
struct ByKey {
    made: u64,
    kept: HashMap<Arc<str>, (u64, Watch)>,
}

/// A client that contends for more keys than this forgets the oldest: a dead holder of that key is then
/// watched anew.
const MOST: usize = 1024;

impl Observations {
    /// The last observation of a key's holder; empty by default.
    pub(crate) fn of(&self, key: &Key) -> Watch {
        let by_key = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = by_key.kept.get(key.as_str());
        kept.map(|(_, watch)| watch.clone()).unwrap_or_default()
    }

    /// Keeps an observation for the next acquisition of the key.
    pub(crate) fn keep(&self, key: &Key, watch: &Watch) {
        let mut by_key = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        by_key.made += 1;
        let observation = (by_key.made, watch.clone());
        by_key.kept.insert(Arc::from(key.as_str()), observation);
        if by_key.kept.len() > MOST {
            by_key.forget_the_oldest();
        }
    }
}

impl ByKey {
    fn forget_the_oldest(&mut self) {
        let oldest = self.kept.iter().min_by_key(|(_, (made, _))| *made);
        if let Some(key) = oldest.map(|(key, _)| Arc::clone(key)) {
            self.kept.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_so_many_keys_are_kept_and_the_oldest_goes_first() {
        let observations = Observations::default();
        for number in 0..=MOST {
            let key = Key::new(number.to_string()).unwrap();
            observations.keep(&key, &Watch::default());
        }
        let by_key = observations.0.lock().unwrap();
        assert_eq!(by_key.kept.len(), MOST);
        assert!(!by_key.kept.contains_key("0") && by_key.kept.contains_key("1"));
    }
}
