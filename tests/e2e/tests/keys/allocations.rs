//! What finding a key allocates does not grow with the event.

use allocation_counter::{AllocationInfo, measure};
use lambda_locks::{Invocation, KeyRule};
use serde_json::{Value, json};

use crate::random::base64;

/// An order with so many items.
fn order(items: usize) -> Value {
    let item = |number| json!({"sku": format!("sku-{number}"), "price": 9.5, "tags": ["a", "b"]});
    json!({
        "a": (0..items).map(item).collect::<Value>(),
        "order": {"id": 42, "tenant": "t"},
        "z": (0..items).map(item).collect::<Value>(),
    })
}

fn allocated(pointers: &str, event: &Value) -> AllocationInfo {
    let rule = KeyRule::parse(pointers).expect("they are pointers");
    let event = event.to_string();
    let mut key = Ok(String::new());
    let allocated = measure(|| key = rule.key(&event, Invocation::new()));
    assert_eq!(key.expect("it has a key"), "t#42");
    allocated
}

/// What is allocated for the key in an order of some size, behind some wrapping, and the event's
/// length.
fn wrapped(items: usize, body: &str, wrap: fn(Value) -> Value) -> (usize, AllocationInfo) {
    let event = json!({"Records": [{"body": wrap(order(items))}]});
    let pointers = format!("{body}/order/tenant,{body}/order/id");
    (event.to_string().len(), allocated(&pointers, &event))
}

/// As many as make 256 KB.
const MANY: usize = 3000;

#[test]
fn what_is_allocated_does_not_grow_with_the_event() {
    let wraps: [fn(Value) -> Value; 2] = [|order| order, |order| base64(&order.to_string()).into()];
    for wrap in wraps {
        let (small, few) = wrapped(1, "/Records/0/body", wrap);
        let (large, many) = wrapped(MANY, "/Records/0/body", wrap);
        assert!(small < 1024 && large > 256 * 1024, "{small}, {large}");
        assert_eq!(
            (few.count_total, few.bytes_total),
            (many.count_total, many.bytes_total)
        );
        assert!(many.bytes_max < 1024);
    }
}

#[test]
fn json_in_a_string_is_unescaped_once() {
    let (large, many) = wrapped(MANY, "/Records/0/body", |order| order.to_string().into());
    // In a buffer that grows by doubling, the smaller one beside it for a moment.
    assert!(many.bytes_max < 3 * large as u64, "{many:?}");
}

#[test]
fn a_string_in_a_string_is_unescaped_once_more() {
    let (large, many) = wrapped(MANY, "/Records/0/body/Message", |order| {
        let message = order.to_string();
        json!({ "Message": message }).to_string().into()
    });
    // Each level is shorter than the one around it.
    assert!(many.bytes_max < 3 * large as u64, "{many:?}");
}
