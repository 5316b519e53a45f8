//! A refusal in the words of the event's source.

use std::time::Duration;

use lambda_http::{IntoResponse, Request, RequestExt};
use lambda_locks::{LayerError, LockResponse};
use serde_json::{Value, json};
use testkit::locks::{KEY, LockTable};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::{Event, MINUTE, answered, event, layer, millis};

/// Whether it is the answer to a source that wants none.
fn is_nothing<A>(answer: &LockResponse<A>) -> bool {
    matches!(answer, LockResponse::Rejected(rejection) if rejection.status().is_none())
}

/// The answer of a handler that does not get the lock, as the runtime sends it.
async fn refused(payload: Value, vars: &[(&str, &str)]) -> Result<Value, String> {
    let table = LockTable::new();
    let held = table.client("other").acquire(KEY).await;
    let held = held.expect("it is free");
    tokio::time::sleep(millis(10)).await;
    let impatient = table.a_client("a").with(|s| s.max_wait(Duration::ZERO));
    let handler =
        service_fn(async |_: Event| -> Result<(), String> { panic!("it is never called") });
    let mut locked = layer(impatient.ready(), vars).layer(handler);
    let answer = answered(&mut locked, event(payload, MINUTE)).await;
    held.release().await.expect("it is held");
    match answer {
        Ok(answer) => Ok(serde_json::to_value(answer).expect("it is JSON")),
        Err(LayerError::Lock(failure)) => Err(failure.name().to_owned()),
        Err(other) => panic!("{other}"),
    }
}

/// An event with the key in it, and whatever makes its source.
fn from(source: Value) -> Value {
    let mut event = source;
    event["orderId"] = KEY.into();
    event
}

fn url() -> Value {
    from(json!({"version": "2.0", "requestContext": {"http": {"method": "POST"}}}))
}

fn rest() -> Value {
    from(json!({"httpMethod": "POST", "requestContext": {"httpMethod": "POST"}}))
}

fn queue() -> Value {
    from(json!({"Records": [{"eventSource": "aws:sqs"}]}))
}

#[tokio::test(start_paused = true)]
async fn a_client_over_http_is_told_to_come_back() {
    for event in [url(), rest()] {
        let response = refused(event, &[]).await.unwrap();
        assert_eq!(response["statusCode"], 409);
        let headers = &response["headers"];
        assert_eq!(headers["content-type"], "application/problem+json");
        let after: u64 = headers["retry-after"].as_str().unwrap().parse().unwrap();
        assert!((1..=11).contains(&after), "{after}");
        assert_eq!(response["isBase64Encoded"], false);
        let body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["title"], "Lock.Busy");
        // Whose the lock is, is nobody's business out there.
        assert!(!body.to_string().contains("other"), "{body}");
        assert_eq!(response.as_object().unwrap().len(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn a_balancer_gets_what_it_needs_beyond() {
    let context = json!({"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:x"}});
    let plain = from(json!({"requestContext": context, "headers": {"host": "x"}}));
    let response = refused(plain, &[]).await.unwrap();
    assert_eq!(response["statusDescription"], "409 Conflict");
    assert!(response["headers"]["retry-after"].is_string());
    let lists = from(json!({"requestContext": context, "multiValueHeaders": {"host": ["x"]}}));
    let response = refused(lists, &[]).await.unwrap();
    assert!(response["multiValueHeaders"]["retry-after"][0].is_string());
    assert!(response.get("headers").is_none());
}

#[tokio::test(start_paused = true)]
async fn all_others_get_an_error_so_that_they_retry() {
    for event in [queue(), from(json!({}))] {
        assert_eq!(refused(event, &[]).await, Err("Lock.Busy".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_setting_has_the_last_word() {
    let error = [("LOCKS_REFUSAL", "error")];
    assert_eq!(refused(url(), &error).await, Err("Lock.Busy".to_owned()));
    let http = [("LOCKS_REFUSAL", "http")];
    assert_eq!(
        refused(from(json!({})), &http).await.unwrap()["statusCode"],
        409
    );
}

#[tokio::test(start_paused = true)]
async fn who_skips_answers_nothing() {
    let skip = [("LOCKS_ON_BUSY", "skip")];
    assert_eq!(refused(queue(), &skip).await.unwrap(), Value::Null);
    // Nothing at all would be a broken gateway to them.
    assert_eq!(refused(url(), &skip).await.unwrap()["statusCode"], 204);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_wait_is_told_at_once() {
    let table = LockTable::new();
    let held = table.client("other").acquire(KEY).await.unwrap();
    for (on_busy, nothing) in [("fail", false), ("skip", true)] {
        let handler =
            service_fn(async |_: Event| -> Result<(), String> { panic!("it is never called") });
        let vars = [("LOCKS_ON_BUSY", on_busy)];
        let mut locked = layer(table.client("a"), &vars).layer(handler);
        let asked = table.now();
        let answer = answered(&mut locked, event(queue(), MINUTE)).await;
        assert!(table.now().since(asked) < millis(100));
        match answer {
            Ok(answer) => assert!(nothing && is_nothing(&answer)),
            Err(LayerError::Lock(failure)) => assert!(!nothing && failure.is_busy()),
            Err(other) => panic!("{other}"),
        }
    }
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_event_without_a_key_is_skipped_or_runs_as_configured() {
    let table = LockTable::new();
    let handler =
        || service_fn(async |_: Event| Ok::<_, String>(lambda_locks::current().is_some()));
    let invoked = async |vars: &[(&str, &str)], payload: Value| {
        let mut locked = layer(table.client("a"), vars).layer(handler());
        answered(&mut locked, event(payload, MINUTE)).await
    };
    let skip = [("LOCKS_ON_MISSING", "skip")];
    let run = [("LOCKS_ON_MISSING", "run")];
    for payload in [json!({}), json!({"orderId": null}), json!({"orderId": ""})] {
        assert!(is_nothing(&invoked(&skip, payload.clone()).await.unwrap()));
        let ran = invoked(&run, payload.clone()).await.unwrap();
        assert_eq!(ran, LockResponse::Handler(false), "without a lock");
        assert!(invoked(&[], payload).await.is_err());
    }
    assert_eq!(table.dynamo().counts().total().requests, 0);
    let batch = json!({"Records": [{"orderId": 1}, {"orderId": 2}]});
    for vars in [skip, run] {
        let pointer = [("LOCKS_KEY", "/Records/0/orderId"), vars[0]];
        assert!(
            invoked(&pointer, batch.clone()).await.is_err(),
            "wrong is not missing"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_serializes_to_what_the_handlers_would() {
    let table = LockTable::new();
    let payload = json!({"nested": [1, null, {"a": "b"}]});
    let said = payload.clone();
    let handler = service_fn(move |_: Event| std::future::ready(Ok::<_, String>(said.clone())));
    let mut locked = layer(table.client("a"), &[]).layer(handler);
    let answer = answered(&mut locked, event(url(), MINUTE)).await.unwrap();
    assert_eq!(serde_json::to_string(&answer).unwrap(), payload.to_string());
}

#[tokio::test(start_paused = true)]
async fn over_lambda_http_a_refusal_is_a_response() {
    let table = LockTable::new();
    let held = table.client("other").acquire("/orders").await.unwrap();
    let vars = [("LOCKS_KEY", "/path"), ("LOCKS_ON_BUSY", "fail")];
    let handler = service_fn(async |_: Request| Ok::<_, String>("done"));
    let mut locked = layer(table.client("a"), &vars).layer(handler);
    let request = || {
        let request = lambda_http::http::Request::get("/orders");
        let request = request.body(lambda_http::Body::Empty).unwrap();
        request.with_lambda_context(event((), MINUTE).context)
    };
    let ready = locked.ready().await.unwrap();
    let response = ready.call(request()).await.unwrap().into_response().await;
    assert_eq!(response.status(), 409);
    assert!(response.headers().contains_key("retry-after"));
    held.release().await.unwrap();
    let ready = locked.ready().await.unwrap();
    let response = ready.call(request()).await.unwrap().into_response().await;
    assert_eq!(response.status(), 200);
    assert_eq!(&**response.body(), b"done");
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_is_told_how_long_locks_are_held_and_not_only_the_rest_of_the_lease() {
    let table = LockTable::new();
    let handler = service_fn(async |event: Event| {
        let work = event.payload["workMs"].as_u64().unwrap_or_default();
        tokio::time::sleep(millis(work)).await;
        Ok::<_, String>(())
    });
    let mut locked = layer(table.client("a"), &[("LOCKS_ON_BUSY", "fail")]).layer(handler);
    let mut work = url();
    work["workMs"] = 2000.into();
    answered(&mut locked, event(work, MINUTE)).await.unwrap();
    let held = table.client("other").acquire(KEY).await.unwrap();
    let answer = answered(&mut locked, event(url(), MINUTE)).await.unwrap();
    let response = serde_json::to_value(answer).unwrap();
    assert_eq!(
        response["headers"]["retry-after"], "2",
        "as the last one took"
    );
    held.release().await.unwrap();
}
