//! Works on orders, never on the same one twice at a time.

mod order;

use lambda_locks::LockLayer;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use order::{Done, Order};
use tower::ServiceBuilder;

async fn handler(event: LambdaEvent<Order>) -> Result<Done, Error> {
    // No other invocation works on this order now; the fence proves it to the store of the result.
    let fence = lambda_locks::current().map(|lock| lock.fence());
    event.payload.work(fence).await
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().json().init();
    let locked = ServiceBuilder::new().layer(LockLayer::from_env());
    lambda_runtime::run_concurrent(locked.service(service_fn(handler))).await
}
