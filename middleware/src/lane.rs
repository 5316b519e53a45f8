//! One place in the queue for each key and environment.
//!
//! On Managed Instances many invocations share a process. Those of one key wait for each other in
//! memory, first come, first served; only the first of them stands in the table's queue.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use tokio::time::timeout;

/// Who is at it, or waits to be, by key.
#[derive(Debug, Default)]
pub(crate) struct Lanes(Mutex<HashMap<String, Weak<Turn<()>>>>);

/// The turn of one invocation; it ends when this is dropped.
pub(crate) type Lane = OwnedMutexGuard<()>;

impl Lanes {
    /// Waits for the turn, for so long; none if it did not come.
    pub(crate) async fn enter(&self, key: &str, patience: Duration) -> Option<Lane> {
        let lane = self.lane(key);
        match Arc::clone(&lane).try_lock_owned() {
            Ok(turn) => Some(turn),
            Err(_) if patience.is_zero() => None,
            Err(_) => timeout(patience, lane.lock_owned()).await.ok(),
        }
    }

    fn lane(&self, key: &str) -> Arc<Turn<()>> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(key).and_then(Weak::upgrade) {
            return lane;
        }
        // There are never more of them than invocations at a time.
        lanes.retain(|_, lane| lane.strong_count() > 0);
        let lane = Arc::default();
        lanes.insert(key.to_owned(), Arc::downgrade(&lane));
        lane
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn those_of_one_key_take_turns_in_the_order_in_which_they_came() {
        let lanes = Arc::new(Lanes::default());
        let first = lanes.enter("a", LONG).await.expect("nobody is there");
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        for nth in 0..10 {
            let (lanes, tell) = (Arc::clone(&lanes), tell.clone());
            tokio::spawn(async move {
                let _turn = lanes.enter("a", LONG).await;
                tell.send(nth)
            });
            tokio::task::yield_now().await;
        }
        drop((first, tell));
        let mut order = Vec::new();
        while let Some(nth) = told.recv().await {
            order.push(nth);
        }
        assert_eq!(order, (0..10).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn others_are_not_in_the_way() {
        let lanes = Lanes::default();
        let _first = lanes.enter("a", Duration::ZERO).await;
        assert!(lanes.enter("b", Duration::ZERO).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends() {
        let lanes = Lanes::default();
        let first = lanes.enter("a", Duration::ZERO).await;
        assert!(lanes.enter("a", LONG).await.is_none());
        assert!(lanes.enter("a", Duration::ZERO).await.is_none());
        drop(first);
        assert!(lanes.enter("a", Duration::ZERO).await.is_some());
    }

    #[tokio::test]
    async fn what_nobody_needs_is_forgotten() {
        let lanes = Lanes::default();
        for nth in 0..100 {
            drop(lanes.enter(&nth.to_string(), Duration::ZERO).await);
        }
        assert_eq!(lanes.0.lock().unwrap().len(), 1);
    }
}
