//! What a hostile reader found: schedules that once broke a law.

use std::time::Duration;

use dynamodb_locks::{AcquireOptions, Expiry, OnExpiry};
use testkit::dynamo::{Fate, Request};
use testkit::locks::{KEY, LockTable, Step};

const SECOND: Duration = Duration::from_secs(1);

/// Its entry shows the deadline by the clock that wrote it.
#[tokio::test(start_paused = true)]
async fn a_holder_whose_clock_is_slow_ends_before_others_find_it_past_its_deadline() {
    let table = LockTable::new();
    let a = table.a_client("a").slow(10 * SECOND).ready();
    let b = table.client("b");
    let limits = AcquireOptions::wait(5 * SECOND).deadline(30 * SECOND);
    let held = a.acquire_with(KEY, limits).await.unwrap();
    let next = b
        .acquire_with(KEY, AcquireOptions::wait(60 * SECOND))
        .await
        .unwrap();
    assert!(held.lease().is_expired());
    next.release().await.unwrap();
}

/// Each of them was next in line when it gave up.
#[tokio::test(start_paused = true)]
async fn impatient_waiters_do_not_keep_the_dead_alive() {
    let table = LockTable::new();
    drop(table.client("dead").acquire(KEY).await.unwrap());
    let (b, died) = (table.client("b"), table.now());
    let limits = AcquireOptions::wait(2 * SECOND).deadline(3 * SECOND);
    let held = loop {
        match b.acquire_with(KEY, limits).await {
            Ok(held) => break held,
            Err(refused) => assert!(refused.is_timed_out(), "{refused}"),
        }
        tokio::time::sleep(SECOND / 2).await;
    };
    let dead_for = table.now().since(died);
    assert!(dead_for < 20 * SECOND, "{dead_for:?}");
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_orphan_that_cannot_be_released_does_not_stop_the_work_on_other_keys() {
    let table = LockTable::new();
    let a = table.client("a");
    drop(a.acquire("hot").await.unwrap());
    table.dynamo().plan(
        |request: &Request| match request.body["Key"]["id"]["S"] == "hot" {
            true => Fate::dropped(),
            false => Fate::delivered(),
        },
    );
    for _ in 0..3 {
        a.acquire("cold").await.unwrap().release().await.unwrap();
    }
}

/// Who waits until the very deadline has no time left to leave the queue.
#[tokio::test(start_paused = true)]
async fn a_wait_that_its_deadline_ends_leaves_no_entry_behind() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    let limits = AcquireOptions::wait(20 * SECOND).deadline(SECOND);
    let refused = table.client("b").acquire_with(KEY, limits).await;
    assert!(refused.unwrap_err().is_timed_out());
    assert_eq!(table.row().queue.len(), 1);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_fail_closed_release_that_nobody_answered_is_finished_by_the_next_call() {
    let table = LockTable::new();
    let closed = table
        .a_client("a")
        .with(|settings| settings.on_expiry(OnExpiry::Hold));
    let a = closed.ready();
    let held = a.acquire(KEY).await.unwrap();
    table.dynamo().plan(|_: &Request| Fate::dropped());
    assert!(held.release().await.unwrap_err().is_unknown());
    table.dynamo().plan(|_: &Request| Fate::delivered());
    a.acquire("another").await.unwrap().release().await.unwrap();
    assert!(table.row().queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_dead_client_of_another_expiry_mode_does_not_block_a_key_for_ever() {
    let table = LockTable::new();
    let observer = table
        .a_client("dead")
        .with(|settings| settings.expiry(Expiry::Observe));
    drop(observer.ready().acquire(KEY).await.unwrap());
    let b = table.client("b");
    assert!(b.acquire(KEY).await.unwrap_err().is_configuration());
    tokio::time::advance(2 * 3600 * SECOND).await;
    b.acquire(KEY).await.unwrap().release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_damaged_renewal_time_costs_a_request_now_and_then_and_no_storm() {
    let table = LockTable::new();
    let mut row = table.row_of([table.entry("dead", 60 * SECOND)]);
    row.renewed_at = Some(dynamodb_locks::protocol::Timestamp(u64::MAX));
    table.put(&row);
    let _ = table.client("b").acquire(KEY).await;
    let requests = table.dynamo().counts().total().requests;
    assert!(requests < 400, "{requests}");
}

#[tokio::test(start_paused = true)]
async fn an_observer_passes_over_a_dead_holder_of_another_expiry_mode() {
    let table = LockTable::new();
    drop(table.client("dead").acquire(KEY).await.unwrap());
    let observer = table
        .a_client("b")
        .with(|settings| settings.expiry(Expiry::Observe))
        .ready();
    assert!(observer.acquire(KEY).await.unwrap_err().is_configuration());
    tokio::time::advance(2 * 3600 * SECOND).await;
    let held = observer.acquire(KEY).await.unwrap();
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_damaged_renewal_time_is_named_and_healed_by_the_next_release() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    let damage = serde_json::json!({ "S": "tuesday" });
    table.set("renewed_at", damage);
    let limits = AcquireOptions::wait(SECOND);
    let error = table.client("b").acquire_with(KEY, limits).await;
    let error = error.unwrap_err();
    assert!(error.is_bad_table(), "{error}");
    assert!(
        error
            .to_string()
            .contains("`renewed_at` is no whole number of 64 bits"),
        "{error}"
    );
    held.release().await.unwrap();
    let next = table.client("c").acquire(KEY).await.unwrap();
    next.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_release_that_comes_late_gives_the_successor_a_whole_lease() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    let next = table.client("b");
    let next = tokio::spawn(async move { next.acquire(KEY).await });
    table.delivered("b", Step::Enqueue, 1).await;
    // The holder's network is away for less than its lease; b can still reach the table.
    for nth in 1..=12 {
        table.fate("a", Step::Release, nth, Fate::dropped());
    }
    let sent = table.now();
    held.release_within(9 * SECOND).await.unwrap();
    let (now, renewed_at) = (table.now(), table.row().renewed_at.unwrap());
    assert!(now.since(sent) > SECOND);
    assert!(
        renewed_at >= now,
        "the renewal time is {:?} old",
        now.since(renewed_at)
    );
    next.await.unwrap().unwrap().release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_written_does_not_slow_down_the_others() {
    let table = LockTable::new();
    let a = table.client("a");
    drop(a.acquire(KEY).await.unwrap());
    for nth in 1..=100 {
        table.fate("a", Step::WithdrawAlone, nth, Fate::dropped());
    }
    let first = table.now();
    a.acquire("other").await.unwrap().release().await.unwrap();
    assert!(table.now().since(first) >= SECOND / 2, "it was tried");
    let second = table.now();
    a.acquire("other").await.unwrap().release().await.unwrap();
    assert!(table.now().since(second) < SECOND / 10, "it rests now");
}
