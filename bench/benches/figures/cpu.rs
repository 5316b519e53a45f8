//! The CPU of a lock, from acquire to release, against its two requests sent with the bare SDK.

use std::time::Duration;

use lambda_locks::{Locks, Settings};
use testkit::Error;

use crate::figure::{Figure, Unit};
use crate::server::Server;
use crate::side::{Bare, hold, journal, settings};
use crate::spread::Spread;
use crate::stopwatch::cpu_seconds;

/// Blocks of the three sides take turns, so that whatever disturbs them disturbs all.
const BLOCKS: u32 = 80;

/// How often a block does what it does.
const TIMES: u32 = 100;

pub(crate) async fn figures() -> Result<[Figure; 3], Error> {
    let server = Server::start(Duration::ZERO)?;
    let journal = journal()?;
    let mut bare = Bare::of(server.client(), "order-0").await?;
    let noted = locks(&server, settings().journal(journal.path()))?;
    let unnoted = locks(&server, settings())?;
    let (mut pairs, mut with, mut without) = (Vec::new(), Vec::new(), Vec::new());
    for block in 0..=BLOCKS {
        let pair = cpu(async || send(&mut bare).await).await?;
        let noted = cpu(async || hold(&noted, "order-1").await).await?;
        let unnoted = cpu(async || hold(&unnoted, "order-2").await).await?;
        // The first block connects.
        if block > 0 {
            pairs.push(pair);
            with.push(noted / pair);
            without.push(unnoted / pair);
        }
    }
    let ratio = |name, ratios| {
        Spread::of(ratios).map(|spread| Figure::new(name, Unit::Ratio, spread).at_most(1.1))
    };
    let name = "CPU of the two requests, bare SDK";
    Ok([
        Figure::new(name, Unit::Micros, Spread::of(pairs)?),
        ratio("CPU of acquire + release, journal off, in such", without)?,
        ratio("CPU of acquire + release, journal on, in such", with)?,
    ])
}

fn locks(server: &Server, settings: Settings) -> Result<Locks, Error> {
    Locks::with_client(&server.client(), settings).map_err(|e| Error::new(e.to_string()))
}

async fn send(bare: &mut Bare) -> Result<(), Error> {
    bare.enter().await?;
    bare.leave().await
}

/// The CPU seconds that one go of a whole block takes.
async fn cpu(mut go: impl AsyncFnMut() -> Result<(), Error>) -> Result<f64, Error> {
    let block = async {
        for _ in 0..TIMES {
            go().await?;
        }
        Ok(())
    };
    let (done, spent): (Result<(), Error>, f64) = cpu_seconds(block).await;
    done.map(|()| spent / f64::from(TIMES))
}
