//! Finding the key in an event of 256 KB, against a DOM of it.

use std::hint::black_box;

use lambda_locks::Pointers;
use serde_json::{Value, json};
use testkit::Error;

use crate::figure::{Figure, Unit};
use crate::spread::Spread;
use crate::stopwatch::Stopwatch;

const ROUNDS: u32 = 60;

/// How many items make 256 KB.
const ITEMS: usize = 3000;

pub(crate) fn figures() -> Result<[Figure; 3], Error> {
    let plain = json!({ "detail": order() });
    let queued = json!({ "Records": [{ "body": order().to_string() }] });
    let in_dom = |event: &Value| {
        let event = serde_json::to_value(event).ok()?;
        event.pointer("/detail/order/id").cloned()
    };
    let in_string = |event: &Value| {
        let event = serde_json::to_value(event).ok()?;
        let body = event.pointer("/Records/0/body")?.as_str()?;
        let body: Value = serde_json::from_str(body).ok()?;
        body.pointer("/order/id").cloned()
    };
    let (key, of_dom) = compared("/detail/order/id", &plain, in_dom)?;
    let (_, of_string) = compared("/Records/0/body/order/id", &queued, in_string)?;
    let name = "key in an event of 256 KB";
    let in_such = |what: &str| format!("{name}, in such times of {what}");
    Ok([
        Figure::new(name, Unit::Micros, key),
        Figure::new(in_such("`to_value` + `pointer`"), Unit::Ratio, of_dom).at_most(0.2),
        Figure::new(
            in_such("the same, JSON in a string"),
            Unit::Ratio,
            of_string,
        ),
    ])
}

/// An order with many items before and after what names it.
fn order() -> Value {
    let item = |number| json!({"sku": format!("sku-{number}"), "price": 9.5, "tags": ["a", "b"]});
    json!({
        "a": (0..ITEMS).map(item).collect::<Value>(),
        "order": {"id": 42},
        "z": (0..ITEMS).map(item).collect::<Value>(),
    })
}

/// How long it takes to find the key, in seconds and in the times of the other way.
fn compared(
    pointer: &str,
    event: &Value,
    other: impl Fn(&Value) -> Option<Value>,
) -> Result<(Spread, Spread), Error> {
    let pointers = Pointers::parse(pointer).map_err(|e| Error::new(e.to_string()))?;
    let (mut times, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (key, time) = timed(|| pointers.key(black_box(event)).ok());
        let (value, in_dom) = timed(|| other(black_box(event)));
        if key != value.map(|value| value.to_string()) {
            return Err(Error::new("the two ways find different keys"));
        }
        times.push(time);
        ratios.push(time / in_dom);
    }
    Ok((Spread::of(times)?, Spread::of(ratios)?))
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let watch = Stopwatch::start();
    let done = work();
    (done, watch.seconds())
}
