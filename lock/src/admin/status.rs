//! The status of locks, for people and their tools. Nothing here takes part in the protocol.

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::attributes::Attribute;
use crate::error::Error;
use crate::idempotency::{Completed, Operation};
use crate::protocol::entry::Entry;
use crate::protocol::operation::OperationState;
use crate::table::{Page, RowSnapshot, Table};

/// The status of one lock at the time of the read.
#[derive(Clone, Debug)]
pub struct LockStatus {
    key: String,
    snapshot: RowSnapshot,
}

/// One entry of a lock's queue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QueueEntry {
    /// Its ticket, which is its fencing token once it holds; `None` if the entry cannot be read.
    pub fence: Option<u64>,
    /// The label of its owner, percent-encoded.
    pub owner: String,
    /// When it was written; of a holder, when it last renewed its lease.
    pub since: Option<SystemTime>,
    /// When a holder's lease ends unless it is renewed; `None` if it does not end.
    pub until: Option<SystemTime>,
    /// The owner's additional attributes.
    pub attributes: BTreeMap<String, Attribute>,
}

impl LockStatus {
    pub(crate) fn of(key: impl Into<String>, snapshot: RowSnapshot) -> Self {
        Self {
            key: key.into(),
            snapshot,
        }
    }

    /// The lock's name.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The holder's entry; `None` if the lock is free.
    #[must_use]
    pub fn holder(&self) -> Option<QueueEntry> {
        let row = &self.snapshot.row;
        let holder = row.holder()?;
        let since = holder
            .fields()
            .map(|fields| row.alive_at(fields).to_system_time());
        let ends = row.lease_ends().filter(|_| !row.is_pinned());
        let until = ends.map(|end| end.to_system_time());
        Some(QueueEntry {
            since,
            until,
            ..self.queue_entry(holder)
        })
    }

    /// The waiters, in queue order.
    pub fn waiters(&self) -> impl Iterator<Item = QueueEntry> {
        let waiters = self.snapshot.row.queue.iter().skip(1);
        waiters.map(|entry| self.queue_entry(entry))
    }

    /// The last ticket that was issued for this key.
    #[must_use]
    pub fn last_fence(&self) -> Option<u64> {
        self.snapshot.row.last.map(|ticket| ticket.0)
    }

    /// What the lock's row says of an operation that is done under it, even if its window is over by now. A response that
    /// is kept in a row of its own is not read, and neither is a completion that was moved into one: see
    /// [`Locks::completion`](crate::Locks::completion).
    #[must_use]
    pub fn completion(&self, operation: &Operation) -> Option<Completed> {
        match self.snapshot.row.operations.get(&operation.id())? {
            OperationState::Completed(done) => Some(Completed::inspected(done)),
            _ => None,
        }
    }

    fn queue_entry(&self, entry: &Entry) -> QueueEntry {
        let fields = entry.fields();
        let attributes = entry
            .ticket()
            .and_then(|ticket| self.snapshot.attributes.get(&ticket));
        QueueEntry {
            fence: entry.ticket().map(|ticket| ticket.0),
            owner: fields
                .map(|fields| fields.owner.as_str().to_owned())
                .unwrap_or_default(),
            since: fields.map(|fields| fields.own.to_system_time()),
            until: None,
            attributes: attributes.cloned().unwrap_or_default(),
        }
    }
}

/// All locks of a namespace, page by page.
///
/// It reads the whole table, other namespaces as well: half a read unit for each 4 KB. A function
/// needs no right to do this.
#[derive(Debug)]
#[must_use = "nothing is read before `next` is called"]
pub struct ListLocks {
    table: Table,
    page: Page,
}

impl ListLocks {
    pub(crate) fn of(table: Table) -> Self {
        Self {
            table,
            page: Page::First,
        }
    }

    /// The next page, which may be empty; none after the last.
    ///
    /// # Errors
    ///
    /// If DynamoDB does not answer, or denies the request: this needs `dynamodb:Scan`.
    pub async fn next(&mut self) -> Result<Option<Vec<LockStatus>>, Error> {
        if matches!(self.page, Page::End) {
            return Ok(None);
        }
        let paged = self.table.page(&self.page).await;
        let (rows, next) = paged.map_err(|failure| self.table.explain_all("list", failure))?;
        self.page = next;
        Ok(Some(
            rows.into_iter()
                .map(|(key, snapshot)| LockStatus::of(key, snapshot))
                .collect(),
        ))
    }
}
