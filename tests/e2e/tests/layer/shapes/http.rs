//! Requests over HTTP, as API Gateway sends them and `lambda_http` reads them.

use std::sync::Arc;
use std::time::Duration;

use lambda_http::request::from_str;
use lambda_http::{Error, Request, RequestExt, Response};
use lambda_locks::LayerError;
use serde_json::{Value, json};
use testkit::locks::LockTable;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::{context, layer};

const MINUTE: Duration = Duration::from_secs(60);

/// A request to an HTTP API, whose headers are in small letters.
fn newer(body: &str, encoded: bool) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/orders/42",
        "rawQueryString": "tenant=a%20b&page=1&page=2&odd=%FF",
        "headers": {"host": "example.com", "x-order-id": "7"},
        "requestContext": {
            "accountId": "1", "apiId": "2", "stage": "$default",
            "http": {"method": "POST", "path": "/orders/42"},
        },
        "body": body,
        "isBase64Encoded": encoded,
    })
}

/// A request to a REST API, whose headers are as the client wrote them.
fn older(body: &str, encoded: bool) -> Value {
    json!({
        "resource": "/{proxy+}",
        "path": "/orders/42",
        "httpMethod": "POST",
        "headers": {"Host": "example.com", "X-Order-Id": "7"},
        "multiValueHeaders": {"Host": ["example.com"], "X-Order-Id": ["7"]},
        "queryStringParameters": {"tenant": "a b", "page": "2"},
        "multiValueQueryStringParameters": {"tenant": ["a b"], "page": ["1", "2"]},
        "requestContext": {
            "accountId": "1", "apiId": "2", "stage": "$default", "httpMethod": "POST",
        },
        "body": body,
        "isBase64Encoded": encoded,
    })
}

/// The key that a request is locked under, or what is said of it.
async fn key(event: &Value, pointers: &str) -> Result<String, String> {
    let request = from_str(&event.to_string()).expect("it is what API Gateway sends");
    let handler = service_fn(async |_: Request| {
        let held = lambda_locks::current().expect("the handler has a lock");
        Ok::<_, Error>(Response::new(held.key().to_string()))
    });
    let mut locked = layer(&LockTable::new(), pointers).layer(handler);
    let ready = locked.ready().await.expect("it is always ready");
    let answer = ready.call(request.with_lambda_context(context(MINUTE)));
    match answer.await {
        Ok(answer) => {
            let body = answer.into_inner().expect("the handler ran").into_body();
            Ok(String::from_utf8(body.to_vec()).expect("a key is text"))
        }
        Err(LayerError::Lock(failure)) => {
            assert_eq!(failure.name(), "Lock.BadKey");
            Err(failure.to_string())
        }
        Err(other) => panic!("{other}"),
    }
}

/// Both APIs, with the body as text and in base64.
fn events(body: &str, encoded: &str) -> [Value; 4] {
    [
        newer(body, false),
        newer(encoded, true),
        older(body, false),
        older(encoded, true),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_part_of_a_request_can_be_the_key() {
    for event in events(r#"{"order": {"id": 42}}"#, "eyJvcmRlciI6IHsiaWQiOiA0Mn19") {
        for (pointers, found) in [
            ("/method", "POST"),
            ("/path", "/orders/42"),
            ("/headers/x-order-id", "7"),
            ("/headers/X-Order-ID", "7"),
            ("/query/tenant", "a b"),
            ("/body/order/id", "42"),
            ("/body", r#"{\"order\": {\"id\": 42}}"#),
            ("/query/tenant, /body/order/id", "a b#42"),
        ] {
            assert_eq!(key(&event, pointers).await.as_deref(), Ok(found));
        }
        let whole = key(&event, "/body/order").await.expect("an object");
        assert_eq!(whole, "sha256:17b4db064e17f4878e391177e6ca623b");
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_not_there_is_missing() {
    for event in events("", "") {
        for (pointer, why) in [
            ("/orderId", "`/orderId` is missing from the event"),
            (
                "/headers/x-order",
                "`/headers/x-order` is missing from `/headers`",
            ),
            ("/query/order", "`/query/order` is missing from `/query`"),
            (
                "/body/id",
                "`/body/id` is missing from `/body`, which is not JSON",
            ),
            ("/body", "`/body` is an empty string"),
        ] {
            let said = key(&event, pointer).await.expect_err(pointer);
            assert!(said.starts_with(why), "{said}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_several_values_none_is_the_key() {
    for event in events("", "") {
        let said = key(&event, "/query/page").await;
        let why = "the event cannot be read for its key at `/query/page`: there are several `page`";
        assert_eq!(said.as_deref().expect_err("there are two"), why);
    }
    let mut event = older("", false);
    event["headers"] = json!({});
    event["multiValueHeaders"]["X-Order-Id"] = json!(["7", "8"]);
    let said = key(&event, "/headers/x-order-id").await;
    let said = said.expect_err("there are two");
    assert!(said.ends_with("there are several `x-order-id`"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_text_is_no_key() {
    // The byte 0xff in base64.
    let event = newer("/w==", true);
    for pointer in ["/body", "/body/id", "/query/odd"] {
        let said = key(&event, pointer).await.expect_err(pointer);
        assert!(said.ends_with(": it is not text"), "{said}");
    }
    assert_eq!(key(&event, "/path").await.as_deref(), Ok("/orders/42"));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_comes_with_the_request() {
    let handler =
        service_fn(async |_: Request| -> Result<String, String> { std::future::pending().await });
    let mut locked = layer(&LockTable::new(), "/path").layer(handler);
    let request = from_str(&newer("", false).to_string()).expect("it is a request");
    let ready = locked.ready().await.expect("it is always ready");
    let ended = ready.call(request.with_lambda_context(context(MINUTE)));
    match ended.await {
        Err(LayerError::Lock(failure)) => assert_eq!(failure.name(), "Lock.Deadline"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_produced_later_is_produced_under_the_lock() {
    let table = Arc::new(LockTable::new());
    let handler = service_fn(async |_: Request| {
        let (mut sender, body) = lambda_runtime::streaming::channel();
        let table = Arc::clone(&table);
        tokio::spawn(async move {
            tokio::time::sleep(MINUTE / 60).await;
            let queued = table.row().queue.len().to_string();
            sender.send_data(queued.into()).await.expect("it is read");
        });
        Ok::<_, Error>(Response::new(body))
    });
    let mut locked = layer(&table, "'42'").layer(handler);
    let request = from_str(&newer("", false).to_string()).expect("it is a request");
    let ready = locked.ready().await.expect("it is always ready");
    let answer = ready.call(request.with_lambda_context(context(MINUTE)));
    let answer = answer.await.expect("the lock is free").into_inner();
    assert_eq!(&**answer.expect("the handler ran").body(), b"1");
    assert_eq!(table.row().queue.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_router_of_axum_is_locked() {
    let table = LockTable::new();
    let held =
        async || lambda_locks::current().map_or_else(String::new, |held| held.key().to_string());
    let router = axum::Router::new().route("/orders/{id}", axum::routing::post(held));
    let mut locked = layer(&table, "/path").layer(router);
    let request = from_str(&newer("", false).to_string()).expect("it is a request");
    let ready = locked.ready().await.expect("it is always ready");
    let answer = ready.call(request.with_lambda_context(context(MINUTE)));
    let answer = answer.await.expect("the lock is free").into_inner();
    assert_eq!(&**answer.expect("the handler ran").body(), b"/orders/42");
    assert_eq!(table.row().queue.len(), 0);
}
