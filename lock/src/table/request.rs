//! The requests to DynamoDB, one for each step of the protocol.
//!
//! Every attribute goes through an expression name: `ttl` and `group` are reserved words, and users
//! rename columns.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::get_item::builders::GetItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure,
};

use super::update_expression::{LATER, UpdateExpression, number, set};
use super::{Item, KeyKind, TableLayout};
use crate::attributes::Attributes;
use crate::key::Key;
use crate::protocol::entry::{Entry, Ticket};
use crate::protocol::operation::OperationUpdate;
use crate::protocol::time::Timestamp;
use crate::protocol::write::{RenewalUpdate, RowLifetime, Write};

pub(super) const QUEUE: &str = "queue";
pub(super) const LAST_TICKET: &str = "last_ticket";
pub(super) const RENEWED_AT: &str = "renewed_at";
pub(super) const HOLD_ON_EXPIRY: &str = "hold_on_expiry";
pub(super) const PINNED: &str = "pinned";
/// Until when completions count that were moved out of the row.
pub(super) const MOVED_UNTIL: &str = "moved_until";
/// The row's format; the first has none.
pub(super) const FORMAT: &str = "v";
pub(super) const FORCED_RELEASE: &str = "forced_release";

pub(super) const COLUMNS: [(&str, &str); 6] = [
    ("#queue", QUEUE),
    ("#last_ticket", LAST_TICKET),
    ("#renewed_at", RENEWED_AT),
    ("#hold_on_expiry", HOLD_ON_EXPIRY),
    ("#pinned", PINNED),
    ("#moved_until", MOVED_UNTIL),
];

pub(super) fn update(
    client: &Client,
    layout: &TableLayout,
    key: &Key,
    write: &Write,
    attributes: &Attributes,
) -> UpdateItemFluentBuilder {
    let expression = match write.enters() {
        Some(me) => expression(write).brings(me, attributes),
        None => expression(write),
    };
    send(client, layout, key, expression)
}

/// A release by an operator; the caller adds the mark that it leaves.
pub(super) fn force(
    client: &Client,
    layout: &TableLayout,
    key: &Key,
    entry: &Entry,
    now: Timestamp,
) -> UpdateItemFluentBuilder {
    let operation = OperationUpdate::attempted(entry, now);
    let out = leave(entry, &[])
        .renews(now)
        .when(LATER)
        .updates(&operation);
    // `pinned` of an entry that is gone means nothing; of another holder it must stay.
    send(client, layout, key, out.set("#mark = :mark"))
}

fn send(
    client: &Client,
    layout: &TableLayout,
    key: &Key,
    expression: UpdateExpression,
) -> UpdateItemFluentBuilder {
    let texts = texts(layout, expression);
    client
        .update_item()
        .table_name(&layout.table)
        .set_key(Some(id(layout, key)))
        .update_expression(texts.update)
        .condition_expression(texts.condition)
        .set_expression_attribute_names(Some(texts.names))
        .set_expression_attribute_values(Some(texts.values))
        .return_values(ReturnValue::AllNew)
        .return_values_on_condition_check_failure(OnFailure::AllOld)
}

/// The texts of an expression, and what they call things.
pub(super) struct Texts {
    pub(super) update: String,
    pub(super) condition: String,
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

pub(super) fn texts(layout: &TableLayout, mut expression: UpdateExpression) -> Texts {
    if let Some((column, ttl)) = layout.ttl.as_ref().zip(expression.ttl) {
        expression = expression.set("#t = :t").with(":t", number(ttl));
        expression.names.push(("#t".to_owned(), column.clone()));
    }
    let (update, condition) = (expression.update(), expression.when.join(" AND "));
    let used = |name: &str| update.contains(name) || condition.contains(name);
    let own = COLUMNS.into_iter().filter(|(name, _)| used(name));
    let own = own.map(|(name, column)| (name.to_owned(), column.to_owned()));
    let values = expression.values.into_iter();
    Texts {
        names: own.chain(expression.names).collect(),
        values: values
            .map(|(name, value)| (name.into_owned(), value))
            .collect(),
        update,
        condition,
    }
}

pub(super) fn get(client: &Client, layout: &TableLayout, key: &Key) -> GetItemFluentBuilder {
    client
        .get_item()
        .table_name(&layout.table)
        .set_key(Some(id(layout, key)))
}

fn expression(write: &Write) -> UpdateExpression {
    match write {
        Write::Enqueue {
            me,
            ticket,
            cap,
            lifetime,
            unless_done,
        } => enter(me, *ticket, *lifetime)
            .unless_done(*unless_done)
            .when("(attribute_not_exists(#queue) OR size(#queue) < :cap)")
            .with(":cap", number(u64::from(*cap))),
        Write::Try {
            me,
            ticket,
            lifetime,
            unless_done,
            begins_run,
        } => enter(me, *ticket, *lifetime)
            .unless_done(*unless_done)
            .unless_begun(unless_done.filter(|_| begins_run.is_some()))
            .begins_run(*begins_run)
            .when("attribute_not_exists(#queue)")
            .pins(*lifetime),
        Write::Release {
            me,
            dead,
            now,
            hold_on_expiry,
            operation,
        } => {
            let out = leave(me, dead).renews(*now).updates(operation);
            if *hold_on_expiry {
                out.remove("#pinned")
            } else {
                out
            }
        }
        Write::Withdraw {
            me,
            renewal,
            unless,
            operation,
        } => withdraw(me, renewal).unless(*unless).updates(operation),
        Write::Heartbeat {
            me,
            now,
            ttl,
            begins,
            begins_run,
        } => {
            let heartbeat = UpdateExpression {
                ttl: *ttl,
                ..UpdateExpression::default()
            }
            .mine(me)
            .renews(*now)
            .when(LATER)
            .begins_run(*begins_run);
            match begins {
                Some(ticket) => heartbeat
                    .set("#pinned = :ticket")
                    .with(":ticket", number(ticket.0)),
                None => heartbeat,
            }
        }
        Write::Evict {
            head,
            behind,
            seen,
            now,
            unless,
            operation,
        } => leave(head, behind)
            .renews(*now)
            .updates(operation)
            .unmoved(*seen)
            .unless(*unless),
        Write::EvictAndEnter {
            me,
            ticket,
            dead,
            seen,
            now,
            unless,
            lifetime,
            unless_done,
            operation,
            begins_run,
        } => UpdateExpression::default()
            .unless_done(*unless_done)
            .unless_begun(unless_done.filter(|_| begins_run.is_some()))
            .begins_run(*begins_run)
            .updates(operation)
            .when("#queue = :out")
            .with(":out", set(dead))
            .clears(dead)
            .set("#queue = :in")
            .with(":in", set([me]))
            .issues(*ticket, *lifetime)
            .pins(*lifetime)
            .renews(*now)
            .unmoved(*seen)
            .unless(*unless),
        Write::Invalidate { ticket, lifetime } => {
            UpdateExpression::default().issues(*ticket, *lifetime)
        }
    }
}

fn enter(me: &Entry, ticket: Ticket, lifetime: RowLifetime) -> UpdateExpression {
    UpdateExpression {
        queue: "ADD #queue :in",
        ..UpdateExpression::default()
    }
    .with(":in", set([me]))
    .issues(ticket, lifetime)
}

fn leave(first: &Entry, others: &[Entry]) -> UpdateExpression {
    let all = || [first].into_iter().chain(others);
    UpdateExpression {
        queue: "DELETE #queue :out",
        ..UpdateExpression::default()
    }
    .with(":out", set(all()))
    .clears(all())
    .mine(first)
}

fn withdraw(me: &Entry, renewal: &RenewalUpdate) -> UpdateExpression {
    match renewal {
        RenewalUpdate::KeepAlone => leave(me, &[]).when("#queue = :out"),
        RenewalUpdate::KeepBehind(before) => leave(me, &[])
            .when("contains(#queue, :before)")
            .with(":before", AttributeValue::S(before.as_str().to_owned())),
        RenewalUpdate::Raise(now) => leave(me, &[]).renews(*now).when(LATER),
        RenewalUpdate::KeepLater(now) => leave(me, &[])
            .when("#renewed_at >= :now")
            .with(":now", number(now.0)),
    }
}

pub(super) fn id(layout: &TableLayout, key: &Key) -> Item {
    let TableLayout {
        namespace,
        partition,
        sort,
        kind,
        ..
    } = layout;
    let name = match (kind, sort) {
        // Without a column of its own the namespace is a part of the name, unless that is a number.
        (KeyKind::S | KeyKind::B, None) => format!("{}{}", layout.label(), key.as_str()),
        _ => key.as_str().to_owned(),
    };
    let name = match kind {
        KeyKind::S => AttributeValue::S(name),
        KeyKind::N => AttributeValue::N(name),
        KeyKind::B => AttributeValue::B(Blob::new(name)),
    };
    let namespace = sort
        .clone()
        .map(|sort| (sort, AttributeValue::S(namespace.clone())));
    [(partition.clone(), name)]
        .into_iter()
        .chain(namespace)
        .collect()
}
