use dynamodb_locks::Vars;
use lambda_locks::{LayerError, LockLayer};
use lambda_runtime::LambdaEvent;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use testkit::locks::LockTable;
use tower::{Layer, service_fn};

use super::{Event, MINUTE, event, invoke, layer, reported};

/// The key that an event is locked under.
async fn locked_under(pointers: &str, payload: impl Serialize) -> String {
    let table = LockTable::new();
    let layer = layer(table.client("a"), &[("LOCKS_KEY", pointers)]);
    let handler = service_fn(async |_: Event| Ok::<_, String>(held_key()));
    let key = invoke(&mut layer.layer(handler), event(payload, MINUTE)).await;
    let key = key
        .expect("the lock is free")
        .expect("the handler has a lock");
    assert!(table.dynamo().row("locks", &key, "default").is_some());
    key
}

/// The key of the lock that the handler which asks this has.
fn held_key() -> Option<String> {
    lambda_locks::current().map(|held| held.key().to_string())
}

/// What is said of an event that has no key.
async fn bad_key(pointers: &str, payload: Value) -> String {
    let table = LockTable::new();
    let layer = layer(table.client("a"), &[("LOCKS_KEY", pointers)]);
    let handler =
        service_fn(async |_: Event| -> Result<(), String> { panic!("it is never called") });
    let failure = invoke(&mut layer.layer(handler), event(payload, MINUTE)).await;
    let (name, message) = reported(failure.expect_err("there is no key"));
    assert_eq!(name, "Lock.BadKey", "{message}");
    assert_eq!(table.dynamo().counts().total().requests, 0, "{message}");
    message
}

#[tokio::test(start_paused = true)]
async fn it_is_taken_from_the_event() {
    assert_eq!(
        locked_under("/orderId", json!({ "orderId": "42" })).await,
        "42"
    );
    assert_eq!(
        locked_under("/order/id", json!({ "order": { "id": 42 } })).await,
        "42"
    );
    let two = json!({ "tenant": "t", "order": "o" });
    assert_eq!(locked_under("/tenant,/order", two).await, "t#o");
}

#[tokio::test(start_paused = true)]
async fn it_is_taken_from_a_message_inside_a_queues_record() {
    let record = json!({ "body": "{\"orderId\":\"42\"}" });
    let event = json!({ "Records": [record] });
    assert_eq!(locked_under("/Records/0/body/orderId", event).await, "42");
}

#[tokio::test(start_paused = true)]
async fn it_is_taken_from_a_payload_of_the_users_own_type() {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Order<'a> {
        order_id: &'a str,
    }
    assert_eq!(
        locked_under("/orderId", Order { order_id: "42" }).await,
        "42"
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_without_the_key_is_refused_and_says_what_to_do() {
    let message = bad_key("/orderId", json!({ "id": 1 })).await;
    assert!(message.starts_with("`/orderId` is missing"), "{message}");
    let help = "; set LOCKS_KEY to where the key stands in the event";
    assert!(message.ends_with(help), "{message}");
}

#[tokio::test(start_paused = true)]
async fn null_and_what_is_empty_are_refused() {
    for (value, why) in [
        (json!(null), "`/orderId` is null; set LOCKS_KEY"),
        (
            json!({}),
            "`/orderId` is an empty object; a lock needs a name",
        ),
        (
            json!([]),
            "`/orderId` is an empty array; a lock needs a name",
        ),
    ] {
        let message = bad_key("/orderId", json!({ "orderId": value })).await;
        assert!(message.starts_with(why), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_key_is_refused() {
    let message = bad_key("/orderId", json!({ "orderId": "" })).await;
    assert_eq!(
        message,
        "`/orderId` is an empty string; a lock needs a name"
    );
}

#[tokio::test(start_paused = true)]
async fn an_object_and_a_key_that_is_too_long_are_hashed() {
    let order = json!({ "orderId": { "tenant": "t", "number": 42 } });
    let key = locked_under("/orderId", order).await;
    assert_eq!(key, "sha256:61b34b6ab2aa7127aa2050b787ee6f5b");
    let key = locked_under("/orderId", json!({ "orderId": "x".repeat(2049) })).await;
    assert!(key.starts_with("xxx") && key.len() == 2048, "{key}");
}

#[tokio::test(start_paused = true)]
async fn it_is_taken_by_closure_from_a_type_that_does_not_serialize() {
    #[derive(Deserialize)]
    struct Order {
        tenant: String,
        number: Option<u8>,
    }
    let key = |order: &Order| {
        order
            .number
            .map(|number| format!("{}/{number}", order.tenant))
    };
    let lock = async |vars: &[(&str, &str)], order| {
        let table = LockTable::new();
        let vars = vars.iter().copied().collect::<Vars>();
        let layer = LockLayer::builder().locks(table.client("a")).vars(&vars);
        let layer = layer.key_fn(key).build();
        let layer = layer.expect("the variables are right");
        let handler = service_fn(async |_: LambdaEvent<Order>| Ok::<_, String>(held_key()));
        invoke(&mut layer.layer(handler), event(order, MINUTE)).await
    };
    let order = |number: Option<u8>| json!({ "tenant": "t", "number": number });
    let held = lock(&[], order(Some(42))).await;
    assert_eq!(held.expect("the lock is free").as_deref(), Some("t/42"));
    let held = lock(&[("LOCKS_ON_MISSING", "run")], order(None)).await;
    assert_eq!(held.expect("no lock is needed"), None);
    let failure = lock(&[], order(None)).await;
    let (name, message) = reported(failure.expect_err("there is no key"));
    assert_eq!(name, "Lock.BadKey");
    assert_eq!(message, "the closure gives no key for this event");
}

#[tokio::test(start_paused = true)]
async fn without_a_key_the_handler_runs_without_a_lock_where_that_is_wanted() {
    let table = LockTable::new();
    let layer = layer(table.client("a"), &[("LOCKS_ON_MISSING", "run")]);
    let handler = service_fn(async |event: Event| match event.payload {
        Value::Null => Err("no payload".to_owned()),
        _ => Ok(held_key()),
    });
    let mut locked = layer.layer(handler);
    let held = invoke(&mut locked, event(json!({}), MINUTE)).await;
    assert_eq!(held.expect("no lock is needed"), None);
    match invoke(&mut locked, event(Value::Null, MINUTE)).await {
        Err(LayerError::Handler(error)) => assert_eq!(error, "no payload"),
        other => panic!("{other:?}"),
    }
    assert_eq!(table.dynamo().counts().total().requests, 0);
    let batch = json!([{ "id": 1 }, { "id": 2 }]);
    let batch = json!({ "orderId": batch });
    let held = invoke(&mut locked, event(batch, MINUTE)).await;
    assert!(held.expect("it has a key").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_refused_also_where_a_key_may_be_missing() {
    for on_missing in ["run", "skip"] {
        let table = LockTable::new();
        let vars = [("LOCKS_KEY", "/0/id"), ("LOCKS_ON_MISSING", on_missing)];
        let layer = layer(table.client("a"), &vars);
        let handler =
            service_fn(async |_: Event| -> Result<(), String> { panic!("it is never called") });
        let batch = event(json!([{}, {}]), MINUTE);
        let failure = invoke(&mut layer.layer(handler), batch).await;
        assert_eq!(
            reported(failure.expect_err("it is a batch")).0,
            "Lock.BadKey"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_without_a_lock_may_panic() {
    let table = LockTable::new();
    let layer = layer(table.client("a"), &[("LOCKS_ON_MISSING", "run")]);
    let handler = service_fn(async |_: Event| -> Result<(), String> { panic!("all is lost") });
    let mut locked = layer.layer(handler);
    let invoked = tokio::spawn(async move { invoke(&mut locked, event((), MINUTE)).await });
    let panic = invoked.await.expect_err("it panics").into_panic();
    assert_eq!(panic.downcast_ref(), Some(&"all is lost"));
}

#[test]
fn what_is_missing_is_an_error_is_run_or_is_skipped() {
    let vars = [("LOCKS_KEY", "/id"), ("LOCKS_ON_MISSING", "ignore")];
    let table = LockTable::new();
    let layer = LockLayer::builder().locks(table.client("a"));
    let wrong = layer.vars(&Vars::from_iter(vars)).build::<Value>();
    assert_eq!(
        wrong.expect_err("there is no such word").to_string(),
        "invalid LOCKS_ON_MISSING `ignore`: expected `error`, `run` or `skip`"
    );
}

#[tokio::test(start_paused = true)]
async fn it_stands_beside_the_prefix_in_the_table() {
    let table = LockTable::new();
    let locks = table.a_client("a").with(|s| s.prefix("billing")).ready();
    let handler = service_fn(async |_: Event| Ok::<_, String>(()));
    let mut locked = layer(locks, &[]).layer(handler);
    let order = event(json!({ "orderId": "42" }), MINUTE);
    invoke(&mut locked, order).await.expect("the lock is free");
    assert!(table.dynamo().row("locks", "42", "billing").is_some());
    assert!(table.dynamo().row("locks", "42", "default").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_never_locked_by_its_first_record() {
    let batch = json!({ "Records": [{ "body": "{\"id\":1}" }, { "body": "{\"id\":2}" }] });
    let message = bad_key("/Records/0/body/id", batch).await;
    assert_eq!(
        message,
        "`/Records/0/body/id` points to one of 2 records, and the lock would protect only that one; \
         write `*` in place of the number, so that each record has its own lock"
    );
}

#[tokio::test(start_paused = true)]
async fn it_is_a_borrowed_field_a_number_or_a_part_of_the_context() {
    #[derive(Deserialize)]
    struct Order {
        id: String,
        number: u64,
        tenant: Option<String>,
    }
    let order = json!({ "id": "o1", "number": 7, "tenant": "t1" });
    macro_rules! locked_by {
        ($($find:ident: $key:expr => $found:literal,)*) => {
            $({
                let table = LockTable::new();
                let layer = LockLayer::builder().locks(table.client("a")).$find($key).build();
                let handler = service_fn(async |_: LambdaEvent<Order>| Ok::<_, String>(held_key()));
                let mut locked = layer.expect("nothing is wrong").layer(handler);
                let mut order = event(order.clone(), MINUTE);
                order.context.tenant_id = Some("t2".to_owned());
                let held = invoke(&mut locked, order).await.expect("the lock is free");
                assert_eq!(held.as_deref(), Some($found));
            })*
        };
    }
    locked_by! {
        key_field: |order: &Order| &order.id => "o1",
        key_field: |order: &Order| order.id.as_str() => "o1",
        key_field: |order: &Order| &order.number => "7",
        key_field: |order: &Order| &order.tenant => "t1",
        key_fn: |order: &Order| order.id.clone() => "o1",
        key_fn: |order: &Order| order.number => "7",
        key_fn: |order: &Order| Some(order.number) => "7",
        key_fn: |order: &Order| order.tenant.clone() => "t1",
        key_event: |event: &LambdaEvent<Order>| {
            let tenant = event.context.tenant_id.as_deref()?;
            Some(format!("{tenant}/{}", event.payload.id))
        } => "t2/o1",
    }
}

#[tokio::test(start_paused = true)]
async fn it_may_come_from_the_context_of_the_invocation() {
    let table = LockTable::new();
    let layer = layer(table.client("a"), &[("LOCKS_KEY", "@tenant,/orderId,'x'")]);
    let handler = service_fn(async |_: Event| Ok::<_, String>(held_key()));
    let mut order = event(json!({ "orderId": 42 }), MINUTE);
    order.context.tenant_id = Some("t1".to_owned());
    let held = invoke(&mut layer.layer(handler), order).await;
    assert_eq!(held.expect("the lock is free").as_deref(), Some("t1#42#x"));
}
