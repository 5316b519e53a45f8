//! What a request costs.
//!
//! Every request is made to report its capacity, whether its client asked or not. A write whose
//! condition fails is paid for as well, by the size of the item it met; DynamoDB does not report
//! that, so it is worked out here.

use serde_json::Value;

use super::answered::Answered;

const ASK: &str = "ReturnConsumedCapacity";
const TOLD: &str = "ConsumedCapacity";

/// Runs a request; the answer that its client would get, and the units that it used up.
pub(super) fn metered(mut body: Value, run: impl FnOnce(Value) -> Answered) -> (Answered, f64) {
    let asked = ask(&mut body);
    let mut answered = run(body);
    let units = units(&answered);
    if !asked {
        hide(&mut answered);
    }
    (answered, units)
}

fn ask(body: &mut Value) -> bool {
    let asked = body
        .as_object_mut()
        .and_then(|fields| fields.insert(ASK.into(), "TOTAL".into()));
    asked.is_some_and(|asked| asked != "NONE")
}

fn hide(answered: &mut Answered) {
    if let Some(fields) = answered.body.as_object_mut() {
        fields.remove(TOLD);
    }
}

fn units(answered: &Answered) -> f64 {
    if answered.is("ConditionalCheckFailedException") {
        return answered.body.get("Item").map_or(1.0, write_units);
    }
    match &answered.body[TOLD] {
        Value::Array(tables) => tables.iter().map(total).sum(),
        one => total(one),
    }
}

fn total(report: &Value) -> f64 {
    report["CapacityUnits"].as_f64().unwrap_or_default()
}

fn write_units(item: &Value) -> f64 {
    size(item).div_ceil(1024).max(1) as f64
}

/// The bytes of an item, near enough: names and text count, the tags of the encoding do not.
fn size(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| name_size(name) + size(value))
            .sum(),
        Value::Array(values) => values.iter().map(size).sum(),
        Value::String(text) => text.len(),
        _ => 1,
    }
}

fn name_size(name: &str) -> usize {
    let tag = matches!(name, "S" | "N" | "SS" | "NS" | "M" | "L" | "BOOL" | "NULL");
    if tag { 0 } else { name.len() }
}
