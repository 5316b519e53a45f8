//! The way of a request, the same for both fronts.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::Value;

use super::answered::Answered;
use super::capacity::metered;
use super::engine::Engine;
use super::ledger::{Counts, Ledger, Logged};
use super::plan::{Arrival, Fate, Hears, Plan, Request};
use super::refusal::Refusal;
use super::versions::Versions;
use super::wait::Wait;
use crate::Clock;

/// An embedded DynamoDB; clones are the same one.
#[derive(Clone)]
pub struct Dynamo(Arc<Inner>);

struct Inner {
    clock: Clock,
    engine: Engine,
    ledger: Mutex<Ledger>,
    plan: Mutex<Arc<dyn Plan>>,
    versions: Mutex<Option<Versions>>,
}

/// What changes an item.
const WRITES: [&str; 3] = ["DeleteItem", "PutItem", "UpdateItem"];

/// An answer on its way to the client.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    pub(super) date: Option<String>,
    pub(super) body: String,
}

impl Dynamo {
    /// An empty DynamoDB on the machine's clock.
    #[expect(
        clippy::new_without_default,
        reason = "each call makes another database"
    )]
    pub fn new() -> Self {
        Self::at(Clock::system())
    }

    /// An empty DynamoDB whose answers are dated, and whose items expire, by `clock`.
    pub fn at(clock: Clock) -> Self {
        Self(Arc::new(Inner {
            engine: Engine::new(clock.clone()),
            clock,
            ledger: Mutex::default(),
            plan: Mutex::new(Arc::new(|_: &Request| Fate::delivered())),
            versions: Mutex::default(),
        }))
    }

    /// Decides the fate of every request from now on. Default: all are delivered.
    pub fn plan(&self, plan: impl Plan + 'static) {
        *lock(&self.0.plan) = Arc::new(plan);
    }

    /// Keeps a log of every request from now on. Default: no log.
    pub fn keep_log(&self) {
        lock(&self.0.ledger).log.get_or_insert_default();
    }

    /// The log so far, in the order in which the table was changed; empty if it is not kept.
    pub fn log(&self) -> Vec<Logged> {
        lock(&self.0.ledger).log.clone().unwrap_or_default()
    }

    /// Keeps every version of every item that is written from now on; without them no read is
    /// ever behind. Default: none.
    pub fn keep_versions(&self) {
        lock(&self.0.versions).get_or_insert_default();
    }

    /// What has come in so far and what it cost.
    pub fn counts(&self) -> Counts {
        lock(&self.0.ledger).counts.clone()
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// Carries a request from its arrival to its answer; `None` is a connection that breaks.
    pub(super) async fn serve(&self, from: Arc<str>, op: &str, body: &[u8]) -> Option<Reply> {
        if op.is_empty() {
            // A request that names no operation asks only whether there is a DynamoDB. That costs nothing.
            return Some(Reply::dated(200, "healthy: dynamodb", self.0.clock.now()));
        }
        let (request, fate) = self.accept(from, op, body);
        // In a task of its own: what has left its client is applied even if the client is gone by
        // then.
        tokio::spawn(self.clone().carry(request, fate))
            .await
            .ok()
            .flatten()
    }

    /// Counts a request in, and decides its fate.
    #[doc(hidden)]
    pub fn accept(&self, from: Arc<str>, op: &str, body: &[u8]) -> (Arc<Request>, Fate) {
        let body = serde_json::from_slice(body).unwrap_or_default();
        let request = Arc::new(lock(&self.0.ledger).arrive(from, op, body));
        let fate = lock(&self.0.plan).clone().fate(&request);
        (request, fate)
    }

    async fn carry(self, request: Arc<Request>, fate: Fate) -> Option<Reply> {
        fate.before.over().await;
        let reply = self.settle(&request, fate.arrival, fate.hears);
        let reply = reply.map(|reply| reply.date_off(fate.date_off_s, self.0.clock.now()));
        if let Some(wait) = fate.again {
            tokio::spawn(self.repeat(request, wait));
        }
        fate.after.over().await;
        reply
    }

    async fn repeat(self, request: Arc<Request>, wait: Wait) {
        wait.over().await;
        self.settle(&request, Arrival::Applied, Hears::Nothing);
    }

    /// What happens at the table: at once, whatever the fate says about waiting.
    #[doc(hidden)]
    pub fn settle(&self, request: &Arc<Request>, arrival: Arrival, hears: Hears) -> Option<Reply> {
        // Locked until it is logged: the log has the order in which the table was changed.
        let mut ledger = lock(&self.0.ledger);
        let applied = match arrival {
            Arrival::Applied => Some(self.apply(request, &mut ledger)),
            Arrival::Behind(age) => Some(self.apply_behind(request, age, &mut ledger)),
            Arrival::Never => None,
        };
        let heard = match hears {
            Hears::Truth => applied.clone(),
            Hears::Refusal(refusal) => Some(refusal.answered()),
            Hears::Nothing => None,
        };
        let at = self.0.clock.now();
        if let Some(log) = &mut ledger.log {
            let applied = applied.map(|answered| (answered.status, answered.body));
            let heard_status = heard.as_ref().map(|answered| answered.status);
            log.push(Logged {
                at,
                request: request.clone(),
                applied,
                heard: heard_status,
            });
        }
        heard.map(|answered| Reply::new(&answered, at))
    }

    fn apply(&self, request: &Request, ledger: &mut Ledger) -> Answered {
        let run = |body| self.0.engine.run(&request.op, body);
        let (answered, units) = metered(request.body.clone(), run);
        ledger.charge(&request.op, units);
        if WRITES.contains(&&*request.op)
            && let Some(versions) = &mut *lock(&self.0.versions)
        {
            versions.written(&request.body, &self.0.engine, self.0.clock.now());
        }
        answered
    }

    /// A read that is answered by a replica which is behind; a write knows of no replicas.
    fn apply_behind(&self, request: &Request, age: Duration, ledger: &mut Ledger) -> Answered {
        let answered = self.apply(request, ledger);
        match &*lock(&self.0.versions) {
            // A consistent read is not answered by a replica that is behind.
            Some(versions)
                if &*request.op == "GetItem" && request.body["ConsistentRead"] != true =>
            {
                versions.behind(&request.body, answered, self.0.clock.now() - age)
            }
            _ => answered,
        }
    }

    /// Something was changed past the fronts.
    pub(super) fn take_stock(&self) {
        if let Some(versions) = &mut *lock(&self.0.versions) {
            versions.take_stock(&self.0.engine, self.0.clock.now());
        }
    }
}

impl Reply {
    /// An answer that another server gives in DynamoDB's place.
    pub fn of(status: u16, body: Value, at: SystemTime) -> Self {
        Self::new(&Answered { status, body }, at)
    }

    /// What DynamoDB answers when it refuses for its own reasons.
    pub fn refusing(refusal: Refusal, at: SystemTime) -> Self {
        Self::new(&refusal.answered(), at)
    }

    /// The body, as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    fn new(answered: &Answered, at: SystemTime) -> Self {
        Self::dated(answered.status, answered.body.to_string(), at)
    }

    fn dated(status: u16, body: impl Into<String>, at: SystemTime) -> Self {
        let (date, body) = (Some(http_date(at, 0)), body.into());
        Self { status, date, body }
    }

    /// The same, with a `Date` that is so many seconds off.
    #[must_use]
    pub fn date_off(self, seconds: i64, at: SystemTime) -> Self {
        let date = Some(http_date(at, seconds));
        Self { date, ..self }
    }

    /// The same, without a `Date`.
    #[must_use]
    pub fn undated(self) -> Self {
        Self { date: None, ..self }
    }
}

/// The whole second, so many seconds later.
fn http_date(at: SystemTime, seconds: i64) -> String {
    let whole = DateTime::from(at).secs() + seconds;
    let date = DateTime::from_secs(whole).fmt(Format::HttpDate);
    date.expect("the year has four digits")
}

impl fmt::Debug for Dynamo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dynamo")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

/// Nothing behind these locks is ever left half done, so one that a panicking test poisoned is
/// still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
