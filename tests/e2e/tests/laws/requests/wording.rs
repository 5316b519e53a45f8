use serde_json::Value;
use testkit::locks::{KEY, LockTable};

use super::LEASE;

#[tokio::test(start_paused = true)]
async fn every_write_is_told_the_row_either_way() {
    let table = LockTable::new();
    let a = table.client("a");
    let held = a.acquire(KEY).await.unwrap();
    table.client("b").try_acquire(KEY).await.unwrap_err();
    tokio::time::sleep(LEASE / 2).await;
    held.release().await.unwrap();
    let mut log = table.log_of("a");
    log.extend(table.log_of("b"));
    assert_eq!(log.len(), 4);
    for logged in log {
        let body = &logged.request.body;
        assert_eq!(body["ReturnValues"], "ALL_NEW");
        assert_eq!(body["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");
    }
}

#[tokio::test(start_paused = true)]
async fn every_attribute_goes_through_a_name() {
    let table = LockTable::new();
    table
        .client("a")
        .acquire(KEY)
        .await
        .unwrap()
        .release()
        .await
        .unwrap();
    let enqueue = &table.log_of("a")[0].request.body;
    let names = &enqueue["ExpressionAttributeNames"];
    let columns = [
        ("#queue", "queue"),
        ("#last_ticket", "last_ticket"),
        ("#t", "ttl"),
        ("#hold_on_expiry", "hold_on_expiry"),
    ];
    for (name, column) in columns {
        assert_eq!(names[name], column);
    }
    let bare = |text: &Value| {
        let words = text.as_str().unwrap_or_default();
        let words = words.split(|c: char| !c.is_alphanumeric() && c != '#' && c != ':');
        words
            .filter(|word| columns.iter().any(|(_, column)| word == column))
            .count()
    };
    assert_eq!(bare(&enqueue["UpdateExpression"]), 0);
    assert_eq!(bare(&enqueue["ConditionExpression"]), 0);
}

#[tokio::test(start_paused = true)]
async fn looks_are_eventually_consistent() {
    let table = LockTable::new();
    let _held = table.client("a").acquire(KEY).await.unwrap();
    let second = dynamodb_locks::AcquireOptions::wait(LEASE / 10);
    table
        .client("b")
        .acquire_with(KEY, second)
        .await
        .unwrap_err();
    let log = table.log_of("b");
    let looks = log.iter().filter(|logged| &*logged.request.op == "GetItem");
    let strong = |logged: &&testkit::dynamo::Logged| {
        logged.request.body["ConsistentRead"] == Value::Bool(true)
    };
    assert!(looks.clone().count() > 0);
    assert_eq!(looks.filter(strong).count(), 0);
}
