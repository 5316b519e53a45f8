//! Works on an order, never twice at a time.

use lambda_locks::LockLayer;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use tower::ServiceBuilder;

async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    // No other invocation works on this order now.
    let fence = lambda_locks::current().map(|lock| lock.fence());
    println!(
        "order {} with fencing token {fence:?}",
        event.payload["orderId"]
    );
    Ok(event.payload)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let locked = ServiceBuilder::new().layer(LockLayer::from_env());
    lambda_runtime::run(locked.service(service_fn(handler))).await
}
