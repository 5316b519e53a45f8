//! Operators' requests: inspect, list and forced release. Functions do not need the permissions for
//! them.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::AttributeValue;

use super::attributes;
use super::decode::{row, text};
use super::request::{self, FORCED_RELEASE};
use super::{Failure, Item, KeyKind, ServerDate, Table, failure};
use crate::attributes::Attributes;
use crate::key::Key;
use crate::protocol::entry::{Entry, Ticket};
use crate::protocol::messages::Answer;
use crate::protocol::operation::OperationState;
use crate::protocol::operation_id::OperationId;
use crate::protocol::row::Row;
use crate::protocol::time::Timestamp;

/// A row, and the attributes of its entries.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowSnapshot {
    pub(crate) row: Row,
    pub(crate) attributes: BTreeMap<Ticket, Attributes>,
    /// When it was read, by the server's clock.
    pub(crate) date: Option<SystemTime>,
}

/// Where a listing goes on.
#[derive(Debug)]
pub(crate) enum Page {
    First,
    After(Item),
    End,
}

impl Table {
    /// Reads a row consistently.
    pub(crate) async fn inspect(&self, key: &Key) -> Result<RowSnapshot, Failure> {
        let server_date = ServerDate::default();
        let request = request::get(self.client()?, &self.layout, key).consistent_read(true);
        let request = request.customize().interceptor(server_date.clone());
        let output = within(request.send()).await?.map_err(failure::of)?;
        Ok(RowSnapshot {
            date: server_date.date(),
            ..output.item.map(snapshot).unwrap_or_default()
        })
    }

    /// Reads what an operation's own row says, with an operator's patience.
    pub(crate) async fn look_beside(
        &self,
        key: &Key,
        operation: OperationId,
    ) -> Result<Option<OperationState>, Failure> {
        within(self.moved(key, operation)).await?.answer
    }

    /// The next page of rows of the namespace, with their keys.
    pub(crate) async fn page(
        &self,
        page: &Page,
    ) -> Result<(Vec<(String, RowSnapshot)>, Page), Failure> {
        let start = match page {
            Page::First => None,
            Page::After(last) => Some(last.clone()),
            Page::End => return Ok((Vec::new(), Page::End)),
        };
        let request = self.client()?.scan().table_name(&self.layout.table);
        let request = request.set_exclusive_start_key(start);
        let output = within(request.send()).await?.map_err(failure::of)?;
        let rows = output.items.unwrap_or_default().into_iter();
        let rows = rows
            .filter_map(|item| Some((self.layout.key_of(&item)?, snapshot(item))))
            .collect();
        let next = output.last_evaluated_key.map_or(Page::End, Page::After);
        Ok((rows, next))
    }

    /// Removes an entry whatever its owner does, and records in the row who did it and when.
    pub(crate) async fn force(
        &self,
        key: &Key,
        entry: &Entry,
        who: &str,
        now: Timestamp,
    ) -> Result<Answer, Failure> {
        let mark = [
            ("by", AttributeValue::S(who.to_owned())),
            ("at", AttributeValue::N(now.0.to_string())),
            ("entry", AttributeValue::S(entry.as_str().to_owned())),
        ];
        let mark = mark
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let request = request::force(self.client()?, &self.layout, key, entry, now)
            .expression_attribute_names("#mark", FORCED_RELEASE)
            .expression_attribute_values(":mark", AttributeValue::M(mark));
        match within(request.send()).await? {
            Ok(output) => Ok(Answer::Applied(row(output.attributes.unwrap_or_default()))),
            Err(error) => failure::of_write(error),
        }
    }
}

fn snapshot(item: Item) -> RowSnapshot {
    let row = row(item.clone());
    let attributed = row.queue.iter().filter(|entry| entry.is_attributed());
    let attributes = attributed
        .filter_map(|entry| Some((entry.ticket()?, attributes::of(entry, &item))))
        .collect();
    RowSnapshot {
        row,
        attributes,
        date: None,
    }
}

/// How long an operator waits for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

async fn within<T>(request: impl Future<Output = T>) -> Result<T, Failure> {
    let answered = tokio::time::timeout(PATIENCE, request).await;
    answered.map_err(|_| Failure::too_slow(PATIENCE))
}

impl super::TableLayout {
    /// The lock's name, if the row is one of this namespace.
    fn key_of(&self, item: &Item) -> Option<String> {
        let name = match item.get(&self.partition)? {
            AttributeValue::S(name) | AttributeValue::N(name) => name.clone(),
            AttributeValue::B(name) => String::from_utf8(name.as_ref().to_vec()).ok()?,
            _ => return None,
        };
        match &self.sort {
            Some(sort) => (text(item.get(sort))? == self.namespace).then_some(name),
            None if self.kind == KeyKind::N => Some(name),
            None => Some(name.strip_prefix(&self.label())?.to_owned()),
        }
    }
}
