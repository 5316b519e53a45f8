//! An order, and every way in which the work on it can end.

use std::future::pending;
use std::time::Duration;

use lambda_runtime::Error;
use serde::{Deserialize, Serialize};

/// The event: which order, how long the work takes, and how it ends.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    order_id: String,
    #[serde(default)]
    work_ms: u64,
    #[serde(default)]
    then: Then,
}

#[derive(Clone, Copy, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
enum Then {
    #[default]
    Ok,
    Error,
    Panic,
    Exit,
    Abort,
    /// Awaits for ever: the layer ends it.
    Hang,
    /// Blocks its thread for ever: only the platform can end it.
    Block,
}

/// The response.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Done {
    order_id: String,
    fence: Option<u64>,
}

impl Order {
    pub(crate) async fn work(self, fence: Option<u64>) -> Result<Done, Error> {
        let _logged = Logged::begin(&self.order_id, fence);
        tokio::time::sleep(Duration::from_millis(self.work_ms)).await;
        match self.then {
            Then::Ok => {}
            Then::Error => return Err(format!("order {} cannot be done", self.order_id).into()),
            Then::Panic => panic!("order {} makes the handler panic", self.order_id),
            Then::Exit => std::process::exit(3),
            Then::Abort => std::process::abort(),
            Then::Hang => pending().await,
            Then::Block => loop {
                std::thread::park();
            },
        }
        let order_id = self.order_id.clone();
        Ok(Done { order_id, fence })
    }
}

/// Logs where the work begins and, unless the process dies, where it ends.
struct Logged<'a> {
    order_id: &'a str,
    fence: Option<u64>,
}

impl<'a> Logged<'a> {
    fn begin(order_id: &'a str, fence: Option<u64>) -> Self {
        tracing::info!(order_id, fence, "work begins");
        Self { order_id, fence }
    }
}

impl Drop for Logged<'_> {
    fn drop(&mut self) {
        tracing::info!(order_id = self.order_id, fence = self.fence, "work ends");
    }
}
