//! How long an operation counts as done, by wrong clocks as well.

use std::time::{Duration, UNIX_EPOCH};

use dynamodb_locks::protocol::OperationState;
use dynamodb_locks::{Operation, Settings};
use testkit::locks::{KEY, LockTable};

use super::{WINDOW, begin, millis, pay, states, tick};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test(start_paused = true)]
async fn a_window_ends() {
    let table = LockTable::new();
    pay(&table.client("a")).await.unwrap();
    tokio::time::sleep(WINDOW - Duration::from_secs(5)).await;
    assert!(!pay(&table.client("b")).await.unwrap());
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(pay(&table.client("c")).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_is_days_fast_runs_nothing_twice() {
    let table = LockTable::new();
    pay(&table.client("a")).await.unwrap();
    tick().await;
    let fast = table.a_client("b").fast(DAY * 3).ready();
    assert!(!pay(&fast).await.unwrap());
    assert!(table.row().queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_is_days_slow_does_not_lengthen_a_window() {
    let table = LockTable::new();
    pay(&table.client("a")).await.unwrap();
    tokio::time::sleep(WINDOW + Duration::from_secs(10)).await;
    let slow = table.a_client("b").slow(DAY / 4).ready();
    assert!(pay(&slow).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_row_outlives_its_completions() {
    let table = LockTable::new();
    // A lease of days needs few heartbeats.
    let locks = table.a_client("a").with(|s| s.lease(DAY * 3)).ready();
    let operation = Operation::new("payments", "invoice-7").window(Operation::LONGEST_WINDOW);
    let limits = dynamodb_locks::AcquireOptions::wait(millis(100)).operation(operation);
    let held = locks.acquire_with(KEY, limits).await.unwrap();
    tokio::time::sleep(DAY).await;
    held.complete(None).await.unwrap();
    let OperationState::Completed(done) = states(&table).remove(0) else {
        panic!("it is done");
    };
    let row = table.ttl().unwrap().duration_since(UNIX_EPOCH).unwrap();
    assert!(row.as_secs() >= done.until + DAY.as_secs(), "{row:?}");
    // Who comes without an operation does not shorten that by more than the margin.
    tick().await;
    table
        .client("b")
        .acquire(KEY)
        .await
        .unwrap()
        .release()
        .await
        .unwrap();
    let row = table.ttl().unwrap().duration_since(UNIX_EPOCH).unwrap();
    assert!(row.as_secs() + 60 >= done.until + DAY.as_secs(), "{row:?}");
}

#[tokio::test(start_paused = true)]
async fn operations_whose_windows_are_over_are_forgotten_by_later_ones() {
    let table = LockTable::new();
    let a = table.client("a");
    for n in 0..5 {
        let operation = Operation::new("payments", &n.to_string()).window(WINDOW);
        a.once(KEY, operation, async |_| Ok::<_, ()>(()))
            .await
            .unwrap();
        tick().await;
    }
    assert_eq!(states(&table).len(), 5);
    tokio::time::sleep(WINDOW * 2).await;
    pay(&a).await.unwrap();
    assert_eq!(states(&table).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cached_completion_never_lengthens_a_window() {
    let table = LockTable::new();
    let a = table.client("a");
    let operation = Operation::new("payments", "invoice-7").window(Duration::from_secs(10));
    let pay = async || {
        a.once(KEY, operation, async |_| Ok::<_, ()>(()))
            .await
            .unwrap()
    };
    assert!(matches!(pay().await, dynamodb_locks::Once::Done(())));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(matches!(pay().await, dynamodb_locks::Once::Before(_)));
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert!(matches!(pay().await, dynamodb_locks::Once::Done(())));
}

#[tokio::test(start_paused = true)]
async fn a_namespace_in_which_responses_are_kept_is_refused() {
    let table = LockTable::new();
    let prefix = |settings: Settings| settings.prefix("orders#once:1");
    let refused = table.client("a").with_settings(prefix).unwrap_err();
    assert!(refused.to_string().contains("#once:"), "{refused}");
    begin(&table.client("a"))
        .await
        .unwrap()
        .release()
        .await
        .unwrap();
}
