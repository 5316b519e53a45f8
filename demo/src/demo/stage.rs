//! The stage: the programs, the table, the environments.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use testkit::dynamo::{Counts, Dynamo, Schema, Wire};
use testkit::lambda::{Environment, Function};
use testkit::programs::{self, Programs};
use testkit::{Clock, Error};
use tokio::sync::watch;

use super::lines;
use super::moment::{Event, Moment};
use super::options::{Layer, Options};
use super::record::{Record, Status};

/// Their names.
pub(super) const ENVIRONMENTS: [&str; 4] = ["A", "B", "C", "D"];
const TABLE: &str = "locks-demo";

/// Longer than anything in the story takes.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Everything that plays a part.
#[derive(Debug)]
pub(crate) struct Stage {
    environments: BTreeMap<&'static str, Environment>,
    record: watch::Sender<Record>,
    dynamo: Dynamo,
    _wire: Wire,
}

impl Stage {
    /// Builds the programs, makes the table and sets up the environments.
    pub(crate) async fn build(options: &Options) -> Result<Self, Error> {
        let dynamo = Dynamo::new();
        dynamo.create_table(&Schema::locks(TABLE))?;
        let wire = dynamo.listen().await?;
        let function = function(options.layer, &wire.url())?.timeout(TIMEOUT);
        let record = watch::Sender::default();
        let environments =
            ENVIRONMENTS.map(|name| Ok((name, environment(name, &function, &record)?)));
        let environments = environments.into_iter().collect::<Result<_, Error>>()?;
        Ok(Self {
            environments,
            record,
            dynamo,
            _wire: wire,
        })
    }

    /// What has come to DynamoDB so far.
    pub(crate) fn counts(&self) -> Counts {
        self.dynamo.counts()
    }

    /// Sends an environment an event: so much work on an order.
    pub(super) async fn send(&self, name: &'static str, order: &str, work: Duration) {
        self.add(name, Event::Sent(order.to_owned()));
        let work_ms = work.as_millis() as u64;
        let event = json!({ "orderId": order, "workMs": work_ms, "then": "ok" });
        let answer = self.environments[name].invoke(event).await;
        self.add(name, Event::Answered(answer));
    }

    /// Kills an environment's function.
    pub(super) fn kill(&self, name: &'static str) {
        self.environments[name].kill_function();
    }

    /// Shuts all environments down.
    pub(super) async fn shut_down(&self) {
        for environment in self.environments.values() {
            environment.shut_down().await;
        }
    }

    /// What has happened so far.
    pub(super) fn record(&self) -> Record {
        self.record.borrow().clone()
    }

    /// Waits until an environment's work has begun, or can begin no more.
    pub(super) async fn at_work(&self, name: &'static str) {
        let before = |status| matches!(status, Status::Starts | Status::Waits(_));
        let begun = |record: &Record| !before(record.status(name, Duration::MAX));
        // An error would say that the sender is gone, and it is here.
        let _ = self.record.subscribe().wait_for(begun).await;
    }

    fn add(&self, name: &'static str, event: Event) {
        let moment = Moment {
            at: Clock::system().since_epoch(),
            environment: name.into(),
            event,
        };
        self.record.send_modify(|record| record.add(moment));
    }
}

fn function(layer: Layer, url: &str) -> Result<Function, Error> {
    match layer {
        Layer::With => {
            let programs = Programs::build()?;
            Ok(Function::new(&programs.function, url, TABLE).extension(&programs.extension))
        }
        Layer::Without => Ok(Function::new(programs::unlocked()?, url, TABLE)),
    }
}

fn environment(
    name: &str,
    function: &Function,
    record: &watch::Sender<Record>,
) -> Result<Environment, Error> {
    let record = record.clone();
    Environment::new(name, function, move |occurrence| {
        if let Some(moment) = lines::moment(occurrence) {
            record.send_modify(|record| record.add(moment));
        }
    })
}
