//! Messages of an SQS queue: one order at a time, each message once.
//!
//! ```text
//! LOCKS_KEY=/Records/*/body/orderId
//! LOCKS_DEDUP=skip
//! LOCKS_DEDUP_KEY=/Records/*/messageId
//! ```
//!
//! The event source mapping needs `ReportBatchItemFailures`; see template.yaml beside this file.

use aws_lambda_events::sqs::SqsMessage;
use lambda_locks::{LockLayer, records};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Deserialize;
use tower::ServiceBuilder;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    order_id: String,
}

async fn handler(message: LambdaEvent<SqsMessage>) -> Result<(), Error> {
    let body = message.payload.body.unwrap_or_default();
    let order: Order = serde_json::from_str(&body)?;
    tracing::info!(order.order_id, "no other invocation works on this order");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().json().init();
    let locked = ServiceBuilder::new().layer(LockLayer::from_env());
    lambda_runtime::run(locked.service(records(service_fn(handler)))).await
}
