//! The requests: what each step of the protocol says to DynamoDB.
//!
//! Every attribute goes through an expression name: `ttl` and `group` are reserved words, and users
//! rename columns.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::get_item::builders::GetItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure,
};

use super::step::{LATER, Step, number, set};
use super::{Item, KeyKind, Place};
use crate::attributes::Attributes;
use crate::entry::{Entry, Stamp};
use crate::key::Key;
use crate::operation::OperationUpdate;
use crate::time::Micros;
use crate::write::{Departure, Life, Write};

pub(super) const QUEUE: &str = "q";
pub(super) const LAST: &str = "f";
pub(super) const ANCHOR: &str = "p";
pub(super) const CLOSED: &str = "closed";
pub(super) const HELD: &str = "held";
/// What later formats of the row are told by; the first has none.
pub(super) const FORMAT: &str = "v";
pub(super) const FORCED: &str = "forced";

pub(super) const COLUMNS: [(&str, &str); 5] = [
    ("#q", QUEUE),
    ("#f", LAST),
    ("#p", ANCHOR),
    ("#closed", CLOSED),
    ("#held", HELD),
];

pub(super) fn update(
    client: &Client,
    place: &Place,
    key: &Key,
    write: &Write,
    attributes: &Attributes,
) -> UpdateItemFluentBuilder {
    let step = match write.enters() {
        Some(me) => step(write).brings(me, attributes),
        None => step(write),
    };
    send(client, place, key, step)
}

/// A release by somebody who is not the holder; the caller fills in the mark that it leaves.
pub(super) fn force(
    client: &Client,
    place: &Place,
    key: &Key,
    entry: &Entry,
    now: Micros,
) -> UpdateItemFluentBuilder {
    let operation = OperationUpdate::attempted(entry, now);
    let out = leave(entry, &[])
        .anchors(now)
        .when(LATER)
        .updates(&operation);
    // What `held` says of an entry that is gone means nothing; of another holder it must stay.
    send(client, place, key, out.set("#mark = :mark"))
}

fn send(client: &Client, place: &Place, key: &Key, mut step: Step) -> UpdateItemFluentBuilder {
    let mut request = client.update_item().table_name(&place.table);
    if let Some((column, ttl)) = place.ttl.as_ref().zip(step.ttl) {
        step = step.set("#t = :t").with(":t", number(ttl));
        request = request.expression_attribute_names("#t", column);
    }
    let (update, condition) = (step.update(), step.when.join(" AND "));
    for (name, column) in COLUMNS {
        if update.contains(name) || condition.contains(name) {
            request = request.expression_attribute_names(name, column);
        }
    }
    for (name, column) in step.names {
        request = request.expression_attribute_names(name, column);
    }
    for (name, value) in step.values {
        request = request.expression_attribute_values(name, value);
    }
    request
        .set_key(Some(id(place, key)))
        .update_expression(update)
        .condition_expression(condition)
        .return_values(ReturnValue::AllNew)
        .return_values_on_condition_check_failure(OnFailure::AllOld)
}

pub(super) fn get(client: &Client, place: &Place, key: &Key) -> GetItemFluentBuilder {
    client
        .get_item()
        .table_name(&place.table)
        .set_key(Some(id(place, key)))
}

fn step(write: &Write) -> Step {
    match write {
        Write::Enqueue {
            me,
            stamp,
            cap,
            life,
            unless_done,
        } => enter(me, *stamp, *life)
            .unless_done(*unless_done)
            .when("(attribute_not_exists(#q) OR size(#q) < :cap)")
            .with(":cap", number(u64::from(*cap))),
        Write::Try {
            me,
            stamp,
            life,
            unless_done,
        } => enter(me, *stamp, *life)
            .unless_done(*unless_done)
            .when("attribute_not_exists(#q)")
            .begins(*life),
        Write::Release {
            me,
            dead,
            now,
            closed,
            operation,
        } => {
            let out = leave(me, dead).anchors(*now).updates(operation);
            if *closed { out.remove("#held") } else { out }
        }
        Write::Abandon {
            me,
            anchor,
            unless,
            operation,
        } => abandon(me, *anchor).unless(*unless).updates(operation),
        Write::Beat {
            me,
            now,
            ttl,
            begins,
        } => {
            let beat = Step {
                ttl: *ttl,
                ..Step::default()
            }
            .mine(me)
            .anchors(*now)
            .when(LATER);
            match begins {
                Some(stamp) => beat.set("#held = :s").with(":s", number(stamp.0)),
                None => beat,
            }
        }
        Write::Steal {
            head,
            behind,
            seen,
            now,
            unless,
            operation,
        } => leave(head, behind)
            .anchors(*now)
            .updates(operation)
            .unmoved(*seen)
            .unless(*unless),
        Write::Take {
            me,
            stamp,
            dead,
            seen,
            now,
            unless,
            life,
            unless_done,
            operation,
        } => Step::default()
            .unless_done(*unless_done)
            .updates(operation)
            .when("#q = :out")
            .with(":out", set(dead))
            .clears(dead)
            .set("#q = :in")
            .with(":in", set([me]))
            .stamps(*stamp, *life)
            .begins(*life)
            .anchors(*now)
            .unmoved(*seen)
            .unless(*unless),
        Write::Void { stamp, life } => Step::default().stamps(*stamp, *life),
    }
}

fn enter(me: &Entry, stamp: Stamp, life: Life) -> Step {
    Step {
        queue: "ADD #q :in",
        ..Step::default()
    }
    .with(":in", set([me]))
    .stamps(stamp, life)
}

fn leave(first: &Entry, others: &[Entry]) -> Step {
    let all = || [first].into_iter().chain(others);
    Step {
        queue: "DELETE #q :out",
        ..Step::default()
    }
    .with(":out", set(all()))
    .clears(all())
    .mine(first)
}

fn abandon(me: &Entry, anchor: Departure) -> Step {
    match anchor {
        Departure::Quiet => leave(me, &[]),
        Departure::Raise(now) => leave(me, &[]).anchors(now).when(LATER),
        Departure::Under(now) => leave(me, &[])
            .when("#p >= :now")
            .with(":now", number(now.0)),
    }
}

pub(super) fn id(place: &Place, key: &Key) -> Item {
    let Place {
        namespace,
        partition,
        sort,
        kind,
        ..
    } = place;
    let name = match (kind, sort) {
        // Where there is no column for the namespace it is a part of the name, unless that is a number.
        (KeyKind::S | KeyKind::B, None) => format!("{}{}", place.label(), key.as_str()),
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
