//! The caller's additional attributes: they enter with their entry and leave with it, whichever client removes
//! it, in the writes that there are anyway.

mod leaving;

use std::collections::BTreeMap;
use std::time::Duration;

use dynamodb_locks::{Attribute, Locks, Settings};
use serde_json::json;
use testkit::dynamo::{Fate, Gate};
use testkit::locks::{KEY, LockTable, Step};
use tokio::task::JoinHandle;

const LEASE: Duration = Duration::from_secs(10);

fn order(settings: Settings) -> Settings {
    settings.attribute("order", 42).attribute("by", "ada")
}

fn expected() -> BTreeMap<String, Attribute> {
    let pairs = [("order", 42.into()), ("by", "ada".into())];
    pairs.map(|(name, value)| (name.to_owned(), value)).into()
}

/// A client whose entries have attributes.
fn client(table: &LockTable, name: &str) -> Locks {
    table.a_client(name).with(order).ready()
}

/// The tickets beside which something stands in the row.
fn attributed(table: &LockTable) -> Vec<u64> {
    let row = table.dynamo().row("locks", KEY, "default");
    let row = row.as_ref().and_then(|row| row.as_object()).cloned();
    let columns = row.unwrap_or_default().into_iter();
    columns.filter_map(|(name, _)| name.parse().ok()).collect()
}

/// The entries that are in the queue, and they alone.
fn queued(table: &LockTable) -> Vec<u64> {
    let queue = table.row().queue;
    queue
        .iter()
        .filter_map(|entry| Some(entry.ticket()?.0))
        .collect()
}

/// Two tickets of one moment would be the same.
async fn tick() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// A client that waits.
async fn waiter(table: &LockTable, locks: Locks, name: &str) -> JoinHandle<()> {
    let waiting = tokio::spawn(async move {
        let held = locks.acquire(KEY).await.expect("its turn comes");
        held.release().await.expect("it holds");
    });
    table.delivered(name, Step::Poll, 1).await;
    waiting
}

#[tokio::test(start_paused = true)]
async fn they_stand_beside_the_holder_and_the_waiters_and_leave_with_them() {
    let table = LockTable::new();
    let (a, b) = (client(&table, "a"), client(&table, "b"));
    let held = a.acquire(KEY).await.unwrap();
    tick().await;
    let waiting = waiter(&table, b, "b").await;

    let view = a.inspect(KEY).await.unwrap();
    assert_eq!(view.holder().unwrap().attributes, expected());
    assert_eq!(view.waiters().next().unwrap().attributes, expected());
    let page = a.list().await.next().await.unwrap().unwrap();
    assert_eq!(page[0].holder().unwrap().attributes, expected());
    assert_eq!(attributed(&table), queued(&table));

    held.release().await.unwrap();
    assert_eq!(attributed(&table), queued(&table));
    waiting.await.unwrap();
    assert!(attributed(&table).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_trial_brings_them_and_a_child_has_its_own() {
    let table = LockTable::new();
    let a = client(&table, "a");
    let child = a.with_settings(|s| s.attribute("order", 7).attribute("try", true.to_string()));
    let held = child.unwrap().try_acquire(KEY).await.unwrap();
    let attributes = a.inspect(KEY).await.unwrap().holder().unwrap().attributes;
    assert_eq!(attributes["order"], 7.into());
    assert_eq!(attributes["by"], "ada".into());
    assert_eq!(attributes["try"], "true".into());
    held.release().await.unwrap();
    assert!(attributed(&table).is_empty());
}

#[tokio::test(start_paused = true)]
async fn they_cost_no_request_and_if_they_are_small_no_unit() {
    let table = LockTable::new();
    for locks in [client(&table, "a"), table.client("b")] {
        let before = table.dynamo().counts();
        locks.acquire(KEY).await.unwrap().release().await.unwrap();
        let cost = (table.dynamo().counts() - &before).total();
        assert_eq!((cost.requests, cost.units), (2, 2.0));
        tick().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_none_sends_nothing_about_them() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    held.release().await.unwrap();
    for logged in table.log_of("a") {
        let names = &logged.request.body["ExpressionAttributeNames"];
        assert_eq!((names.get("#a"), names.get("#x0")), (None, None));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_settled_with_them() {
    let table = LockTable::new();
    for step in [Step::Enqueue, Step::Release] {
        table.fate("a", step, 1, Fate::lost());
    }
    let held = client(&table, "a").acquire(KEY).await.unwrap();
    assert_eq!(attributed(&table), [held.fence()]);
    held.release().await.unwrap();
    assert!(attributed(&table).is_empty());
}

#[tokio::test(start_paused = true)]
async fn late_copies_bring_nothing_back() {
    let table = LockTable::new();
    let late = Gate::closed();
    let copied = Fate::delivered().again(&late);
    table.fate("a", Step::Enqueue, 1, copied.clone());
    table.fate("a", Step::Release, 1, copied);
    client(&table, "a")
        .acquire(KEY)
        .await
        .unwrap()
        .release()
        .await
        .unwrap();
    tick().await;
    let held = client(&table, "b").acquire(KEY).await.unwrap();
    let before = table.row();
    late.open();
    tick().await;
    assert_eq!(
        (table.row(), attributed(&table)),
        (before, vec![held.fence()])
    );
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn more_than_a_row_has_room_for_is_refused_with_what_would_be_right() {
    let table = LockTable::new();
    let refused = |settings: Settings| {
        let client = table.dynamo().client("a");
        Locks::with_client(&client, settings).unwrap_err()
    };
    let long = refused(Settings::new().attribute("n", "x".repeat(1024)));
    assert!(long.is_configuration());
    assert_eq!(
        long.to_string(),
        "the additional attributes have 1025 bytes: expected at most 1024, names included"
    );
    let unnamed = refused(Settings::new().attribute("", 1));
    assert_eq!(
        unnamed.to_string(),
        "invalid attribute name ``: expected some text"
    );
    let many = refused(order(Settings::new()).queue_cap(101));
    assert!(
        many.to_string()
            .starts_with("invalid queue cap `101`: expected at most 100")
    );
}

#[tokio::test(start_paused = true)]
async fn what_others_have_put_there_is_shown_as_far_as_it_can_be_and_removed() {
    let table = LockTable::new();
    let dead = table.entry("dead", LEASE * 6);
    let column = dead.ticket.0.to_string();
    table.put(&table.row_of([dead]));
    table.set(
        &column,
        json!({ "M": { "half": { "N": "0.5" }, "on": { "BOOL": true } } }),
    );
    let a = table.client("a");
    let attributes = a.inspect(KEY).await.unwrap().holder().unwrap().attributes;
    assert_eq!(attributes, [("half".to_owned(), "0.5".into())].into());
    a.acquire(KEY).await.unwrap().release().await.unwrap();
    assert!(attributed(&table).is_empty());
}
