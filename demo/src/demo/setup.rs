//! The setup: the programs, the table, the environments.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;

use serde_json::json;
use testkit::dynamo::{Counts, Dynamo, Fate, Request, Schema, Wire};
use testkit::lambda::{Environment, Function};
use testkit::language::{Language, Orders};
use testkit::locks::Step;
use testkit::programs::{self, Programs};
use testkit::{Clock, Error};
use tokio::sync::watch;

use super::lines;
use super::moment::{Event, Moment};
use super::options::{Layer, Options};
use super::record::{Invocation, Record, Status};

/// Their names.
pub(super) const ENVIRONMENTS: [&str; 4] = ["A", "B", "C", "D"];

/// The functions of C and D are in other languages, where these are here.
const OTHERS: [(&str, &str, Language); 2] = [
    ("C", "Python", Language::Python),
    ("D", "Node", Language::Node),
];

/// What each environment's function is written in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Languages {
    others: BTreeMap<&'static str, (&'static str, Orders)>,
    /// Why some of them are not here.
    missing: Vec<String>,
}
const TABLE: &str = "locks-demo";

/// Longer than anything in the story takes.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Everything that plays a part.
#[derive(Debug)]
pub(crate) struct Setup {
    environments: BTreeMap<&'static str, Environment>,
    languages: Languages,
    record: watch::Sender<Record>,
    dynamo: Dynamo,
    _wire: Wire,
}

impl Languages {
    /// Looks which of them are here.
    fn find() -> Self {
        let mut languages = Self::default();
        for (environment, name, language) in OTHERS {
            match language.orders() {
                Ok(orders) => _ = languages.others.insert(environment, (name, orders)),
                Err(why) => languages.missing.push(format!("{name} is left out: {why}")),
            }
        }
        languages
    }

    /// The language of an environment's function.
    pub(super) fn of(&self, environment: &str) -> &'static str {
        self.others
            .get(environment)
            .map_or("Rust", |(name, _)| name)
    }

    /// All of them, for a person.
    pub(super) fn told(&self) -> String {
        let each = ENVIRONMENTS.map(|name| format!("{name} runs {}", self.of(name)));
        let missing: String = self.missing.iter().map(|why| format!("{why}\n")).collect();
        format!("{}.\n{missing}\n", each.join(", "))
    }
}

impl Setup {
    /// Builds the programs, makes the table and sets up the environments.
    pub(crate) async fn build(options: &Options) -> Result<Self, Error> {
        let dynamo = Dynamo::new();
        dynamo.create_table(&Schema::locks(TABLE))?;
        let wire = dynamo.listen().await?;
        let function = function(options.layer, &wire.url())?.timeout(TIMEOUT);
        let record = watch::Sender::default();
        let languages = Languages::find();
        let environments = ENVIRONMENTS.map(|name| {
            let function = in_its_language(&function, languages.others.get(name), options.layer)?;
            Ok((name, environment(name, &function, &record)?))
        });
        let environments = environments.into_iter().collect::<Result<_, Error>>()?;
        Ok(Self {
            environments,
            languages,
            record,
            dynamo,
            _wire: wire,
        })
    }

    /// What the environments' functions are written in.
    pub(crate) fn languages(&self) -> &Languages {
        &self.languages
    }

    /// What has come to DynamoDB so far.
    pub(crate) fn counts(&self) -> Counts {
        self.dynamo.counts()
    }

    /// Sends an environment an event: so much work on an order.
    pub(super) async fn send(&self, name: &'static str, order: &str, event: &str, work: Duration) {
        self.add(name, Event::Sent(order.to_owned(), event.to_owned()));
        let work_ms = work.as_millis() as u64;
        let event = json!({ "orderId": order, "eventId": event, "workMs": work_ms, "then": "ok" });
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

    /// Whether releases of order 44 reach the table. Those that do not are sent again.
    pub(super) fn releases_arrive(&self, arrive: bool) {
        self.dynamo.plan(move |request: &Request| {
            let is_of_44 = request.body["Key"]["id"]["S"] == "44";
            match Step::of(request) {
                Step::Release if is_of_44 && !arrive => Fate::dropped(),
                _ => Fate::delivered(),
            }
        });
    }

    /// Waits until an environment's work has ended.
    pub(super) async fn done(&self, name: &'static str) {
        let done = |record: &Record| {
            let here = |sent: &&Invocation| &*sent.environment == name;
            let all = record.invocations();
            all.iter()
                .rfind(here)
                .is_some_and(|last| last.end.is_some())
        };
        // An error would say that the sender is gone, and it is here.
        let _ = self.record.subscribe().wait_for(done).await;
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
            let function = Function::new(&programs.function, url, TABLE);
            let function = function.variable("LOCKS_DEDUP", "skip");
            let function = function.variable("LOCKS_DEDUP_KEY", "/eventId");
            Ok(function.extension(&programs.extension))
        }
        Layer::Without => Ok(Function::new(programs::unlocked()?, url, TABLE)),
    }
}

/// The function in another language, if it is one: the extension locks for it.
fn in_its_language(
    function: &Function,
    other: Option<&(&'static str, Orders)>,
    layer: Layer,
) -> Result<Function, Error> {
    let function = function.clone();
    match (other, layer) {
        (None, _) => Ok(function),
        (Some((_, orders)), Layer::With) => Ok(orders.start_unwrapped(function, free_port()?)),
        (Some((_, orders)), Layer::Without) => Ok(orders.start_alone(function)),
    }
}

/// A port on which nothing listens.
fn free_port() -> Result<u16, Error> {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let free = free.map_err(|error| Error::new(format!("no port is free: {error}")))?;
    Ok(free.port())
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
