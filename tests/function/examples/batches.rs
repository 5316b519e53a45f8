//! The same function on messages of a queue, each about an order: a handler of single records.

#[path = "../src/order.rs"]
mod order;

use lambda_locks::{LockLayer, records};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use order::Order;
use serde::Deserialize;
use tower::ServiceBuilder;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    message_id: String,
    body: String,
}

async fn handler(message: LambdaEvent<Message>) -> Result<(), Error> {
    let Message { message_id, body } = message.payload;
    let order: Order = serde_json::from_str(&body)?;
    let fence = lambda_locks::current().map(|lock| lock.fence());
    order.work(fence).await?;
    tracing::info!(message_id, "message done");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().json().init();
    let locked = ServiceBuilder::new().layer(LockLayer::from_env());
    lambda_runtime::run_concurrent(locked.service(records(service_fn(handler)))).await
}
