use dynamodb_locks::LockGuard;
use testkit::locks::{KEY, LockTable};

use super::{LEASE, SECOND, silent};

/// A store that keeps the fence of its last writer, and refuses a client with a smaller one.
#[derive(Default)]
struct Store(u64);

impl Store {
    fn takes(&mut self, fence: u64) -> bool {
        let newer = fence >= self.0;
        self.0 = self.0.max(fence);
        newer
    }
}

/// B6: awslabs/amazon-dynamodb-lock-client 1 and 62; fifo-lock-client, which keeps its number to itself
#[tokio::test(start_paused = true)]
async fn a_store_can_refuse_who_has_lost_the_lock() {
    let table = LockTable::new();
    let mut store = Store::default();
    let zombie = silent(&table, "a").acquire(KEY).await.unwrap();
    assert!(store.takes(zombie.fence()));
    let b = table.client("b");
    let next = b.with(KEY, |held| async move { held.fence() }).await;
    assert!(store.takes(next.unwrap()));
    assert!(!store.takes(zombie.fence()));
}

/// dlock, whose token starts anew after each release
#[tokio::test(start_paused = true)]
async fn no_fence_comes_again_after_a_theft_and_a_release() {
    let table = LockTable::new();
    let mut last = 0;
    for round in 0..3 {
        let dead = silent(&table, "dead").acquire(KEY).await.unwrap();
        let thief = table.client("thief").acquire(KEY).await.unwrap();
        for fence in [dead.fence(), thief.fence()] {
            assert!(fence > last, "round {round}");
            last = fence;
        }
        thief.release().await.unwrap();
    }
}

/// tristanls, whose token starts anew when the row is deleted
#[tokio::test(start_paused = true)]
async fn no_fence_comes_again_after_the_row_was_deleted() {
    let table = LockTable::new();
    let a = table.client("a");
    let mut last = 0;
    for delete in [LockTable::delete, sweep, LockTable::delete] {
        let held = a.acquire(KEY).await.unwrap();
        assert!(held.fence() > last);
        last = held.fence();
        released(held).await;
        delete(&table);
    }
}

async fn released(held: LockGuard) {
    held.release().await.expect("it was held");
    // The longest lease, a day, and what the two are rounded up by.
    tokio::time::sleep(SECOND * 8 * 24 * 3600 + LEASE).await;
}

fn sweep(table: &LockTable) {
    assert_eq!(table.dynamo().sweep_ttl(), 1);
}

/// dyndbmutex 13 and 14, where the TTL was in milliseconds; dynamodb_lock (delta), where it is the lease
#[tokio::test(start_paused = true)]
async fn a_row_is_swept_days_after_its_last_use_and_not_in_the_year_52984() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    released(held).await;
    assert_eq!(table.dynamo().sweep_ttl(), 1);
    let held = table.client("a").acquire(KEY).await.unwrap();
    assert_eq!(table.dynamo().sweep_ttl(), 0);
    held.release().await.unwrap();
}
