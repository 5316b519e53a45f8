//! Works on one order at a time: the README's program, the demo function, and the function under test.

use std::future::pending;
use std::time::Duration;

use lambda_locks::LockLayer;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use tower::ServiceBuilder;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    order_id: String,
    #[serde(default)]
    work_ms: u64,
    #[serde(default)]
    then: Then,
}

/// How the work ends.
#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
enum Then {
    #[default]
    Ok,
    Error,
    Panic,
    Exit,
    Abort,
    Hang,
    Block,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    order_id: String,
    fence: Option<u64>,
}

/// Logs where the work begins and, however it ends, where it ends.
struct Work<'a> {
    order_id: &'a str,
    fence: Option<u64>,
}

impl<'a> Work<'a> {
    fn begin(order_id: &'a str) -> Self {
        let fence = lambda_locks::current().map(|lock| lock.fence());
        tracing::info!(order_id, fence, "work begins");
        Self { order_id, fence }
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        tracing::info!(order_id = self.order_id, fence = self.fence, "work ends");
    }
}

async fn handler(event: LambdaEvent<Order>) -> Result<Done, Error> {
    let Order {
        order_id,
        work_ms,
        then,
    } = event.payload;
    let work = Work::begin(&order_id);
    tokio::time::sleep(Duration::from_millis(work_ms)).await;
    match then {
        Then::Ok => {}
        Then::Error => return Err(format!("order {order_id} cannot be worked on").into()),
        Then::Panic => panic!("order {order_id} makes the handler panic"),
        Then::Exit => std::process::exit(3),
        Then::Abort => std::process::abort(),
        Then::Hang => pending().await,
        Then::Block => loop {
            std::thread::park();
        },
    }
    let fence = work.fence;
    drop(work);
    Ok(Done { order_id, fence })
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().json().init();
    let locked = ServiceBuilder::new().layer(LockLayer::from_env());
    lambda_runtime::run(locked.service(service_fn(handler))).await
}
