//! A function with an empty handler, in this process: with the layer, and without it.

use std::fmt::Display;

use aws_sdk_dynamodb::Client;
use lambda_locks::{LockLayer, Locks, Settings, Vars};
use lambda_runtime::{Context, LambdaEvent, service_fn};
use serde_json::{Value, json};
use testkit::{Clock, Error};
use tower::{Layer, Service, ServiceExt};

/// What an invocation may take, in ms.
const TIMEOUT_MS: u64 = 60_000;

/// The function without the layer.
pub(crate) fn unlocked()
-> impl Service<LambdaEvent<Value>, Response = Value, Error = lambda_runtime::Error> + Clone {
    service_fn(async |event: LambdaEvent<Value>| Ok::<_, lambda_runtime::Error>(event.payload))
}

/// The same function behind the layer.
pub(crate) fn locked(
    client: &Client,
    settings: Settings,
) -> Result<impl Service<LambdaEvent<Value>, Error: Display> + use<>, Error> {
    let failed = |e: lambda_locks::Error| Error::new(e.to_string());
    let locks = Locks::with_client(client, settings).map_err(failed)?;
    let vars = Vars::from_iter([("LOCKS_KEY", "/orderId")]);
    let layer = LockLayer::over(locks, &vars).map_err(failed)?;
    Ok(layer.layer(unlocked()))
}

/// Has a function work on an order.
pub(crate) async fn invoke<S>(function: &mut S, order: &str) -> Result<(), Error>
where
    S: Service<LambdaEvent<Value>, Error: Display>,
{
    let mut context = Context::default();
    let now = Clock::system().since_epoch().as_millis();
    context.deadline = u64::try_from(now).unwrap_or_default() + TIMEOUT_MS;
    let event = LambdaEvent::new(json!({ "orderId": order }), context);
    let failed = |e: S::Error| Error::new(format!("an invocation failed: {e}"));
    let answered = function.ready().await.map_err(failed)?.call(event).await;
    answered.map(drop).map_err(failed)
}
