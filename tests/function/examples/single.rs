//! The same function on one thread: a handler that blocks it leaves nobody to hear SIGTERM.

#[path = "../src/order.rs"]
mod order;

use lambda_locks::LockLayer;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use order::{Done, Order};
use tower::ServiceBuilder;

async fn handler(event: LambdaEvent<Order>) -> Result<Done, Error> {
    let fence = lambda_locks::current().map(|lock| lock.fence());
    event.payload.work(fence).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().json().init();
    let layer = LockLayer::from_env();
    // On one thread nothing else opens the connection while the function initialises.
    layer.connected().await?;
    let locked = ServiceBuilder::new().layer(layer);
    lambda_runtime::run(locked.service(service_fn(handler))).await
}
