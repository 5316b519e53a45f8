//! A table that is not there, not ours to use, or another than we think: an error that names it and says
//! what to do, and no lock lost.

use std::time::Duration;

use dynamodb_locks::{AcquireOptions, Error, KeyKind, Locks, Settings};
use testkit::dynamo::{Dynamo, Fate, Refusal, Request, Schema};
use testkit::locks::{KEY, LockTable, Step};

fn locks(dynamo: &Dynamo, change: impl FnOnce(Settings) -> Settings) -> Locks {
    let settings = change(Settings::new().table("locks"));
    Locks::with_client(&dynamo.client("a"), settings).expect("no journal, no trouble")
}

/// A database with one table.
fn with(schema: &Schema) -> Dynamo {
    let dynamo = Dynamo::new();
    dynamo.create_table(schema).expect("there is no table yet");
    dynamo
}

async fn refusal(locks: &Locks) -> Error {
    let error = locks.acquire(KEY).await.expect_err("a bad table");
    assert!(locks.try_acquire(KEY).await.is_err(), "{error}");
    error
}

#[tokio::test(start_paused = true)]
async fn no_such_table() {
    let error = refusal(&locks(&Dynamo::new(), |s| s)).await;
    assert!(error.is_bad_table(), "{error}");
    let message = "cannot acquire lock `42`: there is no table `locks` in this region; create it, or set \
                   LOCKS_TABLE (";
    assert!(error.to_string().starts_with(message), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_partition_key_of_another_name() {
    let dynamo = with(&Schema::locks("locks").partition("pk", "S"));
    let error = refusal(&locks(&dynamo, |s| s)).await;
    assert!(error.is_bad_table(), "{error}");
    let message = "cannot acquire lock `42`: table `locks` was expected to have partition key `id` (S) and \
                   sort key `group` (S); create it so, or name its keys with LOCKS_PARTITION_KEY and \
                   LOCKS_SORT_KEY (";
    assert!(error.to_string().starts_with(message), "{error}");
    let held = locks(&dynamo, |s| s.partition_key("pk"))
        .acquire(KEY)
        .await
        .unwrap();
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_sort_key_of_another_name_and_none_at_all() {
    let none = Schema::locks("locks").without_sort();
    let other = Schema::locks("locks").sort("sk", "S");
    let right: [(Schema, Option<&str>); 2] = [(none, None), (other, Some("sk"))];
    for (schema, name) in right {
        let dynamo = with(&schema);
        let error = refusal(&locks(&dynamo, |s| s)).await;
        assert!(error.is_bad_table(), "{error}");
        assert!(
            error.to_string().contains("sort key `group` (S)"),
            "{error}"
        );
        let right = locks(&dynamo, |s| s.sort_key(name.map(str::to_owned)));
        right.acquire(KEY).await.unwrap().release().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_sort_key_that_was_not_expected() {
    let dynamo = with(&Schema::locks("locks"));
    let error = refusal(&locks(&dynamo, |s| s.sort_key(None))).await;
    assert!(error.is_bad_table(), "{error}");
    assert!(
        error.to_string().contains("`id` (S) and no sort key"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_partition_key_of_another_type() {
    for kind in ["N", "B"] {
        let dynamo = with(&Schema::locks("locks").partition("id", kind));
        let error = refusal(&locks(&dynamo, |s| s)).await;
        assert!(error.is_bad_table(), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_finds_what_no_acquisition_could_repair() {
    let missing = locks(&Dynamo::new(), |s| s).check().await.unwrap_err();
    assert!(missing.is_bad_table(), "{missing}");
    let message = "cannot use the lock table: there is no table `locks` in this region";
    assert!(missing.to_string().starts_with(message), "{missing}");
    let other = with(&Schema::locks("locks").partition("pk", "S"));
    let other = locks(&other, |s| s).check().await.unwrap_err();
    assert!(other.is_bad_table(), "{other}");
    let dynamo = with(&Schema::locks("locks"));
    dynamo.plan(|_: &Request| Fate::refused(Refusal::Denied));
    let denied = locks(&dynamo, |s| s).check().await.unwrap_err();
    assert!(denied.is_denied(), "{denied}");
}

#[tokio::test(start_paused = true)]
async fn a_check_is_one_read_and_no_failure_where_that_may_pass() {
    for (kind, of_keys) in [("S", KeyKind::S), ("N", KeyKind::N), ("B", KeyKind::B)] {
        let dynamo = with(&Schema::locks("locks").partition("id", kind));
        locks(&dynamo, |s| s.partition_kind(of_keys))
            .check()
            .await
            .unwrap();
        assert_eq!(dynamo.counts().of("GetItem").requests, 1);
        assert_eq!(dynamo.counts().total().requests, 1);
    }
    for fate in [
        Fate::refused(Refusal::Throttled),
        Fate::refused(Refusal::Internal),
        Fate::dropped(),
    ] {
        let dynamo = with(&Schema::locks("locks"));
        dynamo.plan(move |_: &Request| fate.clone());
        locks(&dynamo, |s| s).check().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_sort_key_namespaces_are_part_of_the_key() {
    let dynamo = with(&Schema::locks("locks").without_sort());
    let [one, other] =
        ["one", "other"].map(|prefix| locks(&dynamo, |s| s.sort_key(None).prefix(prefix)));
    let held = one.acquire(KEY).await.unwrap();
    let also = other.acquire(KEY).await.unwrap();
    held.release().await.unwrap();
    also.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn columns_can_be_renamed_also_to_reserved_words() {
    let schema = Schema::locks("locks")
        .partition("key", "S")
        .sort("order", "S")
        .ttl("time");
    let dynamo = with(&schema);
    let renamed = |s: Settings| {
        let sort = Some("order".to_owned());
        s.partition_key("key")
            .sort_key(sort)
            .ttl_key(Some("time".to_owned()))
    };
    let held = locks(&dynamo, renamed).acquire(KEY).await.unwrap();
    let key = serde_json::json!({ "key": { "S": KEY }, "order": { "S": "default" } });
    assert!(dynamo.item("locks", key).unwrap()["time"]["N"].is_string());
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_table_without_ttl_gets_none() {
    let dynamo = with(&Schema::locks("locks").without_ttl());
    let held = locks(&dynamo, |s| s.ttl_key(None))
        .acquire(KEY)
        .await
        .unwrap();
    let row = dynamo.row("locks", KEY, "default").unwrap();
    assert_eq!(row.get("ttl"), None);
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_rights_at_all() {
    let table = LockTable::new();
    table
        .dynamo()
        .plan(|_: &Request| Fate::refused(Refusal::Denied));
    let begun = table.clock().now();
    let error = table.client("a").acquire(KEY).await.unwrap_err();
    assert!(error.is_denied(), "{error}");
    let message = "cannot acquire lock `42`: the credentials need dynamodb:UpdateItem";
    assert!(error.to_string().starts_with(message), "{error}");
    assert!(error.to_string().contains("on table `locks`"), "{error}");
    assert_eq!(table.clock().now(), begun, "nobody waits for rights");
    assert_eq!(table.dynamo().counts().total().requests, 1);
}

/// May write, but not read.
fn writes_only(request: &Request) -> Fate {
    match Step::of(request) {
        Step::Poll => Fate::refused(Refusal::Denied),
        _ => Fate::delivered(),
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_read_nobody_waits_and_nothing_is_left_in_the_queue() {
    let table = LockTable::new();
    let held = table.client("holder").acquire(KEY).await.unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await;
    table.dynamo().plan(writes_only);
    let error = table.client("a").acquire(KEY).await.unwrap_err();
    assert!(error.is_denied(), "{error}");
    assert!(error.to_string().contains("GetItem"), "{error}");
    assert_eq!(table.row().queue.len(), 1, "only the holder");
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rights_that_are_taken_away_while_a_lock_is_held_are_reported_by_the_release() {
    let table = LockTable::new();
    let a = table.client("a");
    let held = a.acquire(KEY).await.unwrap();
    table
        .dynamo()
        .plan(|_: &Request| Fate::refused(Refusal::Denied));
    let error = held.release().await.unwrap_err();
    assert!(error.is_denied(), "{error}");
    assert!(
        error.to_string().starts_with("cannot release lock `42`: "),
        "{error}"
    );
    // The lock is not lost: it is given back as soon as it can be.
    table.dynamo().plan(|_: &Request| Fate::delivered());
    a.try_acquire(KEY).await.unwrap().release().await.unwrap();
    assert_eq!(table.row().queue.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_may_not_heartbeat_any_more_stops_with_its_lease() {
    let table = LockTable::new();
    let held = table.client("a").acquire(KEY).await.unwrap();
    table
        .dynamo()
        .plan(|_: &Request| Fate::refused(Refusal::Denied));
    let begun = table.clock().now();
    held.lease().expired().await;
    let lasted = table.since(begun);
    assert!(
        lasted > Duration::from_secs(9) && lasted < Duration::from_secs(11),
        "{lasted:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_that_dynamodb_would_not_take_is_refused_before_anything_is_sent() {
    let table = LockTable::new();
    let a = table.client("a");
    for (key, message) in [
        (String::new(), "the key is empty; a lock needs a name"),
        (
            "x".repeat(2049),
            "the key has 2049 bytes; DynamoDB takes at most 2048 in a partition key",
        ),
    ] {
        let error = a.acquire(key).await.unwrap_err();
        assert!(error.is_bad_key(), "{error}");
        assert_eq!(error.to_string(), message);
    }
    assert_eq!(table.dynamo().counts().total().requests, 0);
    let longest = "x".repeat(2048);
    let limits = AcquireOptions::wait(Duration::from_secs(1));
    a.acquire_with(longest, limits)
        .await
        .unwrap()
        .release()
        .await
        .unwrap();
}
