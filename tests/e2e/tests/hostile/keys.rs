#![expect(
    clippy::unwrap_used,
    reason = "a test fails where its stage cannot be set"
)]

use std::collections::BTreeSet;

use dynamodb_locks::AcquireOptions;
use serde_json::Value;
use testkit::locks::LockTable;

use super::{LEASE, keys};

/// What a contended lock says to DynamoDB, without the lock's name and without the values.
async fn said(key: &str) -> BTreeSet<String> {
    let table = LockTable::new();
    let (a, b) = (table.client("a"), table.client("b"));
    let held = a.acquire(key).await.unwrap();
    tokio::time::sleep(LEASE / 2).await;
    b.try_acquire(key).await.unwrap_err();
    b.acquire_with(key, AcquireOptions::wait(LEASE / 10))
        .await
        .unwrap_err();
    held.release().await.unwrap();
    assert!(table.dynamo().row("locks", key, "default").is_some());
    let log = table.dynamo().log().into_iter();
    log.map(|logged| without(key, logged.request.body.clone()))
        .collect()
}

/// A request without the lock's name, which must stand there and nowhere else.
fn without(key: &str, mut body: Value) -> String {
    let name = body["Key"]["id"]["S"].take();
    assert_eq!(name, key);
    assert_eq!(body["Key"]["group"]["S"], "default");
    let values = body["ExpressionAttributeValues"].take();
    for value in values
        .as_object()
        .into_iter()
        .flat_map(|values| values.values())
    {
        assert!(!value.to_string().contains(key), "{key:?} is in {value}");
    }
    body.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_key_reaches_dynamodb_as_a_value_and_changes_no_request() {
    let plain = said("plain").await;
    assert!(plain.len() >= 4, "{plain:?}");
    for key in keys() {
        assert_eq!(said(&key).await, plain, "{key:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_look_alike_are_different_locks() {
    let table = LockTable::new();
    let a = table.client("a");
    let alike = [
        "a", "A", "a ", " a", "a\0", "a\n", "ａ", "\u{e9}", "e\u{301}", "a/../a",
    ];
    let mut held = Vec::new();
    for key in alike {
        held.push(a.try_acquire(key).await.unwrap());
        tokio::time::sleep(LEASE / 1000).await;
    }
    for held in held {
        held.release().await.unwrap();
    }
}
