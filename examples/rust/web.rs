//! An API with axum behind API Gateway or a function URL: a request with an idempotency key has its effect once, and a
//! client that repeats it gets the first response.

use axum::extract::Path;
use axum::routing::post;
use axum::{Json, Router};
use lambda_http::http::StatusCode;
use lambda_locks::{Dedup, LockLayer, OnBusy};
use lambda_runtime::Error;
use serde_json::{Value, json};
use tower::ServiceBuilder;

async fn pay(Path(order): Path<String>) -> (StatusCode, Json<Value>) {
    let fence = lambda_locks::current().map(|lock| lock.fence());
    (
        StatusCode::CREATED,
        Json(json!({"order": order, "payment": fence})),
    )
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().json().init();
    // One payment of an order at a time; a client of another one gets 409 and a time to come back.
    let layer = LockLayer::builder()
        .env()
        .key("/path")
        .dedup(Dedup::replay("/headers/idempotency-key"))
        .on_busy(OnBusy::Fail)
        .build()?;
    let router = Router::new().route("/orders/{order}/payment", post(pay));
    lambda_http::run(ServiceBuilder::new().layer(layer).service(router)).await
}
