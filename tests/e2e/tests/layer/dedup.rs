//! Events that are delivered twice: what runs, what is answered, and what it costs.

mod answers;
mod http;
mod interrupted;
mod pitfalls;
mod runs;
mod settings;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dynamodb_locks::{Locks, Vars};
use lambda_locks::{LayerError, LockLayer, LockResponse, Locked};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use testkit::Clock;
use testkit::locks::KEY;
use tower::{Layer, Service, ServiceExt};

type RawEvent = LambdaEvent<Box<RawValue>>;

fn millis(time: u64) -> Duration {
    Duration::from_millis(time)
}

const SKIP: [(&str, &str); 3] = [
    ("LOCKS_KEY", "/orderId"),
    ("LOCKS_DEDUP", "skip"),
    ("LOCKS_DEDUP_KEY", "/messageId"),
];

const REPLAY: [(&str, &str); 3] = [
    ("LOCKS_KEY", "/orderId"),
    ("LOCKS_DEDUP", "replay"),
    ("LOCKS_DEDUP_KEY", "/messageId"),
];

/// A layer over these locks.
fn layer<T>(locks: Locks, vars: &[(&str, &str)]) -> LockLayer<T> {
    let vars: Vars = vars.iter().copied().collect();
    let layer = LockLayer::builder().locks(locks).vars(&vars).build();
    layer.expect("the variables are right")
}

/// A message about the order.
fn message(id: &str) -> Value {
    json!({ "orderId": KEY, "messageId": id })
}

/// What the runtime sends for an event, or the name of what it reports.
async fn deliver<S, A>(service: &mut S, event: Value) -> Result<Value, String>
where
    S: Service<RawEvent, Response = LockResponse<A>, Error = LayerError<String>>,
    LockResponse<A>: serde::Serialize,
{
    deliver_within(service, event, Duration::from_secs(60)).await
}

async fn deliver_within<S, A>(
    service: &mut S,
    event: Value,
    left: Duration,
) -> Result<Value, String>
where
    S: Service<RawEvent, Response = LockResponse<A>, Error = LayerError<String>>,
    LockResponse<A>: serde::Serialize,
{
    let mut context = Context::default();
    let end = Clock::system().since_epoch() + left;
    context.deadline = end.as_millis() as u64;
    let event = LambdaEvent::new(to_raw_value(&event).expect("it is JSON"), context);
    let ready = service.ready().await.map_err(|error| error.to_string())?;
    match ready.call(event).await {
        Ok(answer) => Ok(serde_json::to_value(answer).expect("it is JSON")),
        Err(LayerError::Lock(failure)) => Err(failure.name().to_owned()),
        Err(other) => Err(other.to_string()),
    }
}

/// A handler that counts its runs, and answers with the count.
#[derive(Clone, Default)]
struct Counting(std::sync::Arc<AtomicU32>);

impl Counting {
    fn runs(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    fn run(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The handler under a layer.
    fn under(
        &self,
        locks: Locks,
        vars: &[(&str, &str)],
    ) -> Locked<
        impl Service<
            LambdaEvent<Value>,
            Response = Value,
            Error = String,
            Future = impl Future<Output = Result<Value, String>> + use<>,
        > + Clone
        + use<>,
        Value,
    > {
        let counting = self.clone();
        let handler = tower::service_fn(move |event: LambdaEvent<Value>| {
            let runs = counting.run();
            let then = event.payload["then"].clone();
            async move {
                match then.as_str() {
                    Some("fail") => Err("it failed".to_owned()),
                    Some("panic") => panic!("at work"),
                    Some("hang") => std::future::pending().await,
                    Some("done, but fails") => {
                        lambda_locks::current().expect("a lock").set_done(true);
                        Err("it failed".to_owned())
                    }
                    Some("permanent") => {
                        Err(lambda_locks::permanent("it will fail again".to_owned()))
                    }
                    Some("not done") => {
                        lambda_locks::current().expect("a lock").set_done(false);
                        Ok(json!({"run": runs}))
                    }
                    _ if then.is_object() => Ok(then),
                    _ => Ok(json!({"run": runs})),
                }
            }
        });
        layer(locks, vars).layer(handler)
    }
}
