//! 'Busy' and 'full' are final only when no other copy is still on its way.

use dynamodb_locks::Settings;
use dynamodb_locks::protocol::Row;
use testkit::dynamo::{Fate, Gate, Refusal};
use testkit::locks::{KEY, LockTable, Step};

use super::{JUST_NOW, NOBODY, in_the_end, millis, owners};

fn held(table: &LockTable) {
    table.put(&table.row_of([table.entry("holder", JUST_NOW)]));
}

fn free(table: &LockTable) {
    table.put(&Row {
        queue: Default::default(),
        ..table.row()
    });
}

#[tokio::test(start_paused = true)]
async fn a_single_copy_that_finds_the_lock_busy_needs_no_invalidation() {
    let table = LockTable::new();
    held(&table);
    assert!(
        table
            .client("a")
            .try_acquire(KEY)
            .await
            .unwrap_err()
            .is_busy()
    );
    assert_eq!(table.story("a"), ["try refused"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_told_busy_can_never_own_the_lock_through_an_earlier_copy() {
    let table = LockTable::new();
    held(&table);
    let late = Gate::closed();
    table.fate("a", Step::Try, 1, Fate::delivered().before(&late));
    assert!(
        table
            .client("a")
            .try_acquire(KEY)
            .await
            .unwrap_err()
            .is_busy()
    );
    assert_eq!(table.story("a"), ["try refused", "invalidate"]);
    free(&table);
    late.open();
    assert_eq!(in_the_end(&table).await, NOBODY);
    assert_eq!(
        table.story("a"),
        ["try refused", "invalidate", "try refused"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_earlier_copy_that_comes_in_before_the_invalidation_is_withdrawn() {
    let table = LockTable::new();
    held(&table);
    let late = Gate::closed();
    table.fate("a", Step::Try, 1, Fate::delivered().before(&late));
    let void = Gate::closed();
    table.fate("a", Step::Invalidate, 1, Fate::delivered().before(&void));
    let a = table.client("a");
    let trying = tokio::spawn(async move { a.try_acquire(KEY).await });
    void.reached(1).await;
    free(&table);
    late.open();
    tokio::time::sleep(millis(1)).await;
    assert_eq!(
        owners(&table.row()),
        ["a"],
        "the earlier copy took the lock"
    );
    void.open();
    assert!(trying.await.unwrap().unwrap_err().is_busy());
    assert_eq!(owners(&table.row()), NOBODY);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_invalidated_in_the_same_way() {
    let table = LockTable::new();
    held(&table);
    let late = Gate::closed();
    table.fate("a", Step::Enqueue, 1, Fate::delivered().before(&late));
    let a = table
        .a_client("a")
        .with(|s: Settings| s.queue_cap(1))
        .ready();
    assert!(a.acquire(KEY).await.unwrap_err().is_full());
    assert_eq!(table.story("a"), ["enqueue refused", "invalidate"]);
    free(&table);
    late.open();
    assert_eq!(in_the_end(&table).await, NOBODY);
}

#[tokio::test(start_paused = true)]
async fn a_taking_that_was_refused_is_invalidated_where_a_copy_of_it_is_on_its_way() {
    let table = LockTable::new();
    let dead = table.row_of([table.entry("dead", JUST_NOW * 60)]);
    table.put(&dead);
    let late = Gate::closed();
    table.fate("a", Step::EvictAndEnter, 1, Fate::delivered().before(&late));
    let a = table.client("a");
    let trying = tokio::spawn(async move { a.try_acquire(KEY).await });
    late.reached(1).await;
    table.put(&Row {
        renewed_at: Some(table.now()),
        ..dead.clone()
    });
    assert!(trying.await.unwrap().unwrap_err().is_busy());
    assert_eq!(
        table.story("a"),
        ["try refused", "evict and enter refused", "invalidate"]
    );
    // The row looks again as the taking expects it.
    table.put(&Row {
        last: table.row().last,
        ..dead.clone()
    });
    late.open();
    assert_eq!(in_the_end(&table).await, ["dead"]);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_dynamodb_turned_away_cannot_come_back() {
    for refusal in [Refusal::Throttled, Refusal::Conflict] {
        let table = LockTable::new();
        held(&table);
        table.fate("a", Step::Try, 1, Fate::refused(refusal));
        assert!(
            table
                .client("a")
                .try_acquire(KEY)
                .await
                .unwrap_err()
                .is_busy()
        );
        assert_eq!(
            table.story("a"),
            ["try never arrived", "try refused"],
            "{refusal:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_error_tells_nothing_so_the_ticket_is_invalidated() {
    let table = LockTable::new();
    held(&table);
    table.fate("a", Step::Try, 1, Fate::refused(Refusal::Internal));
    assert!(
        table
            .client("a")
            .try_acquire(KEY)
            .await
            .unwrap_err()
            .is_busy()
    );
    assert_eq!(
        table.story("a"),
        ["try never arrived", "try refused", "invalidate"]
    );
}
