//! The time that the layer adds before the response.

use std::time::Duration;

use testkit::Error;

use crate::figure::{Figure, Unit};
use crate::function;
use crate::server::Server;
use crate::side::{Bare, journal, settings};
use crate::spread::Spread;
use crate::stopwatch::seconds;

/// What is how far away DynamoDB is: it is added to each request, in one piece.
const LATENCY: Duration = Duration::from_millis(5);

const ROUNDS: u32 = 300;

pub(crate) async fn figures() -> Result<[Figure; 3], Error> {
    let server = Server::start(LATENCY)?;
    let journal = journal()?;
    let settings = settings().journal(journal.path());
    let mut bare = Bare::of(server.client(), "order-0").await?;
    let mut locked = function::locked(&server.client(), settings)?;
    let mut unlocked = function::unlocked();
    let (mut writes, mut pairs, mut added) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (entered, enter) = seconds(bare.enter()).await;
        let (left, leave) = seconds(bare.leave()).await;
        let (with, long) = seconds(function::invoke(&mut locked, "order-1")).await;
        let (without, short) = seconds(function::invoke(&mut unlocked, "order-1")).await;
        entered.and(left).and(with).and(without)?;
        // The first round connects.
        if round > 0 {
            writes.extend([enter, leave]);
            pairs.push(enter + leave);
            added.push(long - short);
        }
    }
    let write = Spread::of(writes)?;
    let in_writes = |times| Spread::of(times).map(|all| all.map(|time| time / write.median));
    let name = "time the layer adds to an invocation, in such writes";
    let added = Figure::new(name, Unit::Ratio, in_writes(added)?);
    Ok([
        Figure::new("a bare write to a DynamoDB 5 ms away", Unit::Millis, write),
        Figure::new(
            "two of them, in such writes",
            Unit::Ratio,
            in_writes(pairs)?,
        ),
        added.at_most(2.05),
    ])
}
