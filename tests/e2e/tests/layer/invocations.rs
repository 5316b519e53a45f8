//! The layer: acquire, then the handler, then release, whatever happens to the handler.

mod cut;
mod endings;
mod handlers;
mod keys;
mod refusals;
mod sources;
mod together;
mod twice;

use std::time::Duration;

use dynamodb_locks::{Locks, Vars};
use lambda_locks::{Answer, Failure, LockLayer};
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde_json::{Value, json};
use testkit::Clock;
use testkit::locks::{KEY, LockTable};
use tower::{Service, ServiceExt};

/// What an invocation may take, if nothing else is said.
const MINUTE: Duration = Duration::from_secs(60);

const LEASE: Duration = Duration::from_secs(10);

fn millis(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// A layer over these locks, with the key at `/orderId` unless the variables say otherwise.
fn layer(locks: Locks, vars: &[(&str, &str)]) -> LockLayer {
    let vars: Vars = [("LOCKS_KEY", "/orderId")]
        .iter()
        .chain(vars)
        .copied()
        .collect();
    LockLayer::over(locks, &vars).expect("the variables are right")
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

/// What comes of one invocation.
async fn answered<S, R>(service: &mut S, event: R) -> Result<S::Response, S::Error>
where
    S: Service<R>,
{
    service.ready().await?.call(event).await
}

/// One invocation whose handler runs.
async fn invoke<S, R, A>(service: &mut S, event: R) -> Result<A, S::Error>
where
    S: Service<R, Response = Answer<A>>,
{
    let answer = answered(service, event).await?;
    Ok(answer.handler().expect("the handler ran"))
}

/// The name and the message of a lock's failure, as the runtime reports them.
#[track_caller]
fn reported(failure: Failure<String>) -> (String, String) {
    let expected = match &failure {
        Failure::Lock(lock) => (lock.name().to_owned(), lock.to_string()),
        Failure::Handler(error) => panic!("the handler's own error: {error}"),
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
