//! A task of a state machine of Step Functions, which comes again while the order is busy: see state_machine.asl.json.

use lambda_locks::{LockLayer, OnBusy};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use tower::ServiceBuilder;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    order_id: String,
}

async fn handler(event: LambdaEvent<Order>) -> Result<Order, Error> {
    Ok(event.payload)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().json().init();
    // The state machine waits, which costs nothing: the function does not.
    let layer = LockLayer::builder()
        .env()
        .key("/orderId")
        .on_busy(OnBusy::Fail)
        .build()?;
    let locked = ServiceBuilder::new().layer(layer);
    lambda_runtime::run(locked.service(service_fn(handler))).await
}
