//! The records of an event that is a batch, and the event that is left when some are taken out.
//!
//! ```text
//! {"Records": [{"messageId": "1", ..}, {"messageId": "2", ..}]}        queues, streams, topics, buckets
//! {"records": {"orders-0": [{"offset": 7, ..}], "orders-1": [..]}}      Kafka
//! ```
//!
//! The text is read once, and of each record only what tells records apart; all else stays text. A smaller event is
//! the same text without the records that were taken out.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::event::pointer::canonical_text;

/// How a source learns which records failed, and what it delivers again then.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BatchKind {
    /// It delivers each record again by itself: a queue.
    Each,
    /// It delivers everything again from the first record of a shard, or of a partition, that failed.
    FromFirst,
    /// It knows of no report: a failure of the invocation is a failure of all.
    Whole,
}

/// The records of an event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Records {
    pub(crate) kind: BatchKind,
    /// Whether the source is told of each record.
    pub(crate) reports: bool,
    /// Where the event comes from, in its own words.
    pub(crate) origin: Option<String>,
    pub(crate) records: Vec<Record>,
    /// What a stream with a tumbling window has to get back, where the handler does not change it: its state so far.
    pub(crate) state: Option<String>,
    lists: Lists,
}

/// One record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Record {
    /// Its text in the event.
    pub(crate) span: Range<usize>,
    /// What its source calls it, as JSON.
    pub(crate) id: Option<Value>,
    /// Whose records are worked on in their order, if its source keeps one.
    pub(crate) group: Option<String>,
    /// The part of the batch in which `BatchKind::FromFirst` counts.
    pub(crate) shard: String,
}

/// Where the records stand.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Lists {
    /// One array.
    Array,
    /// An object of arrays, with its text and the name of each.
    Object(Range<usize>, Vec<(String, usize)>),
}

/// What is read of an event.
#[derive(Deserialize)]
struct Outer<'e> {
    #[serde(rename = "Records", borrow, default)]
    array: Option<Vec<&'e RawValue>>,
    #[serde(rename = "records", borrow, default)]
    object: Option<&'e RawValue>,
    #[serde(rename = "eventSource", borrow, default)]
    source: Option<Cow<'e, str>>,
    #[serde(borrow, default)]
    window: Option<&'e RawValue>,
    #[serde(borrow, default)]
    state: Option<&'e RawValue>,
}

/// What is read of a record.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Head<'e> {
    #[serde(rename = "eventSource", alias = "EventSource", borrow)]
    source: Option<Cow<'e, str>>,
    #[serde(rename = "eventSourceARN", borrow)]
    arn: Option<Cow<'e, str>>,
    #[serde(rename = "messageId")]
    message_id: Option<String>,
    attributes: Option<Attributes>,
    kinesis: Option<Kinesis>,
    #[serde(borrow)]
    dynamodb: Option<Table<'e>>,
    topic: Option<String>,
    partition: Option<u64>,
    offset: Option<u64>,
    key: Option<String>,
}

#[derive(Deserialize)]
struct Attributes {
    #[serde(rename = "MessageGroupId", default)]
    group: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kinesis {
    partition_key: String,
    sequence_number: String,
}

#[derive(Deserialize)]
struct Table<'e> {
    #[serde(rename = "Keys", borrow, default)]
    keys: Option<&'e RawValue>,
    #[serde(rename = "SequenceNumber")]
    sequence_number: String,
}

impl Records {
    /// The records of an event; none if it has no list of records.
    pub(crate) fn find(event: &str) -> Option<Self> {
        if !event.contains("ecords\"") {
            return None;
        }
        let outer: Outer<'_> = serde_json::from_str(event).ok()?;
        let state = outer.window.and(outer.state);
        let state = state.map(|state| state.get().to_owned());
        let (lists, texts) = match outer {
            Outer {
                array: Some(array), ..
            } => (Lists::Array, array),
            Outer {
                object: Some(object),
                source: Some(_),
                ..
            } => {
                let arrays: BTreeMap<String, Vec<&RawValue>> =
                    serde_json::from_str(object.get()).ok()?;
                let lens = arrays
                    .iter()
                    .map(|(name, array)| (name.clone(), array.len()));
                let lists = Lists::Object(span(event, object), lens.collect());
                (lists, arrays.into_values().flatten().collect())
            }
            _ => return None,
        };
        let heads: Vec<_> = texts.iter().map(|text| Head::of(text)).collect();
        let first = heads.first();
        let origin = outer
            .source
            .or_else(|| first?.source.clone())
            .map(Cow::into_owned);
        let origin = origin.as_deref();
        let (kind, keeps_order) = (
            kind(origin),
            first.is_some_and(|first| keeps_order(origin, first)),
        );
        let records = heads.iter().zip(&texts).map(|(head, text)| Record {
            span: span(event, text),
            id: head.id(origin),
            group: keeps_order.then(|| head.group()).flatten(),
            shard: head.shard(),
        });
        Some(Self {
            kind,
            reports: kind != BatchKind::Whole,
            records: records.collect(),
            origin: origin.map(str::to_owned),
            state,
            lists,
        })
    }

    /// The same for a source that is told of no single record.
    pub(crate) fn reports_nothing(self) -> Self {
        let reports = false;
        Self { reports, ..self }
    }

    /// The event with these records alone, in their order; every other byte is as it was.
    pub(crate) fn only(&self, event: &str, kept: &[bool]) -> String {
        let (Some(first), Some(last)) = (self.records.first(), self.records.last()) else {
            return event.to_owned();
        };
        let texts = |from: usize, len: usize| {
            let part = self.records[from..from + len]
                .iter()
                .zip(&kept[from..from + len]);
            let texts = part
                .filter(|&(_, &kept)| kept)
                .map(|(record, _)| &event[record.span.clone()]);
            texts.collect::<Vec<_>>().join(",")
        };
        let (replaced, text) = match &self.lists {
            Lists::Array => (
                first.span.start..last.span.end,
                texts(0, self.records.len()),
            ),
            Lists::Object(span, lists) => {
                let mut members = Vec::new();
                let mut from = 0;
                for (name, len) in lists {
                    let texts = texts(from, *len);
                    from += len;
                    if !texts.is_empty() {
                        members.push(format!("{}:[{texts}]", Value::from(name.as_str())));
                    }
                }
                (span.clone(), format!("{{{}}}", members.join(",")))
            }
        };
        [&event[..replaced.start], &text, &event[replaced.end..]].concat()
    }
}

impl<'e> Head<'e> {
    /// What can be read of a record; nothing of one that is damaged.
    fn of(record: &'e RawValue) -> Self {
        serde_json::from_str(record.get()).unwrap_or_default()
    }

    fn id(&self, origin: Option<&str>) -> Option<Value> {
        let id = match origin? {
            SQS => self.message_id.clone()?.into(),
            KINESIS => self.kinesis.as_ref()?.sequence_number.clone().into(),
            DYNAMODB => self.dynamodb.as_ref()?.sequence_number.clone().into(),
            MSK | KAFKA => json!({"partition": self.shard(), "offset": self.offset?}),
            _ => return None,
        };
        (id != "").then_some(id)
    }

    fn group(&self) -> Option<String> {
        if let Some(kinesis) = &self.kinesis {
            return Some(kinesis.partition_key.clone());
        }
        if let Some(table) = &self.dynamodb {
            return Some(
                table
                    .keys
                    .map(|keys| canonical_text(keys.get()))
                    .unwrap_or_default(),
            );
        }
        if self.topic.is_some() {
            // Kafka keeps the order of records without a key as well.
            return Some(format!(
                "{} {}",
                self.shard(),
                self.key.as_deref().unwrap_or_default()
            ));
        }
        self.attributes.as_ref()?.group.clone()
    }

    /// Kafka's name of the partition; other batches have but one.
    fn shard(&self) -> String {
        match (&self.topic, self.partition) {
            (Some(topic), Some(partition)) => format!("{topic}-{partition}"),
            _ => String::new(),
        }
    }
}

const SQS: &str = "aws:sqs";
const KINESIS: &str = "aws:kinesis";
const DYNAMODB: &str = "aws:dynamodb";
const MSK: &str = "aws:kafka";
const KAFKA: &str = "SelfManagedKafka";

fn kind(origin: Option<&str>) -> BatchKind {
    match origin {
        Some(SQS) => BatchKind::Each,
        Some(KINESIS | DYNAMODB | MSK | KAFKA) => BatchKind::FromFirst,
        _ => BatchKind::Whole,
    }
}

/// Whether the source keeps the order of records. A standard queue may have message groups and keeps none.
fn keeps_order(origin: Option<&str>, first: &Head<'_>) -> bool {
    match origin {
        Some(SQS) => first.arn.as_ref().is_some_and(|arn| arn.ends_with(".fifo")),
        origin => kind(origin) == BatchKind::FromFirst,
    }
}

/// Where a part of a text stands in it.
fn span(text: &str, part: &RawValue) -> Range<usize> {
    let start = part.get().as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.get().len()
}

#[cfg(test)]
mod tests;
