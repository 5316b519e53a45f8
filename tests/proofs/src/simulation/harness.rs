//! The harness: one thread that handles all events in the order of true time.
//!
//! Processes notice each other only through DynamoDB. So each may run ahead on its own until it sends
//! a request or an answer may reach it; and nothing happens at the table before every process has come
//! that far.

mod faults;
mod saboteur;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use dynamodb_locks::protocol::OperationId;
use serde_json::Value;

use super::client::{GROUP, TABLE};
use super::clocks::BEGINNING;
use super::dates::DateFaults;
use super::event_queue::{Copy, Event, EventQueue, Role};
use super::line::Sent;
use super::network::{FaultProfile, NetworkFaults};
use super::rng::Rng;
use super::rows::{By, Rows, applied};
use super::sabotage::Saboteur;
use super::scenario::Scenario;
use super::scheduler::Scheduler;
use super::tally::Sort;
use super::trace::Trace;
use testkit::Clock;
use testkit::dynamo::{Arrival, Dynamo, Reply, Request, Schema};
use testkit::locks::{Step, row_of};

pub(super) struct Harness {
    scenario: Arc<Scenario>,
    dynamo: Dynamo,
    /// What the front end shows that is asked, in nanoseconds.
    shown: Arc<AtomicU64>,
    events: EventQueue,
    scheduler: Scheduler,
    rows: Rows,
    trace: Trace,
    rng: Rng,
    dates: DateFaults,
    saboteur: Option<Saboteur>,
}

/// The front ends of DynamoDB agree within this, in microseconds.
const FRONT_ENDS: u64 = 45_000;

/// More happens in no simulation that comes to an end.
const MOST_EVENTS: u64 = 400_000;

/// A process that waits for nothing runs at most this far at a time.
const STRETCH: Duration = Duration::from_secs(3600);

impl Harness {
    pub(super) fn new(scenario: Scenario, seed: u64) -> Self {
        let (mut rng, trace) = (Rng::new(!seed), Trace::default());
        let shown: Arc<AtomicU64> = Arc::default();
        let clock = front_end(&shown);
        let dynamo = Dynamo::at(clock.clone());
        let created = dynamo.create_table(&Schema::locks(TABLE));
        created.expect("a database that was just made has no tables");
        dynamo.keep_versions();
        let profile = scenario.profile.clone();
        dynamo.plan(NetworkFaults::new(
            profile,
            clock,
            rng.fork(),
            trace.clone(),
        ));

        let mut events = EventQueue::new(rng.fork());
        for actor in &scenario.actors {
            events.add(actor.pace.born, Event::Begins(Role::Actor(actor.clone())));
        }
        for (at, fault) in &scenario.faults {
            events.add(*at, Event::Fault(*fault));
        }
        let dates = DateFaults::new(
            scenario.dates,
            Rng::new(seed.rotate_left(32)),
            trace.clone(),
        );
        let scenario = Arc::new(scenario);
        let scheduler = Scheduler::new(scenario.clone(), trace.clone());
        let rows = Rows::new(&scenario.locks, trace.clone());
        let saboteur = scenario.mutant.map(Saboteur::new);
        Self {
            scenario,
            dynamo,
            shown,
            events,
            scheduler,
            rows,
            trace,
            rng,
            dates,
            saboteur,
        }
    }

    /// Everything that happens, and what is left of it in the end.
    pub(super) fn run(mut self) -> (Arc<Scenario>, Trace, Rows, Scheduler) {
        self.run_until_idle();
        let now = self.scheduler.latest();
        let (clock, rng) = (front_end(&self.shown), self.rng.fork());
        let clear = NetworkFaults::new(FaultProfile::none(), clock, rng, self.trace.clone());
        self.dynamo.plan(clear);
        self.dates.end();
        for lock in self.scenario.locks.clone() {
            if lock.closed {
                self.events
                    .add(now, Event::Begins(Role::Person(lock.clone())));
                self.run_until_idle();
            }
            let patience = self.rows.patience(&lock.key);
            self.events.add(
                self.scheduler.latest(),
                Event::Begins(Role::Last(lock, patience)),
            );
            self.run_until_idle();
        }
        self.rows.are_empty_in_the_end();
        (self.scenario, self.trace, self.rows, self.scheduler)
    }

    fn run_until_idle(&mut self) {
        for _ in 0..MOST_EVENTS {
            let next = self.events.next();
            if let Some(who) = self.scheduler.slowest(next) {
                self.advance(who);
            } else if let Some((at, event)) = self.events.pop() {
                self.handle(at, event);
            } else {
                return;
            }
        }
        self.trace
            .open()
            .wrong
            .push("law 10: it goes on and on".into());
    }

    /// Lets one process run ahead.
    fn advance(&mut self, who: usize) {
        let until = self.events.next_for(who);
        let (now, sent) = self.scheduler.run(who, until, STRETCH);
        for sent in sent {
            self.carry(who, now, sent);
        }
    }

    /// Takes a request from its process.
    fn carry(&mut self, who: usize, now: Duration, mut sent: Sent) {
        self.shown.store(now.as_nanos() as u64, Ordering::Relaxed);
        self.rewrite(now, &mut sent);
        let (request, fate) = self.dynamo.accept(sent.from, &sent.op, &sent.body);
        let (step, number) = (Step::of(&request), request.number);
        self.trace.open().tally.add(Sort::Sent, step.name());
        let line = format!(
            "{} sends #{number} {step}: {}; {fate:?}",
            request.from, request.body
        );
        self.trace.log(now, line);
        for trigger in self.scheduler.triggers(who) {
            self.events
                .add(now + trigger.after, Event::Fault(trigger.fault));
        }
        let gates = "the network has no gates";
        let (before, after) = (
            fate.before.time().expect(gates),
            fate.after.time().expect(gates),
        );
        let copy = Copy {
            request,
            arrival: fate.arrival,
            hears: fate.hears,
            again: fate.again.map(|again| again.time().expect(gates)),
            awaited: Some((who, sent.answer, after)),
        };
        self.events.add(now + before, Event::Arrives(copy));
    }

    fn handle(&mut self, at: Duration, event: Event) {
        self.scheduler.comes_to(at);
        match event {
            Event::Arrives(copy) => self.arrive(at, copy),
            Event::Answered {
                to,
                number,
                answer,
                reply,
            } => {
                let status = reply.as_ref().map(|reply| reply.status);
                self.trace.log(
                    at,
                    format!("{} hears of #{number}: {status:?}", self.scheduler.name(to)),
                );
                // Its receiver may be gone.
                let _ = answer.send(reply);
            }
            Event::Begins(role) => self.scheduler.begin(at, role),
            Event::GoesOn { who } => self.scheduler.go_on(who, at),
            Event::Fault(fault) => self.inject(at, fault),
        }
    }

    fn arrive(&mut self, at: Duration, copy: Copy) {
        let off = Duration::from_micros(self.rng.up_to(FRONT_ENDS));
        let shown = if self.rng.one_in(2) {
            at + off
        } else {
            at.saturating_sub(off)
        };
        self.shown.store(shown.as_nanos() as u64, Ordering::Relaxed);
        let Copy {
            request,
            arrival,
            hears,
            again,
            awaited,
        } = copy;
        let before = applied(&self.dynamo, TABLE, &request);
        let reply = match self.instead(at, &request) {
            Some(reply) => Some(reply),
            None => self.dynamo.settle(&request, arrival, hears),
        };
        self.look_at_transactions(at, &request, before);
        self.look(at, By::Request(&request));
        self.note_staleness(arrival, &request, reply.as_ref());
        let reply = reply.map(|reply| self.retell(at, &request, reply));
        let reply = reply.map(|reply| {
            let now = front_end(&self.shown).now();
            self.dates.date(&request.from, reply, now)
        });
        // What was refused is not carried out later by anybody.
        if let Some(again) =
            again.filter(|_| reply.as_ref().is_some_and(|reply| reply.status == 200))
        {
            let request = request.clone();
            self.trace.fault("second copy");
            self.events
                .add(at + again, Event::Arrives(Copy::second(request)));
        }
        if let Some((to, answer, after)) = awaited {
            let answered = Event::Answered {
                to,
                number: request.number,
                answer,
                reply,
            };
            self.events.add(at + after, answered);
        }
    }

    /// A read that was answered by a replica is stale only if that knew less.
    fn note_staleness(&self, arrival: Arrival, request: &Request, reply: Option<&Reply>) {
        let (Arrival::Behind(_), Some(reply)) = (arrival, reply) else {
            return;
        };
        let item = self.dynamo.row(TABLE, key(&request.body), GROUP);
        if reply.json().get("Item") != item.as_ref() {
            self.trace.fault("stale read");
        }
    }

    /// Looks at what a transaction has done, and at the own rows of operations.
    fn look_at_transactions(&mut self, at: Duration, request: &Request, before: u64) {
        let dynamo = &self.dynamo;
        match Step::of(request) {
            Step::Transact => {
                let times = [before, applied(dynamo, TABLE, request)];
                let item = |key: &str| dynamo.row(TABLE, key, GROUP);
                self.rows.transact(at, request, times, item);
            }
            Step::Move | Step::Forget => {
                let group = request.body["Key"]["group"]["S"].as_str();
                let item = group.and_then(|group| dynamo.row(TABLE, key(&request.body), group));
                self.rows.see_beside(at, request, item.as_ref());
            }
            _ => {}
        }
    }

    /// Looks at what became of the rows.
    fn look(&mut self, at: Duration, by: By<'_>) {
        for lock in &self.scenario.locks {
            let item = self.dynamo.row(TABLE, &lock.key, GROUP);
            let beside = |id: &OperationId| {
                let row = self
                    .dynamo
                    .row(TABLE, &lock.key, &format!("{GROUP}#once:{id}"));
                row_of(&row?).operations.remove(id)
            };
            self.rows.see(at, &lock.key, by, item.as_ref(), &beside);
        }
    }
}

/// The lock of a request; of a transaction, that of its last item.
fn key(body: &Value) -> &str {
    let last = body["TransactItems"]
        .as_array()
        .and_then(|items| items.last());
    let last = last.and_then(|item| item.as_object()?.values().next());
    let about = last.unwrap_or(body);
    about["Key"]["id"]["S"].as_str().unwrap_or_default()
}

fn front_end(shown: &Arc<AtomicU64>) -> Clock {
    let shown = shown.clone();
    Clock::new(move || UNIX_EPOCH + BEGINNING + Duration::from_nanos(shown.load(Ordering::Relaxed)))
}
