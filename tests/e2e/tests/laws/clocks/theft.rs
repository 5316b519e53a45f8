//! Stealing from the dead.

use dynamodb_locks::protocol::{Fields, Row};
use dynamodb_locks::{AcquireOptions, Expiry, Settings};
use testkit::locks::{KEY, LockTable, Step};

use super::{LEASE, millis, outlive, seldom, silence};

#[tokio::test(start_paused = true)]
async fn a_dead_holder_is_evicted_at_the_end_of_its_lease() {
    let modes = [
        // The interval is at most a second wide, and a second is what an unproven clock may be late.
        (Expiry::Verified, millis(2300)),
        // The skew: two clocks differ by no more.
        (Expiry::Clock, millis(2800)),
        // What is watched begins with the first look.
        (Expiry::Observe, millis(300)),
    ];
    for (mode, most) in modes {
        let table = LockTable::new();
        let with = |s: Settings| seldom(s.expiry(mode));
        silence(&table, "a");
        let a = table
            .a_client("a")
            .with(with)
            .ready()
            .acquire(KEY)
            .await
            .unwrap();
        let b = table.a_client("b").with(with).ready();
        let (held, waited) = outlive(&table, &b).await;
        assert!(
            a.lease().is_expired(),
            "{mode:?}: never while it may still act"
        );
        assert!(waited >= LEASE - millis(300), "{mode:?}: {waited:?}");
        assert!(waited <= LEASE + most, "{mode:?}: {waited:?}");
        assert!(held.fence() > a.fence(), "{mode:?}");
        assert!(a.release().await.unwrap_err().is_lost(), "{mode:?}");
        held.release().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_ended_long_ago_is_found_out_by_the_first_answer() {
    for mode in [Expiry::Verified, Expiry::Clock] {
        let table = LockTable::new();
        table.put(&table.row_of([table.entry("dead", LEASE * 2)]));
        let locks = table.a_client("a").with(|s| s.expiry(mode)).ready();
        let held = locks.acquire(KEY).await.unwrap();
        assert_eq!(table.story("a"), ["enqueue", "evict"], "{mode:?}");
        held.release().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_past_its_deadline_is_dead_before_its_lease_ends() {
    let table = LockTable::new();
    let long = Fields {
        lease: LEASE * 60,
        deadline: Some(table.ago(LEASE / 2)),
        ..table.entry("dead", LEASE)
    };
    table.put(&table.row_of([long]));
    let held = table.client("a").acquire(KEY).await.unwrap();
    assert_eq!(table.story("a"), ["enqueue", "evict"]);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_renews_is_never_evicted() {
    for mode in [Expiry::Verified, Expiry::Clock, Expiry::Observe] {
        let table = LockTable::new();
        let with = |s: Settings| seldom(s.expiry(mode));
        let a = table
            .a_client("a")
            .with(with)
            .ready()
            .acquire(KEY)
            .await
            .unwrap();
        let b = table.a_client("b").with(with).ready();
        let limits = AcquireOptions::wait(LEASE * 4);
        let refusal = b.acquire_with(KEY, limits).await.unwrap_err();
        assert!(refusal.is_timed_out(), "{mode:?}: {refusal}");
        assert!(!a.lease().is_expired(), "{mode:?}");
        a.release().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_cannot_be_read_holds_for_ever() {
    let table = LockTable::new();
    let row = Row {
        queue: [dynamodb_locks::protocol::Entry::read(
            "0 nobody understands this",
        )]
        .into(),
        ..Row::default()
    };
    table.put(&row);
    let limits = AcquireOptions::wait(LEASE * 10);
    let refusal = table
        .client("a")
        .acquire_with(KEY, limits)
        .await
        .unwrap_err();
    assert!(refusal.is_timed_out(), "{refusal}");
    let message = "it is held by an entry that cannot be read";
    assert!(refusal.to_string().ends_with(message), "{refusal}");
    assert_eq!(table.row().queue, row.queue);
}

#[tokio::test(start_paused = true)]
async fn a_waiters_lease_does_not_run_before_its_turn() {
    let table = LockTable::new();
    let a = table.client("a").acquire(KEY).await.unwrap();
    let b = table.a_client("b").with(seldom).ready();
    let patient = AcquireOptions::wait(LEASE * 10);
    let waiting = tokio::spawn(async move { b.acquire_with(KEY, patient).await });
    tokio::time::sleep(LEASE * 5).await;
    let c = table.client("c");
    let behind = tokio::spawn(async move { c.acquire_with(KEY, patient).await });
    table.delivered("c", Step::Enqueue, 1).await;
    a.release().await.unwrap();
    let b = waiting.await.unwrap().unwrap();
    assert!(
        !b.lease().is_expired(),
        "it waited for five leases, and has one of its own"
    );
    b.release().await.unwrap();
    behind.await.unwrap().unwrap().release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dead_waiter_costs_at_most_one_lease_after_its_turn() {
    let table = LockTable::new();
    let a = table.client("a").acquire(KEY).await.unwrap();
    tokio::time::sleep(millis(100)).await;
    let mut row = table.row();
    let dead = table.entry("dead", millis(0));
    row.last = Some(dead.ticket);
    row.queue.insert(dead.into());
    table.put(&row);
    tokio::time::sleep(LEASE * 3).await;
    a.release().await.unwrap();
    let (held, waited) = outlive(&table, &table.a_client("c").with(seldom).ready()).await;
    assert!(
        waited >= LEASE - millis(300) && waited <= LEASE + millis(2300),
        "{waited:?}"
    );
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_thief_that_is_second_in_the_queue_leaves_the_first_the_first_try() {
    let table = LockTable::new();
    silence(&table, "a");
    let _a = table.client("a").acquire(KEY).await.unwrap();
    let mut waiting = tokio::task::JoinSet::new();
    for name in ["b", "c", "d"] {
        tokio::time::sleep(millis(50)).await;
        let locks = table.a_client(name).with(seldom).ready();
        let patient = AcquireOptions::wait(LEASE * 4);
        waiting.spawn(async move {
            locks
                .acquire_with(KEY, patient)
                .await
                .unwrap()
                .release()
                .await
        });
    }
    while let Some(done) = waiting.join_next().await {
        done.unwrap().unwrap();
    }
    let stolen = |name: &str| {
        let story = table.story(name);
        story
            .iter()
            .filter(|told| told.starts_with("evict"))
            .count()
    };
    assert_eq!(["b", "c", "d"].map(stolen), [1, 0, 0]);
}
