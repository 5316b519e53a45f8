//! The row as DynamoDB's JSON, and back.

use std::collections::BTreeMap;

use dynamodb_locks::protocol::{Entry, OperationId, OperationState, Row, Ticket, Timestamp};
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
    if let Some(until) = row.moved_until {
        item.insert("moved_until".into(), json!({ "N": until.to_string() }));
    }
    for (id, state) in &row.operations {
        let line = match state {
            OperationState::Attempted(attempt) => attempt.to_string(),
            OperationState::Begun(begun) => begun.to_string(),
            OperationState::Completed(completion) => completion.to_string(),
            OperationState::Unreadable => "unreadable".to_owned(),
        };
        item.insert(format!("@{id}"), json!({ "S": line }));
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
        operations: operations(item),
        moved_until: number(item, "moved_until"),
    }
}

fn operations(item: &Value) -> BTreeMap<OperationId, OperationState> {
    let attributes = item.as_object().into_iter().flatten();
    let known = attributes.filter_map(|(name, value)| {
        let id = name.strip_prefix('@')?.parse().ok()?;
        let line = value["S"].as_str().unwrap_or_default();
        Some((id, OperationState::read(line)))
    });
    known.collect()
}

pub(super) fn number(item: &Value, name: &str) -> Option<u64> {
    item[name]["N"].as_str()?.parse().ok()
}
