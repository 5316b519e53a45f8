//! Driving the protocol over the table: the thin shell around the decisions.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use crate::attributes::Attributes;
use crate::key::Key;
use crate::observations::Observations;
use crate::protocol::Acquisition;
use crate::shared::Shared;
use crate::table::{Failure, Reply, Table};
use crate::tally::Tally;
use crate::terms::{Action, Answer, Ending, Event};
use crate::time::{Clock, Mark, Tick};
use crate::trail::Trail;
use crate::wait::{self, Schedule};
use crate::write::Write;

/// How long the first copy of a write may stay unanswered; each further one gets twice as long.
const FIRST_ATTEMPT: Duration = Duration::from_millis(400);

/// A copy that is sent at all gets this long.
const LEAST_ATTEMPT: Duration = Duration::from_millis(50);

/// One acquisition at work: the protocol, and what it needs to reach the table.
#[derive(Debug)]
pub(crate) struct Drive {
    pub(crate) table: Table,
    pub(crate) key: Key,
    pub(crate) clock: Clock,
    pub(crate) acquisition: Acquisition,
    pub(crate) tally: Arc<Tally>,
    /// What enters with the entry.
    attributes: Attributes,
    schedule: Schedule,
    /// How often to look yet; none for as often as the time allows.
    pub(crate) looks_left: Option<u32>,
    /// Whether to log each step where everybody sees it.
    loud: bool,
    /// What earlier acquisitions of this client have seen of holders, and later ones go on from.
    observations: Arc<Observations>,
    /// When the last request left, by all clocks: what its answer proves counts from there.
    pub(crate) sent: Mark,
    /// Requests in a row that got no useful answer.
    unanswered: u32,
    /// What the last of them failed of.
    pub(crate) trouble: Option<Failure>,
}

/// Until when to go on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    /// No pause goes beyond this.
    pub(crate) wait: Instant,
    /// No request goes beyond this.
    pub(crate) send: Instant,
}

impl Bound {
    /// Goes on until then.
    pub(crate) fn until(end: Instant) -> Self {
        Self {
            wait: end,
            send: end,
        }
    }
}

/// Why the driving stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The lock is held until then.
    Act(Tick),
    /// Nothing is left to do.
    Over(Ending),
    /// The bound was reached first.
    Bound,
}

impl Drive {
    pub(crate) fn new(shared: &Shared, table: Table, key: Key, acquisition: Acquisition) -> Self {
        let (cap, pace) = (shared.settings.retry_delay, shared.paces.of(&key));
        let schedule = Schedule::new(cap, acquisition.terms().lease, pace);
        Self {
            table,
            key,
            clock: shared.clock.afresh(),
            acquisition,
            tally: Arc::default(),
            attributes: shared.settings.attributes.clone(),
            schedule,
            looks_left: None,
            loud: shared.settings.debug_logs,
            observations: Arc::clone(&shared.observations),
            sent: shared.clock.mark(),
            unanswered: 0,
            trouble: None,
        }
    }

    /// Does what the protocol asks for, from one event until it acts, ends or meets the bound.
    pub(crate) async fn run(
        &mut self,
        event: Event,
        bound: Bound,
        mut trail: Option<&mut Trail>,
    ) -> Result<Stop, Failure> {
        let acquires = event == Event::Begin;
        let mut event = event;
        if event == Event::Release {
            self.schedule.ends(self.clock.tick());
        }
        loop {
            let action = self.acquisition.step(event, self.clock.moment());
            if self.is_past(&action, bound) {
                return Ok(Stop::Bound);
            }
            if matches!(action, Action::Pause(_) | Action::Over(_)) {
                self.observations.keep(&self.key, self.acquisition.watch());
            }
            event = match action {
                Action::Act(ends) if acquires && self.is_over(ends) => Event::Expired,
                Action::Act(ends) => {
                    self.schedule.begins(self.clock.tick());
                    return Ok(Stop::Act(ends));
                }
                Action::Over(ending) => return Ok(Stop::Over(ending)),
                Action::Write(write) => {
                    if let Some((trail, entry)) = trail.as_deref_mut().zip(write.enters()) {
                        trail.note(entry);
                    }
                    Event::Answered(self.write(&write, bound).await?)
                }
                Action::Look => self.look(bound).await?,
                Action::Pause(pause) => {
                    let pause = self.schedule.pause(pause, self.clock.tick());
                    sleep_until(bound.wait.min(self.clock.after(pause))).await;
                    Event::Woken
                }
            };
        }
    }

    /// Whether a lease that ends then is over by the clock that has run the furthest since the last request.
    fn is_over(&self, ends: Tick) -> bool {
        ends <= self.clock.tick() + self.clock.missed_since(self.sent)
    }

    fn is_past(&self, action: &Action, bound: Bound) -> bool {
        match action {
            Action::Act(_) | Action::Over(_) => false,
            Action::Pause(_) => self.clock.is_past(bound.wait),
            Action::Look if self.looks_left == Some(0) => true,
            Action::Write(_) | Action::Look => self.clock.is_past(bound.send),
        }
    }

    async fn write(&mut self, write: &Write, bound: Bound) -> Result<Answer, Failure> {
        let (sent, until) = self.ready(bound).await;
        let written = self.table.write(&self.key, write, &self.attributes);
        let reply = timeout_at(until, written).await;
        let answer = match self.received(sent, reply.ok()) {
            Ok(answer) => Ok(answer),
            Err(failure) => self.endure(failure),
        };
        let steals = matches!(write, Write::Steal { .. } | Write::Take { .. });
        if steals && matches!(answer, Ok(Answer::Applied(_))) {
            self.tally.steals();
        }
        self.log(write.name(), answer.as_ref().map_or("failed", Answer::name));
        answer
    }

    /// A look whose answer is lost shows nothing, and does no harm.
    async fn look(&mut self, bound: Bound) -> Result<Event, Failure> {
        self.looks_left = self.looks_left.map(|left| left.saturating_sub(1));
        let (sent, until) = self.ready(bound).await;
        let reply = timeout_at(until, self.table.look(&self.key)).await;
        match self.received(sent, reply.ok()) {
            Ok(row) => Ok(Event::Looked(row)),
            Err(failure) => self.endure(failure).map(|_| Event::Woken),
        }
    }

    fn log(&self, step: &str, answer: &str) {
        let (key, stamp) = (&self.key, self.acquisition.stamp().0);
        if self.loud {
            tracing::info!(%key, stamp, step, answer, "lock step");
        } else {
            tracing::debug!(%key, stamp, step, answer, "lock step");
        }
    }

    /// Waits until the next request may leave; tells when it left, and until when it may be
    /// answered.
    async fn ready(&mut self, bound: Bound) -> (Tick, Instant) {
        if self.unanswered > 0 {
            let pause = wait::repeat(self.unanswered - 1);
            sleep_until(bound.send.min(self.clock.after(pause))).await;
        }
        self.tally.sends();
        let patience = FIRST_ATTEMPT * (1 << self.unanswered.min(3));
        // However late it is, a request that is sent at all gets time for an answer.
        let until = bound
            .send
            .min(self.clock.after(patience))
            .max(self.clock.after(LEAST_ATTEMPT));
        self.sent = self.clock.mark();
        (self.clock.tick(), until)
    }

    fn received<T>(&mut self, sent: Tick, reply: Option<Reply<T>>) -> Result<T, Failure> {
        let received = self.clock.tick();
        let Some(reply) = reply else {
            return Err(Failure::too_slow(received.since(sent)));
        };
        match reply.date {
            Some(date) => self.clock.witness(sent, received, date),
            None if reply.answer.is_ok() => self.is_undated(),
            // There was no answer at all, or not one of DynamoDB's.
            None => {}
        }
        let answer = reply.answer?;
        (self.unanswered, self.trouble) = (0, None);
        Ok(answer)
    }

    fn is_undated(&mut self) {
        if self.clock.witness_nothing() {
            tracing::warn!(key = %self.key, "an answer has no `Date`; expiry is judged by the local clock within its skew");
        }
    }

    /// Keeps a passing failure in mind, and tells what it means; fails with one that is not.
    fn endure(&mut self, failure: Failure) -> Result<Answer, Failure> {
        let Some(answer) = failure.answer() else {
            return Err(failure);
        };
        self.unanswered += 1;
        self.trouble = Some(failure);
        Ok(answer)
    }
}
