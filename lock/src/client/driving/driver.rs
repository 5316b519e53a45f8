//! Driving the protocol over the table: the thin shell around the decisions.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use crate::attributes::Attributes;
use crate::client::driving::counters::Counters;
use crate::client::driving::wait::{self, Schedule};
use crate::client::memory::observations::Observations;
use crate::client::memory::trail::Trail;
use crate::client::shared::Shared;
use crate::key::Key;
use crate::protocol::Acquisition;
use crate::protocol::messages::{Action, Answer, Event, Outcome};
use crate::protocol::operation_id::OperationId;
use crate::protocol::time::{Clock, Mark, MonotonicInstant};
use crate::protocol::write::Write;
use crate::table::{Failure, Reply, Table};

/// How long the first copy of a write may stay unanswered; each further copy gets twice as long.
const FIRST_ATTEMPT: Duration = Duration::from_millis(400);

/// The shortest time for the answer to a copy that was sent.
const LEAST_ATTEMPT: Duration = Duration::from_millis(50);

/// One running acquisition: the protocol, and what it needs to reach the table.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) table: Table,
    pub(crate) key: Key,
    pub(crate) clock: Clock,
    pub(crate) acquisition: Acquisition,
    pub(crate) counters: Arc<Counters>,
    /// What enters with the entry.
    attributes: Attributes,
    schedule: Schedule,
    /// How many polls are left; none if only the time limits them.
    pub(crate) polls_left: Option<u32>,
    /// Whether to log each step at the level `info`.
    loud: bool,
    /// What this client has observed of holders, shared by its acquisitions.
    observations: Arc<Observations>,
    /// When the last request left, by all clocks: what its answer proves counts from there.
    pub(crate) sent: Mark,
    /// Requests in a row that got no useful answer.
    unanswered: u32,
    /// The last failure.
    pub(crate) trouble: Option<Failure>,
}

/// How long a run may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// No pause ends later.
    pub(crate) wait: Instant,
    /// No request is answered later.
    pub(crate) send: Instant,
}

impl Budget {
    /// One end for pauses and requests.
    pub(crate) fn until(end: Instant) -> Self {
        Self {
            wait: end,
            send: end,
        }
    }
}

/// Why a run ended.
#[derive(Debug)]
pub(crate) enum Exit {
    /// The lock is held, and its lease ends at this instant.
    Act(MonotonicInstant),
    /// Nothing is left to do.
    Over(Outcome),
    /// The budget was used up first.
    OutOfBudget,
}

impl Driver {
    pub(crate) fn new(shared: &Shared, table: Table, key: Key, acquisition: Acquisition) -> Self {
        let (cap, pace) = (shared.settings.retry_delay, shared.paces.of(&key));
        let schedule = Schedule::new(cap, acquisition.terms().lease, pace);
        Self {
            table,
            key,
            clock: shared.clock.reset(),
            acquisition,
            counters: Arc::default(),
            attributes: shared.settings.attributes.clone(),
            schedule,
            polls_left: None,
            loud: shared.settings.debug_logs,
            observations: Arc::clone(&shared.observations),
            sent: shared.clock.mark(),
            unanswered: 0,
            trouble: None,
        }
    }

    /// Does what the protocol asks for, from one event until the lock is held, the acquisition is
    /// over or the budget is used up.
    pub(crate) async fn run(
        &mut self,
        event: Event,
        budget: Budget,
        mut trail: Option<&mut Trail>,
    ) -> Result<Exit, Failure> {
        let acquires = event == Event::Begin;
        let mut event = event;
        if event == Event::Release {
            self.schedule.ends(self.clock.tick());
        }
        loop {
            let action = self.acquisition.step(event, self.clock.moment());
            if self.is_past(&action, budget) {
                return Ok(Exit::OutOfBudget);
            }
            if matches!(action, Action::Pause(_) | Action::Over(_)) {
                self.observations.keep(&self.key, self.acquisition.watch());
            }
            event = match action {
                Action::Act(ends) if acquires && self.is_expired(ends) => Event::Expired,
                Action::Act(ends) => {
                    self.schedule.begins(self.clock.tick());
                    return Ok(Exit::Act(ends));
                }
                Action::Over(outcome) => return Ok(Exit::Over(outcome)),
                Action::Write(write) => {
                    if let Some((trail, entry)) = trail.as_deref_mut().zip(write.enters()) {
                        trail.record(entry);
                    }
                    Event::Answered(self.write(&write, budget).await?)
                }
                Action::Poll => self.poll(budget).await?,
                Action::Check(operation) => self.check(operation, budget).await?,
                Action::Pause(pause) => {
                    let pause = self.schedule.pause(pause, self.clock.tick());
                    sleep_until(budget.wait.min(self.clock.after(pause))).await;
                    Event::Woken
                }
            };
        }
    }

    /// Whether a lease that ends then is over by the clock that has run the furthest since the last request.
    fn is_expired(&self, ends: MonotonicInstant) -> bool {
        ends <= self.clock.tick() + self.clock.missed_since(self.sent)
    }

    fn is_past(&self, action: &Action, budget: Budget) -> bool {
        match action {
            Action::Act(_) | Action::Over(_) => false,
            Action::Pause(_) => self.clock.is_past(budget.wait),
            Action::Poll if self.polls_left == Some(0) => true,
            Action::Write(_) | Action::Poll | Action::Check(_) => self.clock.is_past(budget.send),
        }
    }

    async fn write(&mut self, write: &Write, budget: Budget) -> Result<Answer, Failure> {
        let (sent, until) = self.ready(budget).await;
        let written = self.table.write(&self.key, write, &self.attributes);
        let reply = timeout_at(until, written).await;
        let answer = match self.received(sent, reply.ok()) {
            Ok(answer) => Ok(answer),
            Err(failure) => self.endure(failure),
        };
        let evicts = matches!(write, Write::Evict { .. } | Write::EvictAndEnter { .. });
        if evicts && matches!(answer, Ok(Answer::Applied(_))) {
            self.counters.count_eviction();
        }
        self.log(write.name(), answer.as_ref().map_or("failed", Answer::name));
        answer
    }

    /// A poll whose answer is lost shows nothing, and does no harm.
    async fn poll(&mut self, budget: Budget) -> Result<Event, Failure> {
        self.polls_left = self.polls_left.map(|left| left.saturating_sub(1));
        let (sent, until) = self.ready(budget).await;
        let reply = timeout_at(until, self.table.poll(&self.key)).await;
        match self.received(sent, reply.ok()) {
            Ok(row) => Ok(Event::Polled(row)),
            Err(failure) => self.endure(failure).map(|_| Event::Woken),
        }
    }

    /// A read whose answer is lost is sent again.
    async fn check(&mut self, operation: OperationId, budget: Budget) -> Result<Event, Failure> {
        let (sent, until) = self.ready(budget).await;
        let reply = timeout_at(until, self.table.moved(&self.key, operation)).await;
        let state = match self.received(sent, reply.ok()) {
            Ok(state) => Ok(Event::Checked(state)),
            Err(failure) => self.endure(failure).map(|_| Event::Woken),
        };
        self.log("check", if state.is_ok() { "read" } else { "failed" });
        state
    }

    fn log(&self, step: &str, answer: &str) {
        let (key, ticket) = (&self.key, self.acquisition.ticket().0);
        if self.loud {
            tracing::info!(%key, ticket, step, answer, "lock step");
        } else {
            tracing::debug!(%key, ticket, step, answer, "lock step");
        }
    }

    /// Waits until the next request may be sent; returns when it was sent, and until when it may be
    /// answered.
    async fn ready(&mut self, budget: Budget) -> (MonotonicInstant, Instant) {
        if self.unanswered > 0 {
            let pause = wait::repeat(self.unanswered - 1);
            sleep_until(budget.send.min(self.clock.after(pause))).await;
        }
        self.counters.count_request();
        let patience = FIRST_ATTEMPT * (1 << self.unanswered.min(3));
        // A request that is sent at all gets time for an answer, however late it is.
        let until = budget
            .send
            .min(self.clock.after(patience))
            .max(self.clock.after(LEAST_ATTEMPT));
        self.sent = self.clock.mark();
        (self.clock.tick(), until)
    }

    fn received<T>(
        &mut self,
        sent: MonotonicInstant,
        reply: Option<Reply<T>>,
    ) -> Result<T, Failure> {
        let received = self.clock.tick();
        let Some(reply) = reply else {
            return Err(Failure::too_slow(received.since(sent)));
        };
        match reply.date {
            Some(date) => self.clock.observe_server_date(sent, received, date),
            None if reply.answer.is_ok() => self.is_undated(),
            // No answer, or not one of DynamoDB's.
            None => {}
        }
        let answer = reply.answer?;
        (self.unanswered, self.trouble) = (0, None);
        Ok(answer)
    }

    fn is_undated(&mut self) {
        if self.clock.observe_missing_date() {
            tracing::warn!(key = %self.key, "an answer has no `Date`; expiry is judged by the local clock within its skew");
        }
    }

    /// Remembers a transient failure and returns what it means to the protocol; returns any other
    /// as an error.
    fn endure(&mut self, failure: Failure) -> Result<Answer, Failure> {
        let Some(answer) = failure.answer() else {
            return Err(failure);
        };
        self.unanswered += 1;
        self.trouble = Some(failure);
        Ok(answer)
    }
}
