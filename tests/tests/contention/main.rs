//! Many for one key.

mod faults;
mod http;

use dynamodb_locks::protocol::Entry;
use serde_json::Value;
use world::dynamo::Logged;
use world::history::{Work, inversions, violations};
use world::locks::KEY;

/// The fences in the order in which their entries came into the queue.
fn enqueued(log: &[Logged]) -> Vec<u64> {
    let entered = log
        .iter()
        .filter(|logged| matches!(logged.applied, Some((200, _))));
    let entry = entered.filter_map(|logged| {
        let values = &logged.request.body["ExpressionAttributeValues"];
        values[":in"]["SS"][0].as_str()
    });
    entry
        .filter_map(|text| Entry::read(text).stamp())
        .map(|stamp| stamp.0)
        .collect()
}

/// Laws 1 to 3.
#[track_caller]
fn judge(history: &[Work], log: &[Logged], of: &str) {
    let mut broken = violations(history);
    broken.extend(inversions(KEY, &enqueued(log), history));
    let broken: Vec<_> = broken.iter().map(ToString::to_string).collect();
    assert!(broken.is_empty(), "{of}: {broken:#?}");
}

/// Who is in the queue of a row, as DynamoDB's JSON.
fn queue(row: &Value) -> usize {
    row["q"]["SS"].as_array().map_or(0, Vec::len)
}
