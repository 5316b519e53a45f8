//! Requests of `lambda_http` that come twice.

use std::sync::atomic::{AtomicU32, Ordering};

use lambda_http::request::from_str;
use lambda_http::{Body, Error, IntoResponse, Request, Response};
use lambda_locks::LockLayer;
use serde_json::{Value, json};
use testkit::locks::LockTable;
use tower::{Layer, Service, ServiceExt, service_fn};

fn request(key: &str, body: &str) -> Request {
    from_str(&event(key, body).to_string()).expect("it is what API Gateway sends")
}

fn event(key: &str, body: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/pay",
        "rawQueryString": "",
        "headers": {"host": "example.com", "idempotency-key": key},
        "requestContext": {
            "accountId": "1", "apiId": "2", "stage": "$default",
            "http": {"method": "POST", "path": "/pay"},
        },
        "body": body,
        "isBase64Encoded": false,
    })
}

#[tokio::test(start_paused = true)]
async fn a_request_that_comes_twice_gets_the_first_response() {
    for body in [Body::Text("paid".to_owned()), Body::Binary(vec![0, 159, 7])] {
        let (table, runs) = (LockTable::new(), AtomicU32::new(0));
        let handler = service_fn(async |_: Request| {
            let run = runs.fetch_add(1, Ordering::Relaxed);
            let response = Response::builder().status(201).header("x-run", run);
            response.body(body.clone())
        });
        let mut answers = Vec::new();
        for name in ["a", "b"] {
            let layer = LockLayer::builder()
                .locks(table.client(name))
                .dedup(lambda_locks::Dedup::replay("/headers/idempotency-key"));
            let mut locked = layer.build().expect("it is right").layer(handler);
            let ready = locked.ready().await.expect("it is always ready");
            let answer = ready.call(request("k1", "ten euros")).await;
            answers.push(answer.expect("it is answered").into_response().await);
            tokio::time::sleep(super::millis(1)).await;
        }
        assert_eq!(runs.load(Ordering::Relaxed), 1);
        let [first, second] = &answers[..] else {
            panic!("two")
        };
        assert_eq!(second.status(), first.status());
        assert_eq!(second.headers()["x-run"], "0");
        assert_eq!(second.headers()["idempotent-replayed"], "true");
        assert!(!first.headers().contains_key("idempotent-replayed"));
        let bytes = |response: &Response<Body>| response.body().as_ref().to_vec();
        assert_eq!(bytes(second), bytes(first));
    }
}

#[tokio::test(start_paused = true)]
async fn another_request_with_the_same_key_and_one_without_are_refused() {
    let table = LockTable::new();
    let handler = service_fn(async |_: Request| Ok::<_, Error>("paid"));
    let layer = LockLayer::builder()
        .locks(table.client("a"))
        .dedup(lambda_locks::Dedup::replay("/headers/idempotency-key"));
    let mut locked = layer.build().expect("it is right").layer(handler);
    let mut statuses = Vec::new();
    for request in [
        request("k1", "ten euros"),
        request("k1", "a thousand euros"),
        request("", "ten euros"),
    ] {
        let ready = locked.ready().await.expect("it is always ready");
        let answer = ready.call(request).await.expect("it is answered");
        let response = answer.into_response().await;
        statuses.push(response.status().as_u16());
        if statuses.len() > 1 {
            let body: Value = serde_json::from_slice(response.body().as_ref()).expect("JSON");
            assert!(body["title"].as_str().expect("a name").starts_with("Lock."));
        }
    }
    assert_eq!(statuses, [200, 422, 400]);
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_and_how_a_replay_is_marked_can_be_chosen() {
    let (table, handler) = (
        LockTable::new(),
        service_fn(async |_: Request| Ok::<_, Error>("card 4711")),
    );
    let mut answers = Vec::new();
    for name in ["a", "b"] {
        let dedup = lambda_locks::Dedup::replay("/headers/idempotency-key")
            .keep(|response| Some(response.replace("4711", "****")))
            .header("x-again");
        let layer = LockLayer::builder().locks(table.client(name)).dedup(dedup);
        let mut locked = layer.build().expect("it is right").layer(handler);
        let ready = locked.ready().await.expect("it is always ready");
        let answer = ready.call(request("\"k1\"", "ten euros")).await;
        answers.push(answer.expect("it is answered").into_response().await);
        tokio::time::sleep(super::millis(1)).await;
    }
    let bodies = answers.iter().map(|answer| answer.body().as_ref().to_vec());
    assert_eq!(
        bodies.collect::<Vec<_>>(),
        [b"card 4711".to_vec(), b"card ****".to_vec()]
    );
    let marked = answers
        .iter()
        .map(|answer| answer.headers().contains_key("x-again"));
    assert_eq!(marked.collect::<Vec<_>>(), [false, true]);
    assert!(!answers[1].headers().contains_key("idempotent-replayed"));
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_too_long_to_keep_is_gone_and_does_not_run_again() {
    let (table, runs) = (LockTable::new(), AtomicU32::new(0));
    let handler = service_fn(async |_: Request| {
        runs.fetch_add(1, Ordering::Relaxed);
        Ok::<_, Error>("paid")
    });
    let mut statuses = Vec::new();
    for name in ["a", "b"] {
        let dedup = lambda_locks::Dedup::replay("/headers/idempotency-key").keep_bytes(2);
        let layer = LockLayer::builder().locks(table.client(name)).dedup(dedup);
        let mut locked = layer.build().expect("it is right").layer(handler);
        let ready = locked.ready().await.expect("it is always ready");
        let answer = ready.call(request("k1", "ten euros")).await;
        statuses.push(
            answer
                .expect("it is answered")
                .into_response()
                .await
                .status()
                .as_u16(),
        );
        tokio::time::sleep(super::millis(1)).await;
    }
    assert_eq!(
        (&statuses[..], runs.load(Ordering::Relaxed)),
        (&[200, 410][..], 1)
    );
}

#[tokio::test(start_paused = true)]
async fn requests_are_told_apart_by_query_body_and_caller() {
    let changed = |change: fn(&mut Value)| {
        let mut event = event("k1", "ten euros");
        change(&mut event);
        from_str(&event.to_string()).expect("it is what API Gateway sends")
    };
    let others: [fn(&mut Value); 4] = [
        |event| event["rawQueryString"] = "amount=1000".into(),
        |event| event["rawPath"] = "/refund".into(),
        |event| {
            event["requestContext"]["authorizer"] =
                json!({"jwt": {"claims": {"sub": "bob"}, "scopes": null}});
        },
        |event| {
            event["body"] = "AJ8H".into();
            event["isBase64Encoded"] = true.into();
        },
    ];
    for other in others {
        let table = LockTable::new();
        let handler = service_fn(async |_: Request| Ok::<_, Error>("paid"));
        let layer = LockLayer::builder()
            .locks(table.client("a"))
            .dedup(lambda_locks::Dedup::replay("/headers/idempotency-key"));
        let mut locked = layer.build().expect("it is right").layer(handler);
        let mut statuses = Vec::new();
        for request in [changed(|_| ()), changed(other), changed(|_| ())] {
            let ready = locked.ready().await.expect("it is always ready");
            let answer = ready.call(request).await.expect("it is answered");
            statuses.push(answer.into_response().await.status().as_u16());
        }
        assert_eq!(statuses, [200, 422, 200]);
    }
}

#[tokio::test(start_paused = true)]
async fn two_uploads_are_two() {
    let upload = |body: &str| {
        let mut event = event("k1", body);
        event["isBase64Encoded"] = true.into();
        from_str(&event.to_string()).expect("it is what API Gateway sends")
    };
    let table = LockTable::new();
    let handler = service_fn(async |_: Request| Ok::<_, Error>("stored"));
    let layer = LockLayer::builder()
        .locks(table.client("a"))
        .dedup(lambda_locks::Dedup::replay("/headers/idempotency-key"));
    let mut locked = layer.build().expect("it is right").layer(handler);
    let mut statuses = Vec::new();
    for body in ["AJ8H", "AJ8I", "AJ8H"] {
        let ready = locked.ready().await.expect("it is always ready");
        let answer = ready.call(upload(body)).await.expect("it is answered");
        statuses.push(answer.into_response().await.status().as_u16());
    }
    assert_eq!(statuses, [200, 422, 200]);
}
