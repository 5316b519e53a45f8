//! The layer: acquire, then the handler, then release, whatever happens to the handler.

mod cut;
mod endings;
mod handlers;
mod keys;
mod payloads;
mod random;
mod refusals;
mod sources;
mod together;
mod twice;

use std::time::Duration;

use dynamodb_locks::{Locks, Vars};
use lambda_locks::{LayerError, LockLayer, LockResponse};
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use testkit::Clock;
use testkit::locks::{KEY, LockTable};
use tower::{Service, ServiceExt};

/// An event as most handlers here take it.
type Event = LambdaEvent<Value>;

/// What an invocation may take, if nothing else is said.
const MINUTE: Duration = Duration::from_secs(60);

const LEASE: Duration = Duration::from_secs(10);

fn millis(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// A layer over these locks, with the key at `/orderId` unless the variables say otherwise.
fn layer<T>(locks: Locks, vars: &[(&str, &str)]) -> LockLayer<T> {
    let vars: Vars = [("LOCKS_KEY", "/orderId")]
        .iter()
        .chain(vars)
        .copied()
        .collect();
    let layer = LockLayer::builder().locks(locks).vars(&vars).build();
    layer.expect("the variables are right")
}

fn order() -> LambdaEvent<Value> {
    event(json!({ "orderId": KEY }), MINUTE)
}

/// An event whose invocation ends after this time.
fn event<T>(payload: T, left: Duration) -> LambdaEvent<T> {
    let mut context = Context::default();
    let end = Clock::system().since_epoch() + left;
    context.deadline = end.as_millis() as u64;
    LambdaEvent::new(payload, context)
}

/// An event as the runtime delivers it.
type RawEvent = LambdaEvent<Box<RawValue>>;

fn raw(event: &LambdaEvent<impl Serialize>) -> RawEvent {
    let payload = to_raw_value(&event.payload).expect("it serializes");
    LambdaEvent::new(payload, event.context.clone())
}

/// What comes of one invocation.
async fn answered<S, T>(service: &mut S, event: LambdaEvent<T>) -> Result<S::Response, S::Error>
where
    S: Service<RawEvent>,
    T: Serialize,
{
    service.ready().await?.call(raw(&event)).await
}

/// One invocation whose handler runs.
async fn invoke<S, T, A>(service: &mut S, event: LambdaEvent<T>) -> Result<A, S::Error>
where
    S: Service<RawEvent, Response = LockResponse<A>>,
    T: Serialize,
{
    let answer = answered(service, event).await?;
    Ok(answer.into_inner().expect("the handler ran"))
}

/// The name and the message of a lock's failure, as the runtime reports them.
#[track_caller]
fn reported(failure: LayerError<String>) -> (String, String) {
    let expected = match &failure {
        LayerError::Lock(lock) => (lock.name().to_owned(), lock.to_string()),
        other => panic!("not the lock's failure: {other}"),
    };
    let Diagnostic {
        error_type,
        error_message,
    } = failure.into();
    assert_eq!((&error_type, &error_message), (&expected.0, &expected.1));
    expected
}

fn queued(table: &LockTable) -> usize {
    table.row().queue.len()
}
