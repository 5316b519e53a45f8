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
    let (small, few) = wrapped(1, "/Records/0/body", |order| order);
    let (large, many) = wrapped(MANY, "/Records/0/body", |order| order);
    assert!(small < 1024 && large > 256 * 1024, "{small}, {large}");
    assert_eq!(
        (few.count_total, few.bytes_total),
        (many.count_total, many.bytes_total)
    );
    assert!(many.bytes_max < 1024);
}

/// The event is text: a string in it that holds JSON is written out once, and once more for each string inside, and for
/// base64. A buffer that grows by doubling holds at most twice that, and the half that it had before.
#[test]
fn a_string_that_is_read_on_is_kept_once() {
    type Wrap = (&'static str, fn(Value) -> Value, u64);
    let wraps: [Wrap; 3] = [
        ("/Records/0/body", |order| order.to_string().into(), 3),
        (
            "/Records/0/body",
            |order| base64(&order.to_string()).into(),
            3,
        ),
        (
            "/Records/0/body/Message",
            |order| {
                let message = order.to_string();
                json!({ "Message": message }).to_string().into()
            },
            3,
        ),
    ];
    for (body, wrap, times) in wraps {
        let (large, many) = wrapped(MANY, body, wrap);
        assert!(many.bytes_max < times * large as u64, "{body}: {many:?}");
    }
}
