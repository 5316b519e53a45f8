//! The table: the only file that knows the AWS SDK. Each step of the protocol is one named request.
//!
//! A write's condition decides in the table, and the answer shows the row either way, so no read is
//! ever needed to find out what an answer meant. The SDK's own retries are off: they would hide how
//! many copies of a write have left.

mod admin;
mod attributes;
mod cause;
mod connect;
mod decode;
mod endpoint;
mod ensure;
mod failure;
mod moved;
mod operations;
mod request;
mod responses;
mod server_date;
mod transaction;
mod update_expression;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use self::endpoint::Endpoint;
use self::server_date::ServerDate;
use crate::attributes::Attributes;
use crate::error::Error;
use crate::key::Key;
use crate::protocol::messages::Answer;
use crate::protocol::row::Row;
use crate::protocol::write::Write;

pub use aws_sdk_dynamodb::Client;
pub use aws_sdk_dynamodb::types::TransactWriteItem;

pub(crate) use self::admin::{Page, RowSnapshot};
pub(crate) use self::connect::Connection;
pub(crate) use self::failure::Failure;
pub(crate) use self::responses::SUFFIX as RESPONSES;
pub(crate) use self::transaction::{Transaction, TransactionAnswer};

type Item = HashMap<String, AttributeValue>;

/// The table, and the names of its columns.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct TableLayout {
    pub(crate) table: String,
    pub(crate) namespace: String,
    pub(crate) partition: String,
    #[serde(default)]
    pub(crate) kind: KeyKind,
    pub(crate) sort: Option<String>,
    pub(crate) ttl: Option<String>,
}

impl TableLayout {
    /// The prefix that stands for the namespace where it has no column of its own. The first colon
    /// ends it.
    fn label(&self) -> String {
        let escaped = self.namespace.replace('%', "%25").replace(':', "%3A");
        format!("{escaped}:")
    }

    /// The names of the columns that cannot be renamed.
    pub(crate) fn own_columns() -> impl Iterator<Item = &'static str> {
        let used = request::COLUMNS.into_iter().map(|(_, column)| column);
        used.chain([request::FORMAT, responses::RESPONSE])
    }
}

/// The type of the table's partition key.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum KeyKind {
    /// A string.
    #[default]
    S,
    /// A number: keys are decimal numbers then.
    N,
    /// Bytes: those of the key's text.
    B,
}

/// One lock table.
#[derive(Clone)]
pub(crate) struct Table {
    client: Client,
    endpoint: Endpoint,
    layout: Arc<TableLayout>,
}

/// An answer, and when the server gave it.
#[derive(Debug)]
pub(crate) struct Reply<T> {
    pub(crate) answer: Result<T, Failure>,
    pub(crate) date: Option<SystemTime>,
}

impl<T> Reply<T> {
    fn unsent(failure: Failure) -> Self {
        Self {
            answer: Err(failure),
            date: None,
        }
    }
}

impl Table {
    /// The same connection with another layout.
    pub(crate) fn at(&self, layout: TableLayout) -> Self {
        Self {
            client: self.client.clone(),
            endpoint: self.endpoint.clone(),
            layout: Arc::new(layout),
        }
    }

    pub(crate) fn layout(&self) -> &Arc<TableLayout> {
        &self.layout
    }

    pub(crate) fn region(&self) -> Option<String> {
        self.client.config().region().map(ToString::to_string)
    }

    /// The client, if it knows where to send a request.
    fn client(&self) -> Result<&Client, Failure> {
        match connect::has_region(&self.client) {
            true => Ok(&self.client),
            false => Err(Failure::no_region()),
        }
    }

    /// Sends one copy of a write; the attributes enter with the entry, if one does.
    pub(crate) async fn write(
        &self,
        key: &Key,
        write: &Write,
        attributes: &Attributes,
    ) -> Reply<Answer> {
        let client = match self.client() {
            Ok(client) => client,
            Err(failure) => return Reply::unsent(failure),
        };
        let server_date = ServerDate::default();
        let request = request::update(client, &self.layout, key, write, attributes);
        let answer = match request
            .customize()
            .interceptor(server_date.clone())
            .send()
            .await
        {
            Ok(output) => Ok(Answer::Applied(decode::row(
                output.attributes.unwrap_or_default(),
            ))),
            Err(error) => failure::of_write(error),
        };
        Reply {
            answer,
            date: server_date.date(),
        }
    }

    /// Reads a row, eventually consistent.
    pub(crate) async fn poll(&self, key: &Key) -> Reply<Option<Row>> {
        let client = match self.client() {
            Ok(client) => client,
            Err(failure) => return Reply::unsent(failure),
        };
        let server_date = ServerDate::default();
        let request = request::get(client, &self.layout, key);
        let answer = match request
            .customize()
            .interceptor(server_date.clone())
            .send()
            .await
        {
            Ok(output) => output.item.map(failure::sound).transpose(),
            Err(error) => Err(failure::of(error)),
        };
        Reply {
            answer,
            date: server_date.date(),
        }
    }

    /// An error that names the table.
    pub(crate) fn explain(&self, key: &Key, doing: &str, failure: Failure) -> Error {
        failure.explain(
            &self.layout,
            &self.endpoint,
            &format!("{doing} lock `{key}`"),
        )
    }

    /// The same, for a transaction of the work under a lock.
    pub(crate) fn explain_transaction(&self, key: &Key, failure: Failure) -> Error {
        failure.explain_transaction(
            &self.layout,
            &self.endpoint,
            &format!("apply the transaction under lock `{key}`"),
        )
    }

    /// The same, if it is not about one lock.
    pub(crate) fn explain_all(&self, doing: &str, failure: Failure) -> Error {
        failure.explain(&self.layout, &self.endpoint, &format!("{doing} locks"))
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("place", &self.layout)
            .finish_non_exhaustive()
    }
}
