//! One write, piece by piece: its changes and its conditions.

use std::borrow::Cow;

use aws_sdk_dynamodb::types::AttributeValue;

use super::attributes::{self, column};
use super::operations;
use crate::attributes::Attributes;
use crate::protocol::entry::{Entry, Ticket};
use crate::protocol::operation::{Begun, OperationUpdate, UnlessDone};
use crate::protocol::operation_id::OperationId;
use crate::protocol::time::Timestamp;
use crate::protocol::write::RowLifetime;

const FRESH: &str = "(attribute_not_exists(#last_ticket) OR #last_ticket < :ticket)";
pub(super) const LATER: &str = "(attribute_not_exists(#renewed_at) OR #renewed_at < :now)";
const MINE: &str = "contains(#queue, :me)";
/// True for every line of an operation that is not done; see `operation.rs`.
const NOT_DONE: &str = "(attribute_not_exists(#op) OR #op < :past)";
/// True for every line but those of runs that have begun and those of live completions.
const NOT_BEGUN: &str = "(attribute_not_exists(#op) OR #op < :begun_past OR #op > :done_from)";
const UNPINNED: &str = "(attribute_not_exists(#pinned) OR #pinned <> :pinned)";

/// One write: its changes and its conditions.
#[derive(Default)]
pub(super) struct UpdateExpression {
    pub(super) set: Vec<Cow<'static, str>>,
    pub(super) queue: &'static str,
    pub(super) remove: Vec<String>,
    pub(super) when: Vec<&'static str>,
    pub(super) ttl: Option<u64>,
    pub(super) names: Vec<(String, String)>,
    pub(super) values: Vec<(Cow<'static, str>, AttributeValue)>,
}

impl UpdateExpression {
    pub(super) fn update(&self) -> String {
        let set = match self.set.as_slice() {
            [] => String::new(),
            set => format!("SET {}", set.join(", ")),
        };
        let remove = match self.remove.as_slice() {
            [] => String::new(),
            remove => format!("REMOVE {}", remove.join(", ")),
        };
        let clauses = [set.as_str(), self.queue, remove.as_str()];
        clauses
            .into_iter()
            .filter(|clause| !clause.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }

    pub(super) fn set(mut self, clause: impl Into<Cow<'static, str>>) -> Self {
        self.set.push(clause.into());
        self
    }

    pub(super) fn when(mut self, condition: &'static str) -> Self {
        self.when.push(condition);
        self
    }

    pub(super) fn with(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: AttributeValue,
    ) -> Self {
        self.values.push((name.into(), value));
        self
    }

    pub(super) fn remove(mut self, name: &str) -> Self {
        self.remove.push(name.to_owned());
        self
    }

    /// Removes the additional attributes of the entries that leave.
    pub(super) fn clears<'a>(mut self, out: impl IntoIterator<Item = &'a Entry>) -> Self {
        let attributed = out.into_iter().filter(|entry| entry.is_attributed());
        for (number, column) in attributed.filter_map(column).enumerate() {
            let name = format!("#x{number}");
            self.names.push((name.clone(), column));
            self.remove.push(name);
        }
        self
    }

    /// Adds the additional attributes of the entry that enters.
    pub(super) fn brings(mut self, me: &Entry, attributes: &Attributes) -> Self {
        let Some(column) = column(me).filter(|_| !attributes.is_empty()) else {
            return self;
        };
        self.names.push(("#a".to_owned(), column));
        self.set("#a = :a").with(":a", attributes::map(attributes))
    }

    /// Not if the operation is done.
    pub(super) fn unless_done(self, unless: Option<UnlessDone>) -> Self {
        match unless {
            Some(unless) => self
                .called("#op", unless.id)
                .when(NOT_DONE)
                .with(":past", AttributeValue::S(unless.to_string())),
            None => self,
        }
    }

    /// Not if another run has begun the operation, either; beside [`unless_done`](Self::unless_done).
    pub(super) fn unless_begun(self, unless: Option<UnlessDone>) -> Self {
        let Some(unless) = unless else {
            return self;
        };
        let (past, done) = unless.unless_begun();
        self.when(NOT_BEGUN)
            .with(":begun_past", AttributeValue::S(past))
            .with(":done_from", AttributeValue::S(done.to_owned()))
    }

    /// The run begins, and says so.
    pub(super) fn begins_run(self, begins: Option<(OperationId, Begun)>) -> Self {
        let Some((id, begun)) = begins else {
            return self;
        };
        self.called("#run", id)
            .set("#run = :run")
            .with(":run", AttributeValue::S(begun.to_string()))
    }

    /// Says what became of operations.
    pub(super) fn updates(self, update: &OperationUpdate) -> Self {
        let mut expression = self;
        for (number, (&id, completion)) in update.completes.iter().enumerate() {
            // Short names: DynamoDB bounds the length of an expression.
            let name = match number {
                0 => "done".to_owned(),
                _ => format!("d{number}"),
            };
            expression = expression
                .called(&format!("#{name}"), id)
                .set(format!("#{name} = :{name}"))
                .with(
                    format!(":{name}"),
                    AttributeValue::S(completion.to_string()),
                );
        }
        if let Some((id, attempt)) = &update.attempted {
            expression = expression
                .called("#begun", *id)
                .set("#begun = if_not_exists(#begun, :begun)")
                .with(":begun", AttributeValue::S(attempt.to_string()));
        }
        for (number, &id) in update.forgets.iter().enumerate() {
            let name = format!("#o{number}");
            expression = expression.called(&name, id).remove(&name);
        }
        if let Some(until) = update.moved_until {
            expression = expression
                .set("#moved_until = :moved_until")
                .with(":moved_until", number(until));
        }
        expression.ttl = expression.ttl.or(update.ttl);
        expression
    }

    /// Calls the attribute of an operation by this name.
    fn called(mut self, name: &str, id: OperationId) -> Self {
        self.names.push((name.to_owned(), operations::column(id)));
        self
    }

    pub(super) fn mine(self, me: &Entry) -> Self {
        self.when(MINE)
            .with(":me", AttributeValue::S(me.as_str().to_owned()))
    }

    /// Issues a ticket; the row keeps its failure mode.
    pub(super) fn issues(self, ticket: Ticket, lifetime: RowLifetime) -> Self {
        let expression = self
            .when(FRESH)
            .set("#last_ticket = :ticket")
            .with(":ticket", number(ticket.0));
        match lifetime {
            RowLifetime::Expires(ttl) => Self {
                ttl: Some(ttl),
                ..expression
            }
            .when("attribute_not_exists(#hold_on_expiry)"),
            RowLifetime::Permanent => expression
                .when("(#hold_on_expiry = :yes OR attribute_not_exists(#last_ticket))")
                .set("#hold_on_expiry = :yes")
                .with(":yes", AttributeValue::Bool(true)),
        }
    }

    /// Pins a fail-closed holder that is first at once: it begins to act with the same write.
    pub(super) fn pins(self, lifetime: RowLifetime) -> Self {
        match lifetime {
            RowLifetime::Expires(_) => self,
            RowLifetime::Permanent => self.set("#pinned = :ticket"),
        }
    }

    pub(super) fn renews(self, now: Timestamp) -> Self {
        self.set("#renewed_at = :now").with(":now", number(now.0))
    }

    pub(super) fn unmoved(self, seen: Option<Timestamp>) -> Self {
        match seen {
            Some(seen) => self
                .when("#renewed_at = :seen")
                .with(":seen", number(seen.0)),
            None => self.when("attribute_not_exists(#renewed_at)"),
        }
    }

    pub(super) fn unless(self, begun: Option<Ticket>) -> Self {
        match begun {
            Some(ticket) => self.when(UNPINNED).with(":pinned", number(ticket.0)),
            None => self,
        }
    }
}

pub(super) fn set<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> AttributeValue {
    AttributeValue::Ss(
        entries
            .into_iter()
            .map(|entry| entry.as_str().to_owned())
            .collect(),
    )
}

pub(super) fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
