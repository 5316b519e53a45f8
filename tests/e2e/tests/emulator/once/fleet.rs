//! Many environments of one function, to which each event comes twice, while they are killed.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex};

use futures_util::future::try_join_all;
use serde_json::Value;
use testkit::Error;
use testkit::dynamo::{Fate, Gate, Request};
use testkit::emulator::{Environment, Signal};
use testkit::lambda::Answer;

use super::{Environments, emulator, message, skips};

const ENVIRONMENTS: usize = 20;
/// How many events come to each environment first.
const EACH: usize = 10;
/// The other delivery of an event comes to the environment that is so many further on.
const FURTHER: usize = 7;
/// Which of an environment's events is the last one of its process.
const FATAL: usize = 5;

/// When the function of an environment is killed.
#[derive(Clone, Copy)]
enum Kill {
    /// In the middle of its work.
    AtWork,
    /// Its work has ended and is noted, and the write that says so was lost.
    BeforeCompletion,
}

fn kill(environment: usize) -> Kill {
    match environment % 2 {
        0 => Kill::AtWork,
        _ => Kill::BeforeCompletion,
    }
}

fn number(environment: usize, nth: usize) -> usize {
    environment % ENVIRONMENTS * EACH + nth
}

/// Sends an event until it is answered, as its source would.
async fn deliver(to: &Environment, event: Value) -> Result<(), Error> {
    while !matches!(to.invoke(event.clone()).await?, Answer::Response(_)) {}
    Ok(())
}

/// Sends an event, and kills the function when the time has come.
async fn deliver_fatally(
    to: &Environment,
    event: Value,
    time: impl Future<Output = Result<(), Error>>,
) -> Result<(), Error> {
    let kill = async {
        time.await?;
        to.function()?.signal(Signal::KILL)
    };
    let (answer, ()) = tokio::try_join!(to.invoke(event), kill)?;
    assert_eq!(answer, Answer::Died);
    Ok(())
}

/// Completing writes that never arrive: the first one of each of these orders.
#[derive(Clone)]
struct Lost {
    orders: Arc<Mutex<BTreeSet<String>>>,
    /// Where the write of each environment is held back.
    gates: Arc<Vec<Gate>>,
}

impl Lost {
    fn new() -> Self {
        let gates = (0..ENVIRONMENTS).map(|_| Gate::closed()).collect();
        let fatal = (0..ENVIRONMENTS).filter(|&it| matches!(kill(it), Kill::BeforeCompletion));
        Self {
            orders: Arc::new(Mutex::new(fatal.map(order).collect())),
            gates: Arc::new(gates),
        }
    }

    fn fate(&self, request: &Request) -> Fate {
        let update = request.body["UpdateExpression"].as_str();
        let key = request.body["Key"]["id"]["S"].as_str().unwrap_or_default();
        let completes = update.is_some_and(|update| update.contains("#done = :done"));
        let mut orders = self.orders.lock().expect("no test panics here");
        match completes && orders.remove(key) {
            true => {
                let of = (0..ENVIRONMENTS).find(|&environment| order(environment) == key);
                let gate = &self.gates[of.expect("an environment's order is lost")];
                Fate::dropped().before(gate)
            }
            false => Fate::delivered(),
        }
    }
}

/// The order that is the last one of an environment's process.
fn order(environment: usize) -> String {
    format!("order-{}", number(environment, FATAL))
}

#[tokio::test]
async fn twenty_environments_that_are_killed_miss_no_effect_and_double_none() -> Result<(), Error> {
    let Some(emulator) = emulator() else {
        return Ok(());
    };
    let environments = Environments::start(emulator, ENVIRONMENTS, skips).await?;
    let lost = Lost::new();
    let plan = lost.clone();
    environments
        .dynamo
        .plan(move |request: &Request| plan.fate(request));

    // An event's other delivery comes while the first is at work, or shortly before or after.
    let each = environments.all.iter().enumerate();
    let first = each.clone().map(async |(environment, it)| {
        for nth in 0..EACH {
            let event = number(environment, nth);
            if nth != FATAL {
                deliver(it, message(event, 20)).await?;
                deliver(it, message(number(environment + FURTHER, nth), 20)).await?;
                continue;
            }
            match kill(environment) {
                Kill::AtWork => {
                    let begun = async {
                        let order = Value::from(order(environment));
                        it.line(|line| {
                            line.message() == Some("work begins")
                                && line.field("order_id") == Some(&order)
                        })
                        .await
                        .map(drop)
                    };
                    deliver_fatally(it, message(event, 8000), begun).await?;
                }
                Kill::BeforeCompletion => {
                    let held_back = lost.gates[environment].reached(1);
                    deliver_fatally(it, message(event, 20), async {
                        held_back.await;
                        Ok(())
                    })
                    .await?;
                }
            }
            deliver(it, message(event, 20)).await?;
        }
        Ok::<_, Error>(())
    });
    try_join_all(first).await?;
    let again = each
        .map(|(environment, it)| deliver(it, message(number(environment + FURTHER, FATAL), 20)));
    try_join_all(again).await?;

    environments.shut_down().await?;
    let works = environments.works();
    assert_eq!(works.len(), ENVIRONMENTS * EACH, "no effect is missing");
    let doubled = works.iter().filter(|&(_, &often)| often != 1);
    assert_eq!(doubled.collect::<Vec<_>>(), [], "none is double");
    Ok(())
}
