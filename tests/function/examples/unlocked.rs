//! The same function without the layer: what the demo shows when nothing protects the orders.

#[path = "../src/order.rs"]
mod order;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use order::{Done, Order};

async fn handler(event: LambdaEvent<Order>) -> Result<Done, Error> {
    event.payload.work(None).await
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().json().init();
    lambda_runtime::run(service_fn(handler)).await
}
