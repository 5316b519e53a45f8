//! Requests and capacity units of an event that is delivered twice, by the size of its response.

use std::time::Duration;

use dynamodb_locks::{AcquireOptions, Locks, Operation};
use testkit::Error;
use testkit::dynamo::{Dynamo, Schema};

use crate::figure::{Figure, Unit};
use crate::server::TABLE;
use crate::side::settings;
use crate::spread::Spread;

/// How often each is measured, under locks of their own.
const ROUNDS: u32 = 5;

/// So many events share a lock within one window.
const MANY: u32 = 100;

pub(crate) async fn figures() -> Result<Vec<Figure>, Error> {
    let mut figures = Vec::new();
    for (size, bytes) in [
        ("none", 0),
        ("1 KB", 1024),
        ("50 KB", 51_200),
        ("300 KB", 307_200),
    ] {
        let [first, again, memory] = twice(bytes).await?;
        let what = format!("response: {size}");
        figures.extend(cost(&format!("a first delivery, {what}"), first)?);
        figures.extend(cost(&format!("its duplicate, {what}"), again)?);
        let requests: Vec<_> = memory.into_iter().map(|(requests, _)| requests).collect();
        let name = format!("requests of its duplicate in the same environment, {what}");
        let figure = Figure::new(name, Unit::Count, Spread::of(requests)?);
        // A longer response is not kept in memory.
        figures.push(figure.exactly(if bytes <= 64 * 1024 { 0.0 } else { 2.0 }));
    }
    let [first, again] = crowded().await?;
    let under = format!("under a lock with {MANY} events in its window");
    figures.extend(cost(&format!("a first delivery {under}"), first)?);
    figures.extend(cost(&format!("an old duplicate {under}"), again)?);
    Ok(figures)
}

/// Requests and units.
type Costs = Vec<(f64, f64)>;

fn cost(what: &str, costs: Costs) -> Result<[Figure; 2], Error> {
    let (requests, units): (Vec<_>, Vec<_>) = costs.into_iter().unzip();
    let (requests, units) = (Spread::of(requests)?, Spread::of(units)?);
    Ok([
        Figure::new(format!("requests of {what}"), Unit::Count, requests),
        Figure::new(format!("capacity units of {what}"), Unit::Count, units),
    ])
}

/// What a first delivery costs, its duplicate elsewhere, and its duplicate in the same environment.
async fn twice(bytes: usize) -> Result<[Costs; 3], Error> {
    let dynamo = Dynamo::new();
    dynamo.create_table(&Schema::locks(TABLE))?;
    let client = |name: &str| Locks::with_client(&dynamo.client(name), settings()).map_err(failed);
    let (here, there) = (client("here")?, client("there")?);
    let mut costs = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        let key = format!("order-{round}");
        let response = (bytes > 0).then(|| "x".repeat(bytes));
        for (locks, costs) in [&here, &there, &here].into_iter().zip(&mut costs) {
            let before = dynamo.counts();
            deliver(locks, &key, "event", response.clone()).await?;
            let cost = (dynamo.counts() - &before).total();
            costs.push((cost.requests as f64, cost.units));
        }
    }
    Ok(costs)
}

/// What a first delivery costs under a lock that many others share, and a duplicate elsewhere of one of the first events.
async fn crowded() -> Result<[Costs; 2], Error> {
    let dynamo = Dynamo::new();
    dynamo.create_table(&Schema::locks(TABLE))?;
    let client = |name: &str| Locks::with_client(&dynamo.client(name), settings()).map_err(failed);
    let (here, there) = (client("here")?, client("there")?);
    let mut costs = [Vec::new(), Vec::new()];
    for number in 0..MANY + ROUNDS {
        let before = dynamo.counts();
        deliver(&here, "order", &number.to_string(), None).await?;
        let cost = (dynamo.counts() - &before).total();
        if number >= MANY {
            costs[0].push((cost.requests as f64, cost.units));
        }
    }
    for number in 0..ROUNDS {
        let before = dynamo.counts();
        deliver(&there, "order", &number.to_string(), None).await?;
        let cost = (dynamo.counts() - &before).total();
        costs[1].push((cost.requests as f64, cost.units));
    }
    Ok(costs)
}

async fn deliver(
    locks: &Locks,
    key: &str,
    event: &str,
    response: Option<String>,
) -> Result<(), Error> {
    let operation = Operation::new("figures", event).replays();
    let options = AcquireOptions::wait(Duration::from_secs(1)).operation(operation);
    match locks.acquire_with(key, options).await {
        Ok(guard) => guard.complete(response).await.map_err(failed)?,
        Err(error) if error.is_completed() => {}
        Err(error) => return Err(failed(error)),
    }
    Ok(())
}

fn failed(error: dynamodb_locks::Error) -> Error {
    Error::new(error.to_string())
}
