//! Requests and capacity units of a batch of ten messages, by how many keys they have, and of its duplicate.

use lambda_locks::{Dedup, LockLayer, Locks};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};
use testkit::Error;
use testkit::dynamo::{Dynamo, Schema};
use tower::Layer;

use crate::figure::{Figure, Unit};
use crate::function::invoke_with;
use crate::server::TABLE;
use crate::side::settings;
use crate::spread::Spread;

const ROUNDS: usize = 5;

const RECORDS: usize = 10;

pub(crate) async fn figures() -> Result<Vec<Figure>, Error> {
    let mut figures = Vec::new();
    for (keys, first, duplicate) in [(10, 20.0, 10.0), (1, 2.0, 1.0)] {
        let [requests, again] = of(keys).await?;
        let name =
            |what: &str| format!("requests of {what} with {RECORDS} messages and {keys} keys");
        figures
            .push(Figure::new(name("a batch"), Unit::Count, Spread::of(requests)?).exactly(first));
        figures.push(
            Figure::new(name("its duplicate"), Unit::Count, Spread::of(again)?).exactly(duplicate),
        );
    }
    Ok(figures)
}

/// Requests of a batch whose messages have this many keys, and of the same batch in another environment.
async fn of(keys: usize) -> Result<[Vec<f64>; 2], Error> {
    let dynamo = Dynamo::new();
    dynamo.create_table(&Schema::locks(TABLE))?;
    let failed = |error: lambda_locks::Error| Error::new(error.to_string());
    let mut requests = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        let event = batch(round, keys);
        for (name, requests) in ["here", "there"].into_iter().zip(&mut requests) {
            let locks = Locks::with_client(&dynamo.client(name), settings()).map_err(failed)?;
            let layer = LockLayer::builder()
                .locks(locks)
                .key("/Records/*/body/orderId")
                .dedup(Dedup::skip("/Records/*/messageId"))
                .build()
                .map_err(failed)?;
            let handler = async |_: LambdaEvent<Value>| Ok::<_, lambda_runtime::Error>(());
            let before = dynamo.counts();
            invoke_with(&mut layer.layer(service_fn(handler)), &event).await?;
            requests.push((dynamo.counts() - &before).total().requests as f64);
        }
    }
    Ok(requests)
}

fn batch(round: usize, keys: usize) -> Value {
    let records = (0..RECORDS).map(|record| {
        let order = json!({"orderId": format!("{round}-{}", record % keys)});
        json!({
            "messageId": format!("{round}-{record}"), "body": order.to_string(),
            "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders"
        })
    });
    json!({"Records": records.collect::<Vec<_>>()})
}
