//! What runs, how often, and at what cost.

use serde_json::{Value, json};
use testkit::locks::LockTable;

use super::{Counting, SKIP, deliver, message, millis};

/// Two tickets of one moment would be the same.
async fn tick() {
    tokio::time::sleep(millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_delivered_twice_runs_once() {
    let (table, handler) = (LockTable::new(), Counting::default());
    let mut a = handler.under(table.client("a"), &SKIP);
    let mut b = handler.under(table.client("b"), &SKIP);
    assert_eq!(deliver(&mut a, message("m1")).await, Ok(json!({"run": 1})));
    tick().await;
    assert_eq!(deliver(&mut b, message("m1")).await, Ok(Value::Null));
    assert_eq!(deliver(&mut a, message("m1")).await, Ok(Value::Null));
    assert_eq!(handler.runs(), 1);
    assert_eq!(table.story("a"), ["enqueue", "release"]);
    assert_eq!(table.story("b"), ["enqueue refused"]);
}

#[tokio::test(start_paused = true)]
async fn events_of_one_order_queue_and_each_runs_once() {
    let (table, handler) = (LockTable::new(), Counting::default());
    let deliveries = (0..12).map(|n| {
        let mut locked = handler.under(table.client(&format!("e{n}")), &SKIP);
        let message = message(&format!("m{}", n % 4));
        async move { deliver(&mut locked, message).await }
    });
    let answers: Vec<_> = deliveries.map(tokio::spawn).collect();
    let mut ran = 0;
    for answer in answers {
        let answer = answer.await.expect("no panic").expect("all are answered");
        ran += u32::from(!answer.is_null());
    }
    assert_eq!((ran, handler.runs()), (4, 4));
    assert!(table.row().queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn duplicates_within_one_environment_wait_in_memory_and_ask_nobody() {
    let (table, handler) = (LockTable::new(), Counting::default());
    let locked = handler.under(table.client("a"), &SKIP);
    let deliveries = (0..8).map(|_| {
        let mut locked = locked.clone();
        async move { deliver(&mut locked, message("m1")).await }
    });
    let answers: Vec<_> = deliveries.map(tokio::spawn).collect();
    for answer in answers {
        answer.await.expect("no panic").expect("all are answered");
    }
    assert_eq!(handler.runs(), 1);
    assert_eq!(table.story("a"), ["enqueue", "release"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_whose_handler_fails_is_tried_again() {
    let (table, handler) = (LockTable::new(), Counting::default());
    let mut a = handler.under(table.client("a"), &SKIP);
    for then in [
        json!("fail"),
        json!("not done"),
        json!({"statusCode": 500}),
        json!({"statusCode": 400}),
        json!({"batchItemFailures": [{"itemIdentifier": "1"}]}),
    ] {
        let mut event = message("m1");
        event["then"] = then;
        let _ = deliver(&mut a, event).await;
        tick().await;
    }
    assert_eq!(handler.runs(), 5);
    assert_eq!(deliver(&mut a, message("m1")).await, Ok(json!({"run": 6})));
    assert_eq!(deliver(&mut a, message("m1")).await, Ok(Value::Null));
}

#[tokio::test(start_paused = true)]
async fn the_handlers_own_word_counts_for_more() {
    let (table, handler) = (LockTable::new(), Counting::default());
    let mut a = handler.under(table.client("a"), &SKIP);
    let mut event = message("m1");
    event["then"] = json!("done, but fails");
    assert_eq!(deliver(&mut a, event).await, Err("it failed".to_owned()));
    assert_eq!(deliver(&mut a, message("m1")).await, Ok(Value::Null));
}

#[tokio::test(start_paused = true)]
async fn each_event_is_its_own_lock_where_no_other_is_named() {
    let (table, handler) = (LockTable::new(), Counting::default());
    let vars = [
        ("LOCKS_DEDUP", "skip"),
        ("LOCKS_DEDUP_KEY", "/messageId"),
        ("AWS_LAMBDA_FUNCTION_NAME", "orders"),
        ("LOCKS_TABLE", "locks"),
    ];
    let mut a = handler.under(table.client("a"), &vars);
    let mut b = handler.under(table.client("b"), &vars);
    deliver(&mut a, message("m1")).await.expect("it runs");
    tick().await;
    assert_eq!(deliver(&mut b, message("m1")).await, Ok(Value::Null));
    let row = table.dynamo().row("locks", "orders#m1", "default");
    assert!(row.is_some(), "the lock is named by the scope and the key");
}

#[tokio::test(start_paused = true)]
async fn two_functions_that_share_a_lock_do_not_skip_each_others_events() {
    let (table, handler) = (LockTable::new(), Counting::default());
    let scoped = |scope| [&SKIP[..], &[("LOCKS_DEDUP_SCOPE", scope)]].concat();
    let mut orders = handler.under(table.client("a"), &scoped("orders"));
    let mut mails = handler.under(table.client("b"), &scoped("mails"));
    deliver(&mut orders, message("m1")).await.expect("it runs");
    tick().await;
    deliver(&mut mails, message("m1")).await.expect("it runs");
    assert_eq!(handler.runs(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_event_without_an_idempotency_key_is_an_error_unless_a_setting_says_otherwise() {
    let (table, handler) = (LockTable::new(), Counting::default());
    let event = json!({ "orderId": "42" });
    for (on_missing, expected, runs) in [
        ("error", Err("Lock.BadKey".to_owned()), 0),
        ("skip", Ok(Value::Null), 0),
        ("run", Ok(json!({"run": 1})), 1),
    ] {
        let vars = [&SKIP[..], &[("LOCKS_ON_MISSING", on_missing)]].concat();
        let mut locked = handler.under(table.client("a"), &vars);
        assert_eq!(deliver(&mut locked, event.clone()).await, expected);
        assert_eq!(handler.runs(), runs);
    }
    // Without an idempotency key it ran under its lock.
    assert_eq!(table.story("a"), ["enqueue", "release"]);
}

#[tokio::test(start_paused = true)]
async fn without_deduplication_nothing_is_said_of_operations() {
    let (table, handler) = (LockTable::new(), Counting::default());
    let mut a = handler.under(table.client("a"), &SKIP[..1]);
    for _ in 0..2 {
        deliver(&mut a, message("m1")).await.expect("it runs");
        tick().await;
    }
    assert_eq!(handler.runs(), 2);
    for logged in table.log_of("a") {
        let body = logged.request.body.to_string();
        assert!(!body.contains('@') && !body.contains("#done"), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_runs_without_the_key_of_a_lock_runs_once_all_the_same() {
    let (table, handler) = (LockTable::new(), Counting::default());
    let vars = [&SKIP[..], &[("LOCKS_ON_MISSING", "run")]].concat();
    for name in ["a", "b"] {
        let mut locked = handler.under(table.client(name), &vars);
        let answer = deliver(&mut locked, json!({ "messageId": "m1" })).await;
        assert!(answer.is_ok(), "{answer:?}");
        tick().await;
    }
    assert_eq!(handler.runs(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_is_declared_permanent_is_not_repeated() {
    let (table, handler) = (LockTable::new(), Counting::default());
    let mut event = message("m1");
    event["then"] = "permanent".into();
    let mut answers = Vec::new();
    for name in ["a", "b"] {
        let mut locked = handler.under(table.client(name), &SKIP);
        answers.push(deliver(&mut locked, event.clone()).await);
        tick().await;
    }
    assert_eq!(
        answers,
        [Err("it will fail again".to_owned()), Ok(Value::Null)]
    );
    assert_eq!(handler.runs(), 1);
}
