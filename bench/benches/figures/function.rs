//! A function with an empty handler, in this process: with the layer, and without it.

use std::fmt::Display;

use aws_sdk_dynamodb::Client;
use lambda_locks::{LockLayer, Locks, Settings};
use lambda_runtime::{Context, LambdaEvent, service_fn};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use testkit::{Clock, Error};
use tower::{Layer, Service, ServiceExt};

/// What an invocation may take, in ms.
const TIMEOUT_MS: u64 = 60_000;

/// An event as the runtime delivers it to a function behind the layer.
pub(crate) type RawEvent = LambdaEvent<Box<RawValue>>;

async fn handler(event: LambdaEvent<Value>) -> Result<Value, lambda_runtime::Error> {
    Ok(event.payload)
}

/// The function without the layer, its event deserialized as the layer does it.
pub(crate) fn unlocked()
-> impl Service<RawEvent, Response = Value, Error = lambda_runtime::Error> + Clone {
    service_fn(async |event: RawEvent| {
        let payload = serde_json::from_str(event.payload.get())?;
        handler(LambdaEvent::new(payload, event.context)).await
    })
}

/// The same function behind the layer.
pub(crate) fn locked(
    client: &Client,
    settings: Settings,
) -> Result<impl Service<RawEvent, Error: Display> + use<>, Error> {
    let failed = |e: lambda_locks::Error| Error::new(e.to_string());
    let locks = Locks::with_client(client, settings).map_err(failed)?;
    let layer = LockLayer::builder().locks(locks).key("/orderId");
    Ok(layer.build().map_err(failed)?.layer(service_fn(handler)))
}

/// Has a function work on an order.
pub(crate) async fn invoke<S>(function: &mut S, order: &str) -> Result<(), Error>
where
    S: Service<RawEvent, Error: Display>,
{
    invoke_with(function, &json!({ "orderId": order })).await
}

/// Gives a function an event.
pub(crate) async fn invoke_with<S>(function: &mut S, event: &Value) -> Result<(), Error>
where
    S: Service<RawEvent, Error: Display>,
{
    let mut context = Context::default();
    let now = Clock::system().since_epoch().as_millis();
    context.deadline = u64::try_from(now).unwrap_or_default() + TIMEOUT_MS;
    let failed = |e: S::Error| Error::new(format!("an invocation failed: {e}"));
    let payload = to_raw_value(event).map_err(|e| Error::new(e.to_string()))?;
    let event = LambdaEvent::new(payload, context);
    let answered = function.ready().await.map_err(failed)?.call(event).await;
    answered.map(drop).map_err(failed)
}
