//! Requests and capacity units of an invocation that nobody contends.

use testkit::Error;
use testkit::dynamo::{Dynamo, Schema};

use crate::figure::{Figure, Unit};
use crate::function;
use crate::server::TABLE;
use crate::side::settings;
use crate::spread::Spread;

/// How many invocations there are, one after the other, of a few orders.
const INVOCATIONS: u32 = 60;

pub(crate) async fn figures() -> Result<[Figure; 2], Error> {
    let dynamo = Dynamo::new();
    dynamo.create_table(&Schema::locks(TABLE))?;
    let mut function = function::locked(&dynamo.client("figures"), settings())?;
    let (mut requests, mut units) = (Vec::new(), Vec::new());
    for number in 0..INVOCATIONS {
        let before = dynamo.counts();
        function::invoke(&mut function, &(number % 5).to_string()).await?;
        let cost = (dynamo.counts() - &before).total();
        requests.push(cost.requests as f64);
        units.push(cost.units);
    }
    let (requests, units) = (Spread::of(requests)?, Spread::of(units)?);
    Ok([
        Figure::new(
            "requests of an uncontended invocation",
            Unit::Count,
            requests,
        )
        .exactly(2.0),
        Figure::new(
            "capacity units of an uncontended invocation",
            Unit::Count,
            units,
        )
        .exactly(2.0),
    ])
}
