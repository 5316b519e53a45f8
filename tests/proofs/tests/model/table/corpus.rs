//! Bringing real clients to send every form of every step.

use std::time::Duration;

use dynamodb_locks::protocol::{Fields, OperationId, Row, Timestamp};
use dynamodb_locks::{AcquireOptions, Locks, OnExpiry, Operation};
use serde_json::Value;
use testkit::dynamo::{Fate, Gate};
use testkit::locks::{KEY, LockTable, Step};

/// Long enough to be dead of.
const LONG_AGO: Duration = Duration::from_secs(60);

/// Every write that was sent in all of these stories.
pub(super) async fn requests() -> Vec<(Step, Value)> {
    let mut tables = Vec::new();
    for on_expiry in [OnExpiry::TakeOver, OnExpiry::Hold] {
        tables.push(uncontended(on_expiry).await);
        tables.push(handed_on(on_expiry).await);
        for renewed_at in [None, Some(LONG_AGO / 2)] {
            tables.push(after_a_death(on_expiry, renewed_at).await);
        }
        tables.push(cut_off(on_expiry).await);
        tables.push(given_up(on_expiry).await);
        tables.push(dropped(on_expiry).await);
        tables.push(once(on_expiry).await);
        for renewed_at in [None, Some(LONG_AGO / 2)] {
            tables.push(once_after_a_death(on_expiry, renewed_at).await);
        }
    }
    tables.push(held_for_hours().await);
    let logs = tables.iter().flat_map(|table| table.log_of("a"));
    let updates = logs.filter(|logged| &*logged.request.op == "UpdateItem");
    // Operations' own rows are no locks.
    let updates = updates.filter(|it| it.request.body["Key"]["group"]["S"] == "default");
    let steps = updates.map(|logged| (Step::of(&logged.request), logged.request.body.clone()));
    steps.collect()
}

fn client(table: &LockTable, name: &str, on_expiry: OnExpiry) -> Locks {
    table
        .a_client(name)
        .with(|s| s.on_expiry(on_expiry))
        .ready()
}

async fn uncontended(on_expiry: OnExpiry) -> LockTable {
    let table = LockTable::new();
    let a = client(&table, "a", on_expiry);
    let held = a.try_acquire(KEY).await.expect("it is free");
    held.release().await.expect("it is held");
    let held = a.acquire(KEY).await.expect("it is free");
    // A client that has begun, fail-closed, needs no renewals.
    if on_expiry == OnExpiry::TakeOver {
        table.delivered("a", Step::Heartbeat, 1).await;
    }
    held.release().await.expect("it is held");
    table
}

async fn handed_on(on_expiry: OnExpiry) -> LockTable {
    let table = LockTable::new();
    let first = client(&table, "b", on_expiry)
        .acquire(KEY)
        .await
        .expect("it is free");
    let a = client(&table, "a", on_expiry);
    let next = tokio::spawn(async move { a.acquire(KEY).await });
    table.delivered("a", Step::Enqueue, 1).await;
    first.release().await.expect("it is held");
    let next = next
        .await
        .expect("it does not panic")
        .expect("its turn comes");
    next.release().await.expect("it is held");
    table
}

/// One takes a dead holder's place; then another, with a living waiter between, evicts.
async fn after_a_death(on_expiry: OnExpiry, renewed_at: Option<Duration>) -> LockTable {
    let table = LockTable::new();
    let dead = |with: &[Fields]| Row {
        renewed_at: renewed_at.map(|ago| table.ago(ago)),
        hold_on_expiry: on_expiry == OnExpiry::Hold,
        ..table.row_of(with.iter().cloned())
    };
    table.put(&dead(&[table.entry("dead", LONG_AGO)]));
    let a = client(&table, "a", on_expiry);
    let held = a.try_acquire(KEY).await.expect("the holder is dead");
    held.release().await.expect("it is held");
    let waiter = Fields {
        deadline: Some(table.ago(LONG_AGO / 4)),
        ..table.entry("waiter", LONG_AGO / 3)
    };
    let living = table.entry("living", Duration::ZERO);
    table.put(&dead(&[table.entry("dead", LONG_AGO), waiter, living]));
    let stolen = a.acquire_within_a_lease().await;
    assert!(
        stolen.is_ok(),
        "both dead go, and the living one in the end: {stolen:?}"
    );
    table
}

trait WithinALease {
    /// Waits for longer than a lease, and releases.
    async fn acquire_within_a_lease(&self) -> Result<(), dynamodb_locks::Error>;
}

impl WithinALease for Locks {
    async fn acquire_within_a_lease(&self) -> Result<(), dynamodb_locks::Error> {
        let patient = self.with_settings(|s| s.max_wait(2 * LONG_AGO))?;
        patient.acquire(KEY).await?.release().await
    }
}

/// No entry gets through, and is invalidated.
async fn cut_off(on_expiry: OnExpiry) -> LockTable {
    let table = LockTable::new();
    for nth in 1..=20 {
        table.fate("a", Step::Try, nth, Fate::dropped());
    }
    let cut_off = client(&table, "a", on_expiry).try_acquire(KEY).await;
    assert!(cut_off.is_err());
    table
}

/// A waiter gives up behind another, and where its turn has come unseen: under a renewal time that is earlier,
/// or later.
async fn given_up(on_expiry: OnExpiry) -> LockTable {
    let table = LockTable::new();
    let holder = Fields {
        lease: Duration::from_secs(60 * 60),
        ..table.entry("holder", LONG_AGO)
    };
    let held = Row {
        hold_on_expiry: on_expiry == OnExpiry::Hold,
        ..table.row_of([holder])
    };
    let second = Duration::from_secs(1);
    let a = client(&table, "a", on_expiry).with_settings(|s| s.max_wait(second / 3));
    let a = a.expect("it is right");
    let ahead = Timestamp(table.now().0 + 4_000_000);
    for (nth, renewed_at) in [(1, None), (2, Some(ahead))] {
        table.put(&held);
        let gate = Gate::closed();
        let unseen = Fate::delivered().before(&gate);
        table.fate("a", Step::WithdrawQuietly, nth, unseen);
        let leaving = {
            let a = a.clone();
            tokio::spawn(async move { a.acquire(KEY).await.is_err() })
        };
        gate.reached(1).await;
        let mut row = table.row();
        row.queue.pop_first();
        table.put(&Row { renewed_at, ..row });
        gate.open();
        assert!(leaving.await.expect("it does not panic"));
    }
    table
}

/// A guard is dropped, and given back by the next call.
async fn dropped(on_expiry: OnExpiry) -> LockTable {
    let table = LockTable::new();
    let a = client(&table, "a", on_expiry);
    drop(a.acquire(KEY).await.expect("it is free"));
    let failed = a.release_all(LONG_AGO).await;
    assert!(failed.is_empty(), "{failed:?}");
    table
}

/// A holder grows so old that the row is dated anew.
async fn held_for_hours() -> LockTable {
    let table = LockTable::new();
    let hour = Duration::from_secs(60 * 60);
    let a = client(&table, "a", OnExpiry::TakeOver);
    let a = a.with_settings(|s| s.lease(3 * hour)).expect("it is right");
    let held = a.acquire(KEY).await.expect("it is free");
    tokio::time::sleep(14 * hour).await;
    held.release().await.expect("it is held");
    table
}

/// An operation that is to be done once, and whose window is soon over.
fn operation(name: &str) -> AcquireOptions {
    let operation = Operation::new("corpus", name).window(LONG_AGO);
    AcquireOptions::wait(2 * LONG_AGO).operation(operation)
}

/// Operations fail, are dropped, are completed, and are forgotten.
async fn once(on_expiry: OnExpiry) -> LockTable {
    let table = LockTable::new();
    let a = client(&table, "a", on_expiry);
    let held = a.acquire_with(KEY, operation("one")).await;
    let held = held.expect("it is free");
    held.release().await.expect("it is held");
    drop(a.acquire_with(KEY, operation("one")).await);
    a.release_all(LONG_AGO).await;
    if on_expiry == OnExpiry::Hold {
        return table;
    }
    let tried = operation("one").cap_wait(Duration::ZERO);
    let held = a.acquire_with(KEY, tried).await.expect("it is free");
    held.complete(None).await.expect("it is held");
    tokio::time::sleep(3 * LONG_AGO).await;
    let held = a.acquire_with(KEY, operation("two")).await;
    held.expect("it is free")
        .complete(None)
        .await
        .expect("it is held");
    at_most_once(&table, &a).await;
    let small = a.with_settings(|settings| settings.room_for_completions(0));
    let small = small.expect("there is no journal that could fail");
    let held = small.acquire_with(KEY, operation("three")).await;
    let held = held.expect("it is free");
    held.complete(None).await.expect("it is held");
    let forgotten = Operation::new("corpus", "two");
    a.forget(KEY, forgotten).await.expect("it is free");
    table
}

/// Runs that are done at most once fail, wait, are dropped, and are forgotten.
async fn at_most_once(table: &LockTable, a: &Locks) {
    let once = Operation::new("corpus", "once").at_most_once();
    let options = AcquireOptions::wait(2 * LONG_AGO).operation(once);
    let held = a.acquire_with(KEY, options).await.expect("it is free");
    held.release().await.expect("it is held");
    let held = a.acquire(KEY).await.expect("it is free");
    let b = client(table, "b", OnExpiry::TakeOver);
    let waits = tokio::spawn(async move { b.acquire_with(KEY, options).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    held.release().await.expect("it is held");
    let held = waits.await.expect("it does not panic");
    drop(held.expect("it is free"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let interrupted = a.acquire_with(KEY, options).await;
    let interrupted = interrupted.expect_err("it was dropped");
    assert!(interrupted.is_interrupted(), "{interrupted}");
    a.forget(KEY, once).await.expect("it is free");
}

/// The place of a dead run is taken; then one is removed that others wait behind.
async fn once_after_a_death(on_expiry: OnExpiry, renewed_at: Option<Duration>) -> LockTable {
    let table = LockTable::new();
    let fields = |ago| Fields {
        operation: Some(OperationId::of([7; 12])),
        ..table.entry("dead", ago)
    };
    let left = |with: &[Fields]| Row {
        renewed_at: renewed_at.map(|ago| table.ago(ago)),
        hold_on_expiry: on_expiry == OnExpiry::Hold,
        ..table.row_of(with.iter().cloned())
    };
    table.put(&left(&[fields(LONG_AGO)]));
    let a = client(&table, "a", on_expiry);
    let tried = operation("one").cap_wait(Duration::ZERO);
    let held = a.acquire_with(KEY, tried).await;
    held.expect("the holder is dead")
        .complete(None)
        .await
        .expect("it is held");
    let living = table.entry("living", Duration::ZERO);
    table.put(&left(&[fields(LONG_AGO), living]));
    let held = a.acquire_with(KEY, operation("two")).await;
    held.expect("all are dead in the end")
        .complete(None)
        .await
        .expect("it is held");
    table
}
