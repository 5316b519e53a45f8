//! What the items were before: for reads that are behind.
//!
//! An eventually consistent read may be answered by a replica that has not heard of the last writes.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::answered::Answered;
use super::engine::Engine;

/// Every version of each item that was written since versions are kept.
#[derive(Debug, Default)]
pub(super) struct Versions(BTreeMap<String, Item>);

#[derive(Debug)]
struct Item {
    /// The request that reads it.
    read: Value,
    /// Since when it has been what, in the order of time; before the first there was none.
    been: Vec<(SystemTime, Option<Value>)>,
}

impl Versions {
    /// An item may have been written: takes note of what it is now.
    pub(super) fn written(&mut self, request: &Value, engine: &Engine, now: SystemTime) {
        let (table, key) = (&request["TableName"], &request["Key"]);
        let item = self.0.entry(format!("{table} {key}"));
        let read = json!({ "TableName": table, "Key": key, "ConsistentRead": true });
        let been = Vec::new();
        let item = item.or_insert_with(|| Item { read, been });
        item.look(engine, now);
    }

    /// Whatever was written once may have been changed.
    pub(super) fn take_stock(&mut self, engine: &Engine, now: SystemTime) {
        self.0.values_mut().for_each(|item| item.look(engine, now));
    }

    /// The answer to a read by a replica that knows what was written until then.
    pub(super) fn behind(&self, request: &Value, answered: Answered, then: SystemTime) -> Answered {
        let (table, key) = (&request["TableName"], &request["Key"]);
        let item = self.0.get(&format!("{table} {key}"));
        let Some((item, mut body)) = item.zip(answered.body.as_object().cloned()) else {
            return answered;
        };
        body.remove("Item");
        let known = item.been.iter().rev().find(|(since, _)| *since <= then);
        if let Some((_, Some(known))) = known {
            body.insert("Item".into(), known.clone());
        }
        Answered::ok(body.into())
    }
}

impl Item {
    fn look(&mut self, engine: &Engine, now: SystemTime) {
        let mut answered = engine.run("GetItem", self.read.clone());
        let is = answered.body.get_mut("Item").map(Value::take);
        if self.been.last().and_then(|(_, was)| was.as_ref()) != is.as_ref() {
            self.been.push((now, is));
        }
    }
}
