//! The row as DynamoDB's JSON, and back.

use dynamodb_locks::protocol::{Entry, Row, Ticket, Timestamp};
use serde_json::{Map, Value, json};

pub(super) fn to_item(key: &str, group: &str, row: &Row) -> Value {
    let mut item = Map::new();
    item.insert("id".into(), json!({ "S": key }));
    item.insert("group".into(), json!({ "S": group }));
    let queue: Vec<_> = row.queue.iter().map(Entry::as_str).collect();
    if !queue.is_empty() {
        item.insert("queue".into(), json!({ "SS": queue }));
    }
    if let Some(Ticket(last)) = row.last {
        item.insert("last_ticket".into(), json!({ "N": last.to_string() }));
    }
    if let Some(Timestamp(renewed_at)) = row.renewed_at {
        item.insert("renewed_at".into(), json!({ "N": renewed_at.to_string() }));
    }
    if let Some(Ticket(pinned)) = row.pinned {
        item.insert("pinned".into(), json!({ "N": pinned.to_string() }));
    }
    if let Some(format) = row.format {
        item.insert("v".into(), json!({ "N": format.to_string() }));
    }
    if row.hold_on_expiry {
        item.insert("hold_on_expiry".into(), json!({ "BOOL": true }));
    }
    item.into()
}

/// Reads a row out of an item in DynamoDB's JSON.
pub fn from_item(item: &Value) -> Row {
    let queue = item["queue"]["SS"].as_array().into_iter().flatten();
    Row {
        queue: queue.filter_map(Value::as_str).map(Entry::read).collect(),
        last: number(item, "last_ticket").map(Ticket),
        renewed_at: number(item, "renewed_at").map(Timestamp),
        hold_on_expiry: item["hold_on_expiry"]["BOOL"].as_bool().unwrap_or_default(),
        pinned: number(item, "pinned").map(Ticket),
        format: number(item, "v").and_then(|format| format.try_into().ok()),
    }
}

pub(super) fn number(item: &Value, name: &str) -> Option<u64> {
    item[name]["N"].as_str()?.parse().ok()
}
