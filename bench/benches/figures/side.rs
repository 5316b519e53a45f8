//! The two sides that are compared: the lock, and the bare SDK with the same two requests.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure,
};
use lambda_locks::{Locks, Settings};
use serde::Deserialize;
use tempfile::TempDir;
use testkit::Error;
use testkit::dynamo::{Dynamo, Schema};

use crate::server::TABLE;

/// The settings of a function in Lambda, but for the journal.
pub(crate) fn settings() -> Settings {
    Settings::new().table(TABLE).owner("orders")
}

/// A folder for the journal, gone with what is returned.
pub(crate) fn journal() -> Result<TempDir, Error> {
    tempfile::tempdir().map_err(|e| Error::new(format!("cannot make a folder: {e}")))
}

/// Acquires a lock and releases it.
pub(crate) async fn hold(locks: &Locks, key: &str) -> Result<(), Error> {
    let failed = |e: lambda_locks::Error| Error::new(e.to_string());
    locks
        .acquire(key)
        .await
        .map_err(failed)?
        .release()
        .await
        .map_err(failed)
}

/// What one uncontended lock sends, without the lock.
#[derive(Debug)]
pub(crate) struct Bare {
    client: Client,
    writes: [Update; 2],
    stamp: u64,
}

/// An UpdateItem as it goes over the wire; a field that is not listed here is an error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Update {
    table_name: String,
    key: BTreeMap<String, Attribute>,
    update_expression: String,
    condition_expression: String,
    expression_attribute_names: BTreeMap<String, String>,
    expression_attribute_values: BTreeMap<String, Attribute>,
    return_values: String,
    return_values_on_condition_check_failure: String,
}

#[derive(Debug, Deserialize)]
enum Attribute {
    S(String),
    N(String),
    #[serde(rename = "SS")]
    Ss(Vec<String>),
}

impl Bare {
    /// Looks at what the lock sends for a key, and sends the same.
    pub(crate) async fn of(client: Client, key: &str) -> Result<Self, Error> {
        let dynamo = Dynamo::new();
        dynamo.create_table(&Schema::locks(TABLE))?;
        dynamo.keep_log();
        let locks = Locks::with_client(&dynamo.client("lock"), settings());
        hold(&locks.map_err(|e| Error::new(e.to_string()))?, key).await?;
        let sent = dynamo.log().into_iter().map(|logged| {
            serde_json::from_value(logged.request.body.clone())
                .map_err(|e| Error::new(format!("the lock sends what this bench cannot: {e}")))
        });
        let writes = sent.collect::<Result<Vec<Update>, _>>()?.try_into();
        Ok(Self {
            client,
            writes: writes.map_err(|_| Error::new("the lock sends more than two writes"))?,
            stamp: 1_700_000_000_000_000,
        })
    }

    /// Sends the write that enters the queue.
    pub(crate) async fn enter(&mut self) -> Result<(), Error> {
        self.stamp += 1;
        self.writes[0].send(&self.client, self.stamp).await
    }

    /// Sends the write that leaves it.
    pub(crate) async fn leave(&self) -> Result<(), Error> {
        self.writes[1].send(&self.client, self.stamp).await
    }
}

impl Update {
    async fn send(&self, client: &Client, stamp: u64) -> Result<(), Error> {
        let mut request = client.update_item().table_name(&self.table_name);
        for (name, value) in &self.key {
            request = request.key(name, value.at(stamp));
        }
        for (name, column) in &self.expression_attribute_names {
            request = request.expression_attribute_names(name, column);
        }
        for (name, value) in &self.expression_attribute_values {
            request = request.expression_attribute_values(name, value.at(stamp));
        }
        let on_failure = self.return_values_on_condition_check_failure.as_str();
        let request = request
            .update_expression(&self.update_expression)
            .condition_expression(&self.condition_expression)
            .return_values(ReturnValue::from(self.return_values.as_str()))
            .return_values_on_condition_check_failure(OnFailure::from(on_failure));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(e) => Err(Error::new(format!(
                "a bare write failed: {}",
                DisplayErrorContext(e)
            ))),
        }
    }
}

impl Attribute {
    fn at(&self, stamp: u64) -> AttributeValue {
        match self {
            Self::S(text) => AttributeValue::S(restamped(text, stamp)),
            Self::N(number) => AttributeValue::N(restamped(number, stamp)),
            Self::Ss(texts) => {
                AttributeValue::Ss(texts.iter().map(|text| restamped(text, stamp)).collect())
            }
        }
    }
}

/// Whatever begins with sixteen digits is a time in microseconds, and has to be a new one each time.
fn restamped(text: &str, stamp: u64) -> String {
    match text.split_at_checked(16) {
        Some((old, rest)) if old.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{stamp:016}{rest}")
        }
        _ => text.to_owned(),
    }
}
