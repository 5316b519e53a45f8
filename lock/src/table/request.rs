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
use crate::entry::{Entry, Stamp};
use crate::key::Key;
use crate::time::Micros;
use crate::write::{Departure, Life, Write};

pub(super) const QUEUE: &str = "q";
pub(super) const LAST: &str = "f";
pub(super) const ANCHOR: &str = "p";
pub(super) const CLOSED: &str = "closed";
pub(super) const HELD: &str = "held";

const COLUMNS: [(&str, &str); 5] = [
    ("#q", QUEUE),
    ("#f", LAST),
    ("#p", ANCHOR),
    ("#closed", CLOSED),
    ("#held", HELD),
];

const FRESH: &str = "(attribute_not_exists(#f) OR #f < :s)";
const LATER: &str = "(attribute_not_exists(#p) OR #p < :now)";
const MINE: &str = "contains(#q, :me)";
const UNBEGUN: &str = "(attribute_not_exists(#held) OR #held <> :held)";

/// One step: what it changes, and on which conditions.
#[derive(Default)]
struct Step {
    set: Vec<&'static str>,
    queue: &'static str,
    remove: &'static str,
    when: Vec<&'static str>,
    ttl: Option<u64>,
    values: Vec<(&'static str, AttributeValue)>,
}

pub(super) fn update(
    client: &Client,
    place: &Place,
    key: &Key,
    write: &Write,
) -> UpdateItemFluentBuilder {
    let mut step = step(write);
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
        } => enter(me, *stamp, *life)
            .when("(attribute_not_exists(#q) OR size(#q) < :cap)")
            .with(":cap", number(u64::from(*cap))),
        Write::Try { me, stamp, life } => enter(me, *stamp, *life)
            .when("attribute_not_exists(#q)")
            .begins(*life),
        Write::Release {
            me,
            dead,
            now,
            closed,
        } => {
            let remove = if *closed { "REMOVE #held" } else { "" };
            Step {
                remove,
                ..leave(me, dead).anchors(*now)
            }
        }
        Write::Abandon { me, anchor, unless } => abandon(me, *anchor).unless(*unless),
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
        } => leave(head, behind)
            .anchors(*now)
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
        } => Step::default()
            .when("#q = :out")
            .with(":out", set(dead))
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
    let out = set([first].into_iter().chain(others));
    Step {
        queue: "DELETE #q :out",
        ..Step::default()
    }
    .with(":out", out)
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

impl Step {
    fn update(&self) -> String {
        let set = match self.set.as_slice() {
            [] => String::new(),
            set => format!("SET {}", set.join(", ")),
        };
        let clauses = [set.as_str(), self.queue, self.remove];
        clauses
            .into_iter()
            .filter(|clause| !clause.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn set(mut self, clause: &'static str) -> Self {
        self.set.push(clause);
        self
    }

    fn when(mut self, condition: &'static str) -> Self {
        self.when.push(condition);
        self
    }

    fn with(mut self, name: &'static str, value: AttributeValue) -> Self {
        self.values.push((name, value));
        self
    }

    fn mine(self, me: &Entry) -> Self {
        self.when(MINE)
            .with(":me", AttributeValue::S(me.as_str().to_owned()))
    }

    /// Issues a stamp; the row goes on in its kind.
    fn stamps(self, stamp: Stamp, life: Life) -> Self {
        let step = self.when(FRESH).set("#f = :s").with(":s", number(stamp.0));
        match life {
            Life::Until(ttl) => Self {
                ttl: Some(ttl),
                ..step
            }
            .when("attribute_not_exists(#closed)"),
            Life::Closed => step
                .when("(#closed = :yes OR attribute_not_exists(#f))")
                .set("#closed = :yes")
                .with(":yes", AttributeValue::Bool(true)),
        }
    }

    /// A fail-closed holder that was first at once begins with the same write.
    fn begins(self, life: Life) -> Self {
        match life {
            Life::Until(_) => self,
            Life::Closed => self.set("#held = :s"),
        }
    }

    fn anchors(self, now: Micros) -> Self {
        self.set("#p = :now").with(":now", number(now.0))
    }

    fn unmoved(self, seen: Option<Micros>) -> Self {
        match seen {
            Some(seen) => self.when("#p = :seen").with(":seen", number(seen.0)),
            None => self.when("attribute_not_exists(#p)"),
        }
    }

    fn unless(self, begun: Option<Stamp>) -> Self {
        match begun {
            Some(stamp) => self.when(UNBEGUN).with(":held", number(stamp.0)),
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

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
