//! What compiles. The runtime's futures are made and dropped: to begin, they need an environment.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use lambda_http::{Body, Request, Response};
use lambda_locks::{LayerError, LockLayer};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use testkit::locks::LockTable;
use tower::{BoxError, ServiceBuilder};

use super::layer;

/// What a handler answers with, and takes: neither has to be what the other is.
#[derive(Deserialize, Serialize)]
struct Order {
    id: u64,
}

/// A payload that is not `Serialize`.
#[derive(Deserialize)]
struct Opaque {
    id: u64,
}

async fn typed(event: LambdaEvent<Order>) -> Result<Order, Error> {
    Ok(event.payload)
}

async fn opaque(event: LambdaEvent<Opaque>) -> Result<u64, Error> {
    Ok(event.payload.id)
}

async fn over_http(request: Request) -> Result<Response<Body>, Error> {
    Ok(Response::new(request.into_body()))
}

fn any_layer<T>() -> LockLayer<T> {
    layer(&LockTable::new(), "/id")
}

macro_rules! runs {
    ($($law:ident: $handler:expr;)*) => {
        $(#[tokio::test]
        async fn $law() {
            let locked = ServiceBuilder::new().layer(any_layer());
            drop(lambda_runtime::run(locked.service(service_fn($handler))));
        })*
    };
}

runs! {
    a_function: typed;
    a_payload_that_does_not_serialize: opaque;
    a_payload_of_any_json: async |event: LambdaEvent<Value>| Ok::<_, Error>(event.payload);
    a_payload_that_stays_text: async |event: LambdaEvent<Box<RawValue>>| Ok::<_, Error>(event.payload);
    an_answer_that_is_nothing: async |_: LambdaEvent<Order>| Ok::<_, Error>(());
    an_error_that_is_text: async |_: LambdaEvent<Order>| Err::<(), _>("text");
    an_error_that_is_a_string: async |_: LambdaEvent<Order>| Err::<(), _>(String::new());
    an_error_that_cannot_be: async |_: LambdaEvent<Order>| Ok::<_, Infallible>(());
    an_error_of_input_and_output: async |_: LambdaEvent<Order>| Ok::<_, std::io::Error>(());
    an_error_of_any_kind: async |_: LambdaEvent<Order>| Ok::<_, BoxError>(());
}

#[tokio::test]
async fn a_handler_that_borrows_and_is_not_send() {
    let name = String::from("name");
    let count = Rc::new(1);
    let handler = service_fn(async |_: LambdaEvent<Order>| {
        tokio::task::yield_now().await;
        Ok::<_, Error>(format!("{name} {count}"))
    });
    let locked = ServiceBuilder::new().layer(any_layer()).service(handler);
    drop(lambda_runtime::run(locked));
}

#[tokio::test]
async fn many_invocations_at_once() {
    let locked = ServiceBuilder::new().layer(any_layer());
    drop(lambda_runtime::run_concurrent(
        locked.service(service_fn(typed)),
    ));
    let locked = ServiceBuilder::new().layer(any_layer());
    drop(lambda_http::run_concurrent(
        locked.service(service_fn(over_http)),
    ));
}

#[tokio::test]
async fn other_layers_outside_and_inside() {
    let count = |event: LambdaEvent<Order>| event;
    let inside = ServiceBuilder::new()
        .layer(any_layer())
        .map_request(count)
        .concurrency_limit(1)
        .timeout(Duration::from_secs(1))
        .service(service_fn(typed));
    drop(lambda_runtime::run(inside));
    let outside = ServiceBuilder::new()
        .timeout(Duration::from_secs(1))
        .map_request(|event: LambdaEvent<Box<RawValue>>| event)
        .map_err(|failure: LayerError<Error>| failure)
        .layer(any_layer())
        .service(service_fn(typed));
    drop(lambda_runtime::run(outside));
    let twice = ServiceBuilder::new()
        .layer(any_layer())
        .layer(any_layer())
        .service(service_fn(typed));
    drop(lambda_runtime::run(twice));
}

#[tokio::test]
async fn over_http_with_any_answer_that_is_complete() {
    macro_rules! answers {
        ($($answer:expr,)*) => {
            $({
                let handler = service_fn(async |_: Request| Ok::<_, Error>($answer));
                drop(lambda_http::run(layer(&LockTable::new(), "/path").layer(handler)));
            })*
        };
    }
    use tower::Layer;
    answers! {
        Response::new(Body::Empty),
        Response::new(String::new()),
        String::new(),
        "text",
        Vec::<u8>::new(),
        Value::Null,
        (lambda_http::http::StatusCode::CREATED, Value::Null),
        (lambda_http::http::StatusCode::CREATED, String::new()),
    }
}

#[tokio::test]
async fn keys_by_closure() {
    let builder = || LockLayer::builder().locks(LockTable::new().client("a"));
    macro_rules! runs {
        ($($run:path, $handler:expr, $find:ident: $key:expr;)*) => {
            $({
                let layer = builder().$find($key).build().expect("nothing is wrong");
                let locked = ServiceBuilder::new().layer(layer);
                drop($run(locked.service(service_fn($handler))));
            })*
        };
    }
    runs! {
        lambda_runtime::run_concurrent, opaque, key_fn: |event: &Opaque| event.id;
        lambda_runtime::run, opaque, key_field: |event: &Opaque| &event.id;
        lambda_runtime::run, opaque, key_event: |event: &LambdaEvent<Opaque>| event.payload.id;
        lambda_http::run, over_http, key_field: |request: &Request| request.uri().path();
        lambda_http::run, over_http, key_fn: |request: &Request| request.uri().path().to_owned();
    }
}

#[tokio::test]
async fn a_router_of_axum_and_whatever_turns_into_a_response() {
    use lambda_http::IntoResponse;
    let router = axum::Router::new().route("/orders", axum::routing::get(async || "done"));
    let locked = ServiceBuilder::new().layer(layer(&LockTable::new(), "/path"));
    drop(lambda_http::run(locked.service(router)));
    async fn turns(_: Request) -> Result<impl IntoResponse, Error> {
        Ok("done")
    }
    let locked = ServiceBuilder::new().layer(layer(&LockTable::new(), "/path"));
    drop(lambda_http::run(locked.service(service_fn(turns))));
}
