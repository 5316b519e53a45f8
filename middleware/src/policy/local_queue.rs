//! A queue in memory for each key: one place in the table's queue for each key and environment.
//!
//! On Managed Instances many invocations share a process. Those of one key wait for each other in
//! memory, in FIFO order; only the first of them has an entry in the table's queue.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use tokio::time::timeout;

/// Running and waiting invocations, by key.
#[derive(Debug, Default)]
pub(crate) struct LocalQueues(Mutex<HashMap<String, Weak<Turn<()>>>>);

/// The turn of one invocation; it ends when this is dropped.
pub(crate) type LocalTurn = OwnedMutexGuard<()>;

impl LocalQueues {
    /// Waits up to `patience` for the turn; `None` if it did not come.
    pub(crate) async fn enter(&self, key: &str, patience: Duration) -> Option<LocalTurn> {
        let local_queue = self.local_queue(key);
        match Arc::clone(&local_queue).try_lock_owned() {
            Ok(turn) => Some(turn),
            Err(_) if patience.is_zero() => None,
            Err(_) => timeout(patience, local_queue.lock_owned()).await.ok(),
        }
    }

    fn local_queue(&self, key: &str) -> Arc<Turn<()>> {
        let mut local_queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(local_queue) = local_queues.get(key).and_then(Weak::upgrade) {
            return local_queue;
        }
        // There are never more of them than invocations at a time.
        local_queues.retain(|_, local_queue| local_queue.strong_count() > 0);
        let local_queue = Arc::default();
        local_queues.insert(key.to_owned(), Arc::downgrade(&local_queue));
        local_queue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn those_of_one_key_take_turns_in_the_order_in_which_they_came() {
        let local_queues = Arc::new(LocalQueues::default());
        let first = local_queues
            .enter("a", LONG)
            .await
            .expect("nobody is there");
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        for nth in 0..10 {
            let (local_queues, tell) = (Arc::clone(&local_queues), tell.clone());
            tokio::spawn(async move {
                let _turn = local_queues.enter("a", LONG).await;
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
        let local_queues = LocalQueues::default();
        let _first = local_queues.enter("a", Duration::ZERO).await;
        assert!(local_queues.enter("b", Duration::ZERO).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends() {
        let local_queues = LocalQueues::default();
        let first = local_queues.enter("a", Duration::ZERO).await;
        assert!(local_queues.enter("a", LONG).await.is_none());
        assert!(local_queues.enter("a", Duration::ZERO).await.is_none());
        drop(first);
        assert!(local_queues.enter("a", Duration::ZERO).await.is_some());
    }

    #[tokio::test]
    async fn what_nobody_needs_is_forgotten() {
        let local_queues = LocalQueues::default();
        for nth in 0..100 {
            drop(local_queues.enter(&nth.to_string(), Duration::ZERO).await);
        }
        assert_eq!(local_queues.0.lock().unwrap().len(), 1);
    }
}
