//! The row as DynamoDB's JSON, and back.

use dynamodb_locks::protocol::{Entry, Micros, Row, Stamp};
use serde_json::{Map, Value, json};

pub(super) fn to_item(key: &str, group: &str, row: &Row) -> Value {
    let mut item = Map::new();
    item.insert("id".into(), json!({ "S": key }));
    item.insert("group".into(), json!({ "S": group }));
    let queue: Vec<_> = row.queue.iter().map(Entry::as_str).collect();
    if !queue.is_empty() {
        item.insert("q".into(), json!({ "SS": queue }));
    }
    if let Some(Stamp(last)) = row.last {
        item.insert("f".into(), json!({ "N": last.to_string() }));
    }
    if let Some(Micros(anchor)) = row.anchor {
        item.insert("p".into(), json!({ "N": anchor.to_string() }));
    }
    if let Some(Stamp(held)) = row.held {
        item.insert("held".into(), json!({ "N": held.to_string() }));
    }
    if let Some(format) = row.format {
        item.insert("v".into(), json!({ "N": format.to_string() }));
    }
    if row.closed {
        item.insert("closed".into(), json!({ "BOOL": true }));
    }
    item.into()
}

/// Reads a row out of an item in DynamoDB's JSON.
pub fn from_item(item: &Value) -> Row {
    let queue = item["q"]["SS"].as_array().into_iter().flatten();
    Row {
        queue: queue.filter_map(Value::as_str).map(Entry::read).collect(),
        last: number(item, "f").map(Stamp),
        anchor: number(item, "p").map(Micros),
        closed: item["closed"]["BOOL"].as_bool().unwrap_or_default(),
        held: number(item, "held").map(Stamp),
        format: number(item, "v").and_then(|format| format.try_into().ok()),
    }
}

pub(super) fn number(item: &Value, name: &str) -> Option<u64> {
    item[name]["N"].as_str()?.parse().ok()
}
