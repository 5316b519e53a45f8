//! The engine: the only file that knows dynoxide.

use std::sync::Arc;

use dynoxide::storage_backend::Clock as EngineClock;
use dynoxide::{Database, DynoxideError};
use serde_json::Value;

use super::answered::Answered;
use crate::Clock;

/// A database in memory.
pub(super) struct Engine(Database);

impl Engine {
    pub(super) fn new(clock: Clock) -> Self {
        let database = Database::memory_with_clock(Arc::new(Dated(clock)));
        Self(database.expect("a database in memory needs nothing that could be missing"))
    }

    /// Carries out one operation.
    pub(super) fn run(&self, op: &str, body: Value) -> Answered {
        self.dispatch(op, body)
            .map_or_else(|error| refused(&error), Answered::ok)
    }

    /// Deletes what has expired by its TTL, and counts it. DynamoDB does so some time within days;
    /// here it is asked to.
    pub(super) fn sweep_ttl(&self) -> usize {
        self.0.sweep_ttl().unwrap_or_default()
    }

    fn dispatch(&self, op: &str, body: Value) -> Result<Value, DynoxideError> {
        macro_rules! operations {
            ($($name:literal => $method:ident,)*) => {
                match op {
                    $($name => encode(self.0.$method(decode(body)?)?),)*
                    _ => {
                        let sentence = format!("`{op}` is not part of this world");
                        Err(DynoxideError::ValidationException(sentence))
                    }
                }
            };
        }
        operations! {
            "CreateTable" => create_table,
            "DeleteItem" => delete_item,
            "DeleteTable" => delete_table,
            "DescribeTable" => describe_table,
            "DescribeTimeToLive" => describe_time_to_live,
            "GetItem" => get_item,
            "PutItem" => put_item,
            "Query" => query,
            "Scan" => scan,
            "TransactWriteItems" => transact_write_items,
            "UpdateItem" => update_item,
            "UpdateTimeToLive" => update_time_to_live,
        }
    }
}

fn decode<T: serde::de::DeserializeOwned>(body: Value) -> Result<T, DynoxideError> {
    serde_json::from_value(body).map_err(|e| DynoxideError::SerializationException(e.to_string()))
}

fn encode(answer: impl serde::Serialize) -> Result<Value, DynoxideError> {
    serde_json::to_value(answer).map_err(|e| DynoxideError::InternalServerError(e.to_string()))
}

fn refused(error: &DynoxideError) -> Answered {
    let body = serde_json::from_str(&error.to_json()).unwrap_or_default();
    Answered {
        status: error.status_code(),
        body,
    }
}

struct Dated(Clock);

impl EngineClock for Dated {
    fn now_unix_secs(&self) -> u64 {
        self.0.since_epoch().as_secs()
    }

    fn now_unix_secs_f64(&self) -> f64 {
        self.0.since_epoch().as_secs_f64()
    }
}
