//! The requests: what each step of the protocol says to DynamoDB.
//!
//! Every attribute goes through an expression name: `ttl` and `group` are reserved words, and users
//! rename columns.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::get_item::builders::GetItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure,
};

use super::{Item, Place};
use crate::entry::Entry;
use crate::key::Key;
use crate::time::Micros;
use crate::write::{Departure, Write};

pub(super) const QUEUE: &str = "q";
pub(super) const LAST: &str = "f";
pub(super) const ANCHOR: &str = "p";
pub(super) const CLOSED: &str = "closed";

const COLUMNS: [(&str, &str); 4] = [
    ("#q", QUEUE),
    ("#f", LAST),
    ("#p", ANCHOR),
    ("#closed", CLOSED),
];

const FRESH: &str = "(attribute_not_exists(#f) OR #f < :s)";
const OPEN: &str = "attribute_not_exists(#closed)";
const MINE: &str = "contains(#q, :me)";

/// One step: what it sets, what it does to the queue, and on which condition.
struct Step {
    set: &'static str,
    queue: &'static str,
    ttl: Option<u64>,
    condition: String,
    values: Vec<(&'static str, AttributeValue)>,
}

pub(super) fn update(
    client: &Client,
    place: &Place,
    key: &Key,
    write: &Write,
) -> UpdateItemFluentBuilder {
    let Step {
        set,
        queue,
        ttl,
        condition,
        values,
    } = step(write);
    let dated = place.ttl.as_ref().zip(ttl);
    let separator = if set.is_empty() || dated.is_none() {
        ""
    } else {
        ", "
    };
    let set = format!(
        "{set}{separator}{}",
        if dated.is_some() { "#t = :t" } else { "" }
    );
    let set = if set.is_empty() {
        set
    } else {
        format!("SET {set} ")
    };
    let update = format!("{set}{queue}");

    let mut request = client.update_item().table_name(&place.table);
    request = request.set_key(Some(id(place, key)));
    for (name, column) in COLUMNS {
        if update.contains(name) || condition.contains(name) {
            request = request.expression_attribute_names(name, column);
        }
    }
    for (name, value) in values {
        request = request.expression_attribute_values(name, value);
    }
    if let Some((column, ttl)) = dated {
        request = request.expression_attribute_names("#t", column);
        request = request.expression_attribute_values(":t", number(ttl));
    }
    request
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
            ttl,
        } => {
            let room = "(attribute_not_exists(#q) OR size(#q) < :cap)";
            enter(me, stamp.0, *ttl, room).with(":cap", number(u64::from(*cap)))
        }
        Write::Try { me, stamp, ttl } => enter(me, stamp.0, *ttl, "attribute_not_exists(#q)"),
        Write::Release { me, dead, now } => {
            leave(me, dead, "#p = :now", MINE.to_owned()).with(":now", micros(*now))
        }
        Write::Abandon { me, anchor } => abandon(me, *anchor),
        Write::Beat { me, now, ttl } => Step::new("#p = :now", "", format!("{MINE} AND {LATER}"))
            .dated(*ttl)
            .with(":me", text(me))
            .with(":now", micros(*now)),
        Write::Steal {
            head,
            behind,
            seen,
            now,
        } => {
            let condition = format!("{MINE} AND {}", unmoved(*seen));
            leave(head, behind, "#p = :now", condition)
                .with(":now", micros(*now))
                .seen(*seen)
        }
        Write::Take {
            me,
            stamp,
            dead,
            seen,
            now,
            ttl,
        } => {
            let condition = format!("#q = :out AND {} AND #f < :s AND {OPEN}", unmoved(*seen));
            Step::new("#q = :in, #f = :s, #p = :now", "", condition)
                .dated(Some(*ttl))
                .with(":in", set([me]))
                .with(":out", set(dead))
                .with(":s", number(stamp.0))
                .with(":now", micros(*now))
                .seen(*seen)
        }
        Write::Void { stamp, ttl } => Step::new("#f = :s", "", FRESH.to_owned())
            .dated(Some(*ttl))
            .with(":s", number(stamp.0)),
    }
}

const LATER: &str = "(attribute_not_exists(#p) OR #p < :now)";

fn enter(me: &Entry, stamp: u64, ttl: u64, room: &str) -> Step {
    Step::new(
        "#f = :s",
        "ADD #q :in",
        format!("{FRESH} AND {room} AND {OPEN}"),
    )
    .dated(Some(ttl))
    .with(":in", set([me]))
    .with(":s", number(stamp))
}

fn abandon(me: &Entry, anchor: Departure) -> Step {
    match anchor {
        Departure::Quiet => leave(me, &[], "", MINE.to_owned()),
        Departure::Raise(now) => {
            leave(me, &[], "#p = :now", format!("{MINE} AND {LATER}")).with(":now", micros(now))
        }
        Departure::Under(now) => {
            leave(me, &[], "", format!("{MINE} AND #p >= :now")).with(":now", micros(now))
        }
    }
}

fn leave(first: &Entry, others: &[Entry], set_anchor: &'static str, condition: String) -> Step {
    Step::new(set_anchor, "DELETE #q :out", condition)
        .with(":me", text(first))
        .with(":out", set([first].into_iter().chain(others)))
}

fn unmoved(seen: Option<Micros>) -> &'static str {
    match seen {
        Some(_) => "#p = :seen",
        None => "attribute_not_exists(#p)",
    }
}

impl Step {
    fn new(set: &'static str, queue: &'static str, condition: String) -> Self {
        Self {
            set,
            queue,
            ttl: None,
            condition,
            values: Vec::with_capacity(5),
        }
    }

    fn dated(self, ttl: Option<u64>) -> Self {
        Self { ttl, ..self }
    }

    fn with(mut self, name: &'static str, value: AttributeValue) -> Self {
        self.values.push((name, value));
        self
    }

    fn seen(self, seen: Option<Micros>) -> Self {
        match seen {
            Some(seen) => self.with(":seen", micros(seen)),
            None => self,
        }
    }
}

fn id(place: &Place, key: &Key) -> Item {
    let name = |name: String| AttributeValue::S(name);
    let (namespace, key) = (&place.namespace, key.as_str());
    match &place.sort {
        Some(sort) => Item::from([
            (place.partition.clone(), name(key.to_owned())),
            (sort.clone(), name(namespace.clone())),
        ]),
        None => Item::from([(place.partition.clone(), name(format!("{namespace}:{key}")))]),
    }
}

fn set<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> AttributeValue {
    AttributeValue::Ss(
        entries
            .into_iter()
            .map(|entry| entry.as_str().to_owned())
            .collect(),
    )
}

fn text(entry: &Entry) -> AttributeValue {
    AttributeValue::S(entry.as_str().to_owned())
}

fn micros(at: Micros) -> AttributeValue {
    number(at.0)
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
