use aws_sdk_dynamodb::Client;
use dynamodb_locks::{Locks, Settings};

use crate::dynamo::{Dynamo, Schema};
use crate::locks::row_of;

/// A lock table in an embedded DynamoDB, for the tests of programs that use locks.
///
/// It runs in the test's own process and needs no network, no AWS account and no container. Each test
/// makes a table of its own, so tests run at the same time.
///
/// A handler under the layer, tested with `cargo test` alone:
///
/// ```
/// use std::time::Duration;
///
/// use lambda_locks::{LockLayer, Vars};
/// use lambda_locks_testkit::{Clock, EmbeddedTable};
/// use lambda_runtime::{Context, Error, LambdaEvent};
/// use serde_json::Value;
/// use tower::{Service, ServiceBuilder, service_fn};
///
/// async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
///     Ok(event.payload["orderId"].clone())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let table = EmbeddedTable::new();
/// let vars: Vars = [("LOCKS_KEY", "/orderId"), ("LOCKS_ON_BUSY", "fail")].into_iter().collect();
/// let layer = LockLayer::builder().locks(table.locks()).vars(&vars).build()?;
/// let mut function = ServiceBuilder::new().layer(layer).service(service_fn(handler));
///
/// // The lock is taken for the event, and released before the response leaves.
/// let mut context = Context::default();
/// let deadline = Clock::system().since_epoch() + Duration::from_secs(10);
/// context.deadline = deadline.as_millis() as u64;
/// let event = LambdaEvent::new(serde_json::from_str(r#"{"orderId": "42"}"#)?, context.clone());
/// assert!(function.call(event).await.is_ok());
/// assert!(table.is_free("42"));
///
/// // Another process holds the lock.
/// let other = table.locks().acquire("42").await?;
/// let event = LambdaEvent::new(serde_json::from_str(r#"{"orderId": "42"}"#)?, context);
/// assert!(function.call(event).await.is_err());
/// other.release().await?;
/// # Ok(())
/// # }
/// ```
///
/// A program that is not a Lambda function takes [`locks`](Self::locks) in place of
/// `Locks::from_env()`.
///
/// The table dates its answers by the machine's clock. Tests that pause tokio's clock, or that lose and
/// delay requests, use [`locks::LockTable`](crate::locks::LockTable).
#[derive(Clone, Debug)]
pub struct EmbeddedTable(Dynamo);

/// The table's name.
const TABLE: &str = "locks";

impl EmbeddedTable {
    /// An empty table.
    #[allow(clippy::new_without_default, reason = "each call makes another table")]
    pub fn new() -> Self {
        let dynamo = Dynamo::new();
        let created = dynamo.create_table(&Schema::locks(TABLE));
        created.expect("a database that was just made has no tables");
        Self(dynamo)
    }

    /// A client of the locks in the table, with the default settings. Two clients are as two processes.
    pub fn locks(&self) -> Locks {
        self.locks_with(|settings| settings)
    }

    /// The same, with other settings. The table's name is set already.
    ///
    /// # Panics
    ///
    /// If the settings are invalid.
    pub fn locks_with(&self, change: impl FnOnce(Settings) -> Settings) -> Locks {
        let settings = change(Settings::new().table(TABLE));
        Locks::with_client(&self.client(), settings).expect("the settings are valid")
    }

    /// A client of the AWS SDK, whose requests reach this database.
    pub fn client(&self) -> Client {
        self.0.client("test")
    }

    /// The database, to count requests and to inject faults.
    pub fn dynamo(&self) -> &Dynamo {
        &self.0
    }

    /// Whether no client holds the lock and none waits for it, in the default namespace.
    pub fn is_free(&self, key: &str) -> bool {
        let row = self.0.row(TABLE, key, "default");
        row.is_none_or(|row| row_of(&row).queue.is_empty())
    }
}
