//! What people do with locks: look, list, force, and care for the table.

use std::time::Duration;

use dynamodb_locks::{KeyKind, Locks, OnExpiry, Settings};
use testkit::dynamo::{Dynamo, Schema};
use testkit::locks::{KEY, LockTable};

fn client(dynamo: &Dynamo, change: impl FnOnce(Settings) -> Settings) -> Locks {
    let settings = change(Settings::new().table("locks"));
    Locks::with_client(&dynamo.client("a"), settings).expect("the settings are right")
}

#[tokio::test(start_paused = true)]
async fn a_look_tells_who_holds_and_who_waits() {
    let table = LockTable::new();
    let (a, b) = (table.client("a"), table.client("b"));
    assert!(a.inspect(KEY).await.unwrap().holder().is_none());
    let held = a.acquire(KEY).await.unwrap();
    let waiter = tokio::spawn(async move { b.acquire(KEY).await });
    tokio::time::sleep(Duration::from_secs(1)).await;

    let view = a.inspect(KEY).await.unwrap();
    let holder = view.holder().unwrap();
    assert_eq!(
        (holder.fence, holder.owner.as_str()),
        (Some(held.fence()), "a")
    );
    assert!(holder.until > holder.since);
    let waiters: Vec<_> = view.waiters().map(|waiter| waiter.owner).collect();
    assert_eq!(waiters, ["b"]);
    assert_eq!(view.last_fence(), view.waiters().next().unwrap().fence);
    waiter.abort();
}

#[tokio::test(start_paused = true)]
async fn a_list_goes_through_the_namespace_and_no_other() {
    let table = LockTable::new();
    let a = table.client("a");
    let elsewhere = a
        .with_settings(|settings| settings.prefix("elsewhere"))
        .unwrap();
    let mut held = vec![elsewhere.acquire("x").await.unwrap()];
    for key in ["1", "2", "3"] {
        held.push(a.acquire(key).await.unwrap());
    }
    let (mut listing, mut keys) = (a.list().await, Vec::new());
    while let Some(page) = listing.next().await.unwrap() {
        keys.extend(page.into_iter().map(|view| view.key().to_owned()));
    }
    keys.sort();
    assert_eq!(keys, ["1", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn a_forced_release_dates_the_next_turn_by_the_servers_clock_and_not_by_the_own_one() {
    let table = LockTable::new();
    let hour = Duration::from_secs(60 * 60);
    let held = table.client("a").acquire(KEY).await.unwrap();
    let fast = table.a_client("b").fast(hour).ready();
    assert!(fast.force_release(KEY, held.fence(), "ada").await.unwrap());
    let ahead = table.row().renewed_at.unwrap().since(table.now());
    assert!(ahead <= Duration::from_secs(2), "{ahead:?}");
}

#[tokio::test(start_paused = true)]
async fn a_person_can_force_a_release_and_the_row_says_who_did() {
    let table = LockTable::new();
    let closed = |settings: Settings| settings.on_expiry(OnExpiry::Hold);
    let (a, b) = (
        table.a_client("a").with(closed).ready(),
        table.a_client("b").with(closed).ready(),
    );
    let dead = a.acquire(KEY).await.unwrap();
    assert!(!b.force_release(KEY, dead.fence() + 1, "ada").await.unwrap());
    assert!(b.force_release(KEY, dead.fence(), "ada").await.unwrap());
    let row = table.dynamo().row("locks", KEY, "default").unwrap();
    assert_eq!(row["forced_release"]["M"]["by"]["S"], "ada");
    let held = b.try_acquire(KEY).await.unwrap();
    assert!(held.fence() > dead.fence());
    assert!(dead.release().await.unwrap_err().is_lost());
}

#[tokio::test]
async fn a_table_that_is_not_there_is_made_and_then_right() {
    let dynamo = Dynamo::new();
    let locks = client(&dynamo, |settings| settings);
    locks.ensure_table().await.unwrap();
    locks.ensure_table().await.unwrap();
    locks.acquire(KEY).await.unwrap().release().await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_with_a_table_is_said_exactly() {
    let dynamo = Dynamo::new();
    dynamo
        .create_table(&Schema::locks("locks").ttl("expires"))
        .unwrap();
    let refused = |locks: Locks| async move { locks.ensure_table().await.unwrap_err().to_string() };
    assert_eq!(
        refused(client(&dynamo, |settings| settings)).await,
        "table `locks` has its TTL on `expires`: expected `ttl`"
    );
    assert_eq!(
        refused(client(&dynamo, |settings| settings
            .partition_key("key")
            .sort_key(None)))
        .await,
        "table `locks` has the keys `id` (HASH, S) and `group` (RANGE, S): expected `key` (HASH, S)"
    );
}

#[tokio::test]
async fn partition_keys_of_every_type_name_locks() {
    for (kind, letter) in [(KeyKind::S, "S"), (KeyKind::N, "N"), (KeyKind::B, "B")] {
        for sort in [Some("group".to_owned()), None] {
            let dynamo = Dynamo::new();
            let change = |settings: Settings| settings.partition_kind(kind).sort_key(sort.clone());
            let locks = client(&dynamo, change);
            locks.ensure_table().await.unwrap();
            let held = locks.acquire(KEY).await.unwrap();
            assert!(
                locks.try_acquire(KEY).await.unwrap_err().is_busy(),
                "{letter}"
            );
            let page = locks.list().await.next().await.unwrap().unwrap();
            assert_eq!(page[0].key(), KEY);
            held.release().await.unwrap();
        }
    }
}
