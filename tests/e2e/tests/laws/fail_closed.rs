//! Locks that fail closed: whatever the clocks say, nobody takes them over.

use std::time::Duration;

use dynamodb_locks::{Locks, OnExpiry, Settings, WallClock};
use testkit::Clock;
use testkit::dynamo::{Count, Dynamo, Fate, Schema};

const HOUR: Duration = Duration::from_secs(3600);

struct Table(Dynamo);

impl Table {
    fn new() -> Self {
        let dynamo = Dynamo::at(Clock::tokio());
        dynamo
            .create_table(&Schema::locks("locks"))
            .expect("the table is new");
        Self(dynamo)
    }

    fn client(&self, name: &str, on_expiry: OnExpiry) -> Locks {
        let clock = Clock::tokio();
        let settings = Settings::new()
            .table("locks")
            .on_expiry(on_expiry)
            .owner(name);
        let settings = settings.wall_clock(WallClock::new(move || clock.now()));
        Locks::with_client(&self.0.client(name), settings).expect("the settings are right")
    }

    fn closed(&self, name: &str) -> Locks {
        self.client(name, OnExpiry::Hold)
    }

    fn row(&self) -> serde_json::Value {
        self.0
            .row("locks", "42", "default")
            .expect("there is a row")
    }
}

#[tokio::test(start_paused = true)]
async fn an_uncontended_fail_closed_lock_is_two_writes_and_no_read() {
    let table = Table::new();
    for _ in 0..2 {
        let held = table.closed("a").acquire("42").await.unwrap();
        assert_eq!(table.row()["pinned"]["N"], held.fence().to_string());
        held.release().await.unwrap();
    }
    let four = Count {
        requests: 4,
        units: 4.0,
    };
    assert_eq!(table.0.counts().total(), four);
    let row = table.row();
    assert_eq!(row["hold_on_expiry"]["BOOL"], true);
    assert!(row.get("ttl").is_none() && row.get("pinned").is_none() && row.get("queue").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_release_that_no_answer_confirms_says_that_an_operator_may_be_needed() {
    let table = Table::new();
    let held = table.closed("a").acquire("42").await.unwrap();
    let fence = held.fence();
    table.0.plan(|_: &_| Fate::dropped());
    let error = held.release().await.unwrap_err();
    assert!(error.is_unknown());
    let expected = format!(
        "cannot tell whether lock `42` was released: no answer came; it does not expire: if it is still held \
         with fencing token {fence}, an operator has to force its release"
    );
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_has_begun_is_never_found_dead() {
    let table = Table::new();
    let dead = table.closed("dead").acquire("42").await.unwrap();
    std::mem::forget(dead);
    tokio::time::advance(24 * HOUR).await;
    assert!(
        table
            .closed("b")
            .try_acquire("42")
            .await
            .unwrap_err()
            .is_busy()
    );
    let b = table
        .closed("b")
        .with_settings(|settings| settings.max_wait(Duration::from_secs(60)));
    assert!(b.unwrap().acquire("42").await.unwrap_err().is_timed_out());
}

#[tokio::test(start_paused = true)]
async fn a_waiter_claims_before_it_acts_and_is_then_held_for_good() {
    let table = Table::new();
    let first = table.closed("a").acquire("42").await.unwrap();
    let b = table.closed("b");
    let second = tokio::spawn(async move { b.acquire("42").await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    first.release().await.unwrap();
    let second = second.await.unwrap().unwrap();
    assert_eq!(table.row()["pinned"]["N"], second.fence().to_string());
    tokio::time::advance(24 * HOUR).await;
    assert!(
        table
            .closed("c")
            .try_acquire("42")
            .await
            .unwrap_err()
            .is_busy()
    );
    second.release().await.unwrap();
    drop(table.closed("c").try_acquire("42").await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_dead_waiter_is_as_mortal_as_any() {
    let table = Table::new();
    let first = table.closed("a").acquire("42").await.unwrap();
    let (dead, c) = (table.closed("dead"), table.closed("c"));
    let waiting = tokio::spawn(async move { dead.acquire("42").await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    waiting.abort();
    let next = tokio::spawn(async move { c.acquire("42").await.unwrap().release().await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    first.release().await.unwrap();
    next.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dropped_guard_leaves_the_lock_to_a_person() {
    let table = Table::new();
    let a = table.closed("a");
    drop(a.acquire("42").await.unwrap());
    assert!(a.try_acquire("42").await.unwrap_err().is_busy());
}

#[tokio::test(start_paused = true)]
async fn release_all_releases_what_is_held() {
    let table = Table::new();
    let a = table.closed("a");
    let held = a.acquire("42").await.unwrap();
    assert!(a.release_all(Duration::from_secs(1)).await.is_empty());
    assert!(held.lease().is_expired());
    drop(table.closed("b").try_acquire("42").await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_first_use_of_a_key_decides_its_kind() {
    let table = Table::new();
    let open = table.client("a", OnExpiry::TakeOver);
    open.acquire("42").await.unwrap().release().await.unwrap();
    let refused = table.closed("b").acquire("42").await.unwrap_err();
    assert!(refused.is_configuration(), "{refused}");

    let closed = table.closed("b");
    closed.acquire("43").await.unwrap().release().await.unwrap();
    assert!(open.acquire("43").await.unwrap_err().is_configuration());
}
