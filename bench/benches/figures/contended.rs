//! What a lock costs where many want it, and how long it stays with the dead: on paused time, so that
//! only the dice make a difference.

use std::thread;
use std::time::Duration;

use testkit::Error;
use testkit::locks::{Contention, Cost, LEASE, ROUND_TRIP, by_the_next_in_line, by_the_sweep};
use tokio::runtime::Builder;

use crate::figure::{Figure, Unit};
use crate::spread::Spread;

const HOLD: Duration = Duration::from_millis(50);

/// Each seed is another run.
const SEEDS: u64 = 5;

pub(crate) fn figures() -> Result<Vec<Figure>, Error> {
    let mut figures = contention(20, 2.05)?;
    figures.extend(contention(40, 4.1)?);
    let swept = each(|seed| paused(by_the_sweep(seed)))?;
    let stolen = each(|seed| paused(by_the_next_in_line(seed)))?;
    let of = |times: Vec<Duration>, unit: Duration| {
        Spread::of(times.into_iter().map(|time| time.div_duration_f64(unit)))
    };
    let after = |how| format!("a holder dies: until the next holds, {how}");
    figures.extend([
        Figure::new(
            after("swept, in round trips"),
            Unit::Ratio,
            of(swept, ROUND_TRIP)?,
        ),
        Figure::new(
            after("not swept, in leases"),
            Unit::Ratio,
            of(stolen, LEASE)?,
        ),
    ]);
    Ok(figures)
}

/// What so many at a lock pay for each acquisition, all but one of them waiting.
fn contention(members: usize, most_units: f64) -> Result<Vec<Figure>, Error> {
    let costs = each(|seed| {
        let hold = HOLD;
        paused(async move {
            Ok(Contention {
                members,
                hold,
                seed,
            }
            .measure()
            .await)
        })
    })?;
    let figure = |what, unit, of: &dyn Fn(&Cost) -> f64| {
        let spread = Spread::of(costs.iter().map(of))?;
        let name = format!("{members} at a lock: {what}");
        Ok::<_, Error>(Figure::new(name, unit, spread))
    };
    let broken = |cost: &Cost| cost.broken.len() as f64;
    let writes = |cost: &Cost| cost.each(cost.writes.requests as f64);
    let units = |cost: &Cost| cost.each(cost.writes.units);
    let reads = |cost: &Cost| cost.each(cost.reads.units);
    Ok(vec![
        figure("out of order, or two at once", Unit::Count, &broken)?.exactly(0.0),
        figure("writes of an acquisition", Unit::Ratio, &writes)?.never_above(2.05),
        figure("their write units", Unit::Ratio, &units)?.never_above(most_units),
        figure("its read units", Unit::Ratio, &reads)?.at_most(4.0),
        figure("hand-over, in round trips", Unit::Ratio, &|cost| {
            cost.handover(50)
        })?
        .at_most(2.3),
        figure("the slowest of 100 hand-overs", Unit::Ratio, &|cost| {
            cost.handover(99)
        })?,
    ])
}

fn each<T>(run: impl Fn(u64) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    (0..SEEDS).map(run).collect()
}

/// Runs on a thread of its own, whose time is paused.
fn paused<T: Send>(run: impl Future<Output = Result<T, Error>> + Send) -> Result<T, Error> {
    let failed = |e: std::io::Error| Error::new(format!("no runtime: {e}"));
    thread::scope(|scope| {
        let run = scope.spawn(|| {
            let mut runtime = Builder::new_current_thread();
            let runtime = runtime.enable_all().start_paused(true);
            runtime.build().map_err(failed)?.block_on(run)
        });
        let panicked = |_| Error::new("what many do at once has panicked");
        run.join().map_err(panicked)?
    })
}
