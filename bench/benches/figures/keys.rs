//! From a raw event to its key, and to the handler's payload.

use std::fmt::Display;
use std::hint::black_box;

use lambda_locks::{Invocation, KeyRule, LockLayer};
use lambda_runtime::{Context, LambdaEvent, service_fn};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use testkit::Error;
use tower::{Layer, Service};

use crate::figure::{Figure, Unit};
use crate::spread::Spread;
use crate::stopwatch::{Stopwatch, seconds};

const ROUNDS: u32 = 60;

/// The sizes of the events, and how many items make them.
const SIZES: [(&str, usize); 3] = [("1 KB", 12), ("256 KB", 3000), ("6 MB", 72_000)];

/// How much longer an event may take behind the layer, at 256 KB, than its payload alone.
const GOAL: f64 = 1.5;

/// What the handler takes.
#[derive(Deserialize)]
struct Queue {
    #[serde(rename = "detail")]
    order: Order,
}

#[derive(Deserialize)]
struct Order {
    #[serde(rename = "a")]
    before: Vec<Item>,
    #[serde(rename = "z")]
    after: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    sku: String,
    price: f64,
    tags: Vec<String>,
}

pub(crate) async fn figures() -> Result<Vec<Figure>, Error> {
    let mut figures = Vec::new();
    for (size, items) in SIZES {
        let plain = json!({ "detail": order(items) }).to_string();
        let queued = json!({ "Records": [{ "body": order(items).to_string() }] }).to_string();
        let name = format!("key in a raw event of {size}");
        let key = keys("/detail/order/id", &plain)?;
        figures.push(Figure::new(&name, Unit::Micros, key));
        let key = keys("/Records/0/body/order/id", &queued)?;
        figures.push(Figure::new(name + ", in a string", Unit::Micros, key));
        let name = format!("from {size} to the handler's payload, in times of its deserialization");
        let figure = Figure::new(name, Unit::Ratio, payloads(&plain).await?);
        figures.push(match size {
            "256 KB" => figure.at_most(GOAL),
            _ => figure,
        });
    }
    Ok(figures)
}

/// An order with many items before and after what names it.
fn order(items: usize) -> Value {
    let item = |number| json!({"sku": format!("sku-{number}"), "price": 9.5, "tags": ["a", "b"]});
    json!({
        "a": (0..items / 2).map(item).collect::<Value>(),
        "order": {"id": 42},
        "z": (0..items / 2).map(item).collect::<Value>(),
    })
}

/// How long it takes to find the key.
fn keys(rule: &str, event: &str) -> Result<Spread, Error> {
    let rule = KeyRule::parse(rule).map_err(failed)?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let watch = Stopwatch::start();
        let key = rule.key(black_box(event), Invocation::new());
        times.push(watch.seconds());
        if !key.is_ok_and(|key| key == "42") {
            return Err(Error::new("that is not the event's key"));
        }
    }
    Spread::of(times)
}

/// How long it takes from an event's bytes to its handler: read raw by the runtime and deserialized behind
/// a layer that finds the key and takes no lock, in times of what the runtime takes without a layer.
async fn payloads(event: &str) -> Result<Spread, Error> {
    let handler = service_fn(async |event: LambdaEvent<Queue>| {
        let Order { before, after } = &event.payload.order;
        Ok::<_, lambda_runtime::Error>(weight(before) + weight(after))
    });
    let layer = LockLayer::builder().key("/detail/order/id").disabled();
    let mut locked = layer.build().map_err(failed)?.layer(handler);
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let (with, long) = seconds(async {
            let raw: LambdaEvent<Box<RawValue>> = read(black_box(event))?;
            locked.call(raw).await.map_err(failed)
        })
        .await;
        let (without, short) = seconds(async {
            let event: LambdaEvent<Queue> = read(black_box(event))?;
            Ok::<_, Error>(weight(&event.payload.order.before))
        })
        .await;
        with.map(|_| ()).and(without.map(|_| ()))?;
        ratios.push(long / short);
    }
    Spread::of(ratios)
}

/// Deserializes an event as the runtime does.
fn read<T: DeserializeOwned>(event: &str) -> Result<LambdaEvent<T>, Error> {
    let mut json = serde_json::Deserializer::from_slice(event.as_bytes());
    let payload = serde_path_to_error::deserialize(&mut json).map_err(failed)?;
    Ok(LambdaEvent::new(payload, Context::default()))
}

fn failed(error: impl Display) -> Error {
    Error::new(error.to_string())
}

/// Something for which all of it was deserialized.
fn weight(items: &[Item]) -> f64 {
    let of = |item: &Item| item.price + (item.sku.len() + item.tags.len()) as f64;
    items.iter().map(of).sum()
}
