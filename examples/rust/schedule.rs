//! A schedule of EventBridge: the job runs once per period, and never twice at a time, also where an event comes twice or
//! the last run is late.

use std::time::Duration;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use lambda_locks::{Dedup, LockLayer};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use tower::ServiceBuilder;

/// Two periods of a job that runs each hour.
const WINDOW: Duration = Duration::from_secs(2 * 60 * 60);

async fn handler(event: LambdaEvent<EventBridgeEvent<Value>>) -> Result<String, Error> {
    let time = event.payload.time.map(|time| time.to_string());
    Ok(format!("the report of {}", time.unwrap_or_default()))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().json().init();
    let layer = LockLayer::builder()
        .env()
        .key("'report'")
        .dedup(Dedup::skip("/time").window(WINDOW))
        .build()?;
    let locked = ServiceBuilder::new().layer(layer);
    lambda_runtime::run(locked.service(service_fn(handler))).await
}
