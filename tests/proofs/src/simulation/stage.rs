//! The stage: one thread, on which everything happens in the order of true time.
//!
//! Processes notice each other only through DynamoDB. So each may run ahead on its own, until it sends
//! something or until something may reach it; and nothing happens at the table before everybody has
//! come that far.

mod mishaps;
mod saboteur;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use super::agenda::{Agenda, Copy, Event, Role};
use super::cast::Cast;
use super::clocks::BEGINNING;
use super::diary::Diary;
use super::dice::Dice;
use super::life::{GROUP, TABLE};
use super::line::Sent;
use super::rows::{By, Rows};
use super::sabotage::Saboteur;
use super::scenario::Scenario;
use super::tally::Sort;
use super::weather::{Climate, Weather};
use testkit::Clock;
use testkit::dynamo::{Arrival, Dynamo, Reply, Request, Schema};
use testkit::locks::Step;

pub(super) struct Stage {
    scenario: Arc<Scenario>,
    dynamo: Dynamo,
    /// What the front end shows that is asked, in nanoseconds.
    shown: Arc<AtomicU64>,
    agenda: Agenda,
    cast: Cast,
    rows: Rows,
    diary: Diary,
    dice: Dice,
    saboteur: Option<Saboteur>,
}

/// The front ends of DynamoDB agree within this, in microseconds.
const FRONT_ENDS: u64 = 45_000;

/// More happens in no simulation that comes to an end.
const MOST_EVENTS: u64 = 400_000;

/// A process that waits for nothing runs at most this far at a time.
const STRETCH: Duration = Duration::from_secs(3600);

impl Stage {
    pub(super) fn new(scenario: Scenario, seed: u64) -> Self {
        let (mut dice, diary) = (Dice::new(!seed), Diary::default());
        let shown: Arc<AtomicU64> = Arc::default();
        let clock = front_end(&shown);
        let dynamo = Dynamo::at(clock.clone());
        let created = dynamo.create_table(&Schema::locks(TABLE));
        created.expect("a database that was just made has no tables");
        dynamo.keep_versions();
        let climate = scenario.climate.clone();
        dynamo.plan(Weather::new(climate, clock, dice.fork(), diary.clone()));

        let mut agenda = Agenda::new(dice.fork());
        for being in &scenario.beings {
            agenda.add(being.pace.born, Event::Begins(Role::Being(being.clone())));
        }
        for (at, mishap) in &scenario.mishaps {
            agenda.add(*at, Event::Strikes(*mishap));
        }
        let scenario = Arc::new(scenario);
        let cast = Cast::new(scenario.clone(), diary.clone());
        let rows = Rows::new(&scenario.locks, diary.clone());
        let saboteur = scenario.mutant.map(Saboteur::new);
        Self {
            scenario,
            dynamo,
            shown,
            agenda,
            cast,
            rows,
            diary,
            dice,
            saboteur,
        }
    }

    /// Everything that happens, and what is left of it in the end.
    pub(super) fn play(mut self) -> (Arc<Scenario>, Diary, Rows, Cast) {
        self.play_on();
        let now = self.cast.latest();
        let (clock, dice) = (front_end(&self.shown), self.dice.fork());
        let clear = Weather::new(Climate::fair(), clock, dice, self.diary.clone());
        self.dynamo.plan(clear);
        for lock in self.scenario.locks.clone() {
            if lock.closed {
                self.agenda
                    .add(now, Event::Begins(Role::Person(lock.clone())));
                self.play_on();
            }
            let patience = self.rows.patience(&lock.key);
            self.agenda.add(
                self.cast.latest(),
                Event::Begins(Role::Last(lock, patience)),
            );
            self.play_on();
        }
        self.rows.are_empty_in_the_end();
        (self.scenario, self.diary, self.rows, self.cast)
    }

    fn play_on(&mut self) {
        for _ in 0..MOST_EVENTS {
            let next = self.agenda.next();
            if let Some(who) = self.cast.laggard(next) {
                self.advance(who);
            } else if let Some((at, event)) = self.agenda.pop() {
                self.happen(at, event);
            } else {
                return;
            }
        }
        self.diary
            .open()
            .wrong
            .push("law 10: it goes on and on".into());
    }

    /// Lets one process run ahead.
    fn advance(&mut self, who: usize) {
        let until = self.agenda.next_for(who);
        let (now, sent) = self.cast.run(who, until, STRETCH);
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
        self.diary.open().tally.add(Sort::Sent, step.name());
        let line = format!(
            "{} sends #{number} {step}: {}; {fate:?}",
            request.from, request.body
        );
        self.diary.tell(now, line);
        for trigger in self.cast.triggers(who) {
            self.agenda
                .add(now + trigger.after, Event::Strikes(trigger.mishap));
        }
        let gates = "the weather knows no gates";
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
        self.agenda.add(now + before, Event::Arrives(copy));
    }

    fn happen(&mut self, at: Duration, event: Event) {
        self.cast.comes_to(at);
        match event {
            Event::Arrives(copy) => self.arrive(at, copy),
            Event::Answered {
                to,
                number,
                answer,
                reply,
            } => {
                let told = reply.as_ref().map(|reply| reply.status);
                self.diary.tell(
                    at,
                    format!("{} hears of #{number}: {told:?}", self.cast.name(to)),
                );
                // Nobody may be there any more to hear it.
                let _ = answer.send(reply);
            }
            Event::Begins(role) => self.cast.begin(at, role),
            Event::GoesOn { who } => self.cast.go_on(who, at),
            Event::Strikes(mishap) => self.strike(at, mishap),
        }
    }

    fn arrive(&mut self, at: Duration, copy: Copy) {
        let off = Duration::from_micros(self.dice.up_to(FRONT_ENDS));
        let shown = if self.dice.one_in(2) {
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
        let reply = match self.instead(at, &request) {
            Some(reply) => Some(reply),
            None => self.dynamo.settle(&request, arrival, hears),
        };
        self.look(at, By::Request(&request));
        self.note_staleness(arrival, &request, reply.as_ref());
        let reply = reply.map(|reply| self.retell(at, &request, reply));
        // What was refused is not carried out later by anybody.
        if let Some(again) =
            again.filter(|_| reply.as_ref().is_some_and(|reply| reply.status == 200))
        {
            let request = request.clone();
            self.diary.fault("second copy");
            self.agenda
                .add(at + again, Event::Arrives(Copy::second(request)));
        }
        if let Some((to, answer, after)) = awaited {
            let answered = Event::Answered {
                to,
                number: request.number,
                answer,
                reply,
            };
            self.agenda.add(at + after, answered);
        }
    }

    /// A read that was answered by a replica is stale only if that knew less.
    fn note_staleness(&self, arrival: Arrival, request: &Request, reply: Option<&Reply>) {
        let (Arrival::Behind(_), Some(reply)) = (arrival, reply) else {
            return;
        };
        let item = self.dynamo.row(TABLE, key(&request.body), GROUP);
        if reply.json().get("Item") != item.as_ref() {
            self.diary.fault("stale read");
        }
    }

    /// Looks at what became of the rows.
    fn look(&mut self, at: Duration, by: By<'_>) {
        for lock in &self.scenario.locks {
            let item = self.dynamo.row(TABLE, &lock.key, GROUP);
            self.rows.see(at, &lock.key, by, item.as_ref());
        }
    }
}

fn key(body: &Value) -> &str {
    body["Key"]["id"]["S"].as_str().unwrap_or_default()
}

fn front_end(shown: &Arc<AtomicU64>) -> Clock {
    let shown = shown.clone();
    Clock::new(move || UNIX_EPOCH + BEGINNING + Duration::from_nanos(shown.load(Ordering::Relaxed)))
}
