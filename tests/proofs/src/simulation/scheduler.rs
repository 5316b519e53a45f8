//! The processes: running, stopped and dead.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::actors::Actor;
use super::client::{self, Config};
use super::clocks::Pace;
use super::event_queue::Role;
use super::line::Sent;
use super::others;
use super::process::Process;
use super::scenario::{Scenario, Trigger};
use super::trace::Trace;

pub(super) struct Scheduler {
    scenario: Arc<Scenario>,
    trace: Trace,
    /// First the actors of the scenario, then the others in the order in which they began; `None` before
    /// it begins and after it has ended.
    processes: Vec<Option<Process>>,
    slots: Vec<Slot>,
    /// The folder of each environment, by the name of its first process.
    folders: BTreeMap<String, TempDir>,
    /// When a process stood still, from and until.
    pub(super) stops: Vec<(String, Duration, Duration)>,
    /// Every actor that is gone, and whether it died.
    pub(super) gone: BTreeMap<String, bool>,
    latest: Duration,
}

struct Slot {
    name: String,
    /// `None` for the processes that clean up.
    actor: Option<Actor>,
    requests: u64,
    stopped_since: Option<Duration>,
    stopped_until: Duration,
}

/// An actor that died, and the one that is started in its place.
pub(super) struct Death {
    pub(super) actor: Actor,
    pub(super) restarted: Actor,
}

impl Slot {
    fn of(actor: &Actor) -> Self {
        Self {
            name: actor.name.clone(),
            actor: Some(actor.clone()),
            requests: 0,
            stopped_since: None,
            stopped_until: Duration::ZERO,
        }
    }
}

impl Scheduler {
    pub(super) fn new(scenario: Arc<Scenario>, trace: Trace) -> Self {
        let slots: Vec<_> = scenario.actors.iter().map(Slot::of).collect();
        Self {
            scenario,
            trace,
            processes: slots.iter().map(|_| None).collect(),
            slots,
            folders: BTreeMap::new(),
            stops: Vec::new(),
            gone: BTreeMap::new(),
            latest: Duration::ZERO,
        }
    }

    pub(super) fn name(&self, who: usize) -> &str {
        &self.slots[who].name
    }

    /// Time has advanced to this.
    pub(super) fn comes_to(&mut self, at: Duration) {
        self.latest = self.latest.max(at);
    }

    /// The latest time of all processes and events.
    pub(super) fn latest(&self) -> Duration {
        self.latest
    }

    /// The slowest runnable process, if it is behind the next event.
    pub(super) fn slowest(&self, next: Option<Duration>) -> Option<usize> {
        let processes = self.processes.iter().enumerate();
        let behind = processes.filter_map(|(who, process)| {
            let process = process.as_ref().filter(|process| !process.stopped)?;
            next.is_none_or(|next| process.now < next)
                .then_some((process.now, who))
        });
        behind.min().map(|(_, who)| who)
    }

    /// Runs one process until that time at most; returns its time and what it sent.
    pub(super) fn run(
        &mut self,
        who: usize,
        until: Option<Duration>,
        stretch: Duration,
    ) -> (Duration, Vec<Sent>) {
        let Some(process) = &mut self.processes[who] else {
            return (self.latest, Vec::new());
        };
        let until = until.unwrap_or(process.now + stretch);
        let sent = process.run(until);
        let now = process.now;
        self.latest = self.latest.max(now);
        if let Some(ended) = process.ended() {
            self.processes[who] = None;
            let name = self.slots[who].name.clone();
            self.trace.log(now, format!("{name} is gone"));
            self.trace.open().wrong.extend(ended.err());
            self.gone.entry(name).or_insert(false);
        }
        (now, sent)
    }

    /// What is due now that a process has sent one more request.
    pub(super) fn triggers(&mut self, who: usize) -> Vec<Trigger> {
        let slot = &mut self.slots[who];
        slot.requests += 1;
        let (triggers, requests) = (self.scenario.triggers.iter(), slot.requests);
        let due = triggers.filter(|trigger| trigger.who == who && trigger.request == requests);
        due.copied().collect()
    }

    pub(super) fn begin(&mut self, at: Duration, role: Role) {
        let (trace, scenario) = (self.trace.clone(), self.scenario.clone());
        let right = Pace { born: at, ppm: 0 };
        let (name, actor, process) = match role {
            Role::Actor(actor) => {
                let pace = Pace {
                    born: at,
                    ..actor.pace
                };
                actor.clock_faults().for_each(|fault| trace.fault(fault));
                let (config, cloned) = (self.config(&actor), actor.clone());
                let process = Process::begin(&actor.name, pace, |line, truth| {
                    client::run(cloned, scenario, config, line, truth)
                });
                (actor.name.clone(), Some(actor), process)
            }
            Role::Sweep(dead) => {
                let name = format!("sweep-{}", dead.name);
                let (pace, config) = (
                    Pace {
                        born: at,
                        ..dead.pace
                    },
                    self.config(&dead),
                );
                let process = Process::begin(&name, pace, |line, truth| {
                    others::sweep(dead, config, line, truth)
                });
                (name, None, process)
            }
            Role::Person(lock) => {
                let dead = self.gone.keys().cloned().collect();
                let process = Process::begin("person", right, |line, truth| {
                    others::person(lock, dead, trace, line, truth)
                });
                ("person".to_owned(), None, process)
            }
            Role::Last(lock, patience) => {
                let process = Process::begin("last", right, |line, truth| {
                    others::last(lock, patience, trace, line, truth)
                });
                ("last".to_owned(), None, process)
            }
        };
        self.trace.log(at, format!("{name} begins: {actor:?}"));
        match self
            .scenario
            .actors
            .iter()
            .position(|actor| actor.name == name)
        {
            Some(expected) => self.processes[expected] = Some(process),
            None => {
                self.processes.push(Some(process));
                self.slots.push(Slot {
                    name,
                    actor,
                    requests: 0,
                    stopped_since: None,
                    stopped_until: at,
                });
            }
        }
    }

    fn config(&mut self, actor: &Actor) -> Config {
        let trace = self.trace.clone();
        let journal = actor.journal.then(|| self.folder(actor));
        Config { trace, journal }
    }

    fn folder(&mut self, actor: &Actor) -> PathBuf {
        let folder = self
            .folders
            .entry(actor.environment().to_owned())
            .or_insert_with(|| {
                tempfile::tempdir().expect("a folder can be made where temporary ones go")
            });
        folder.path().to_owned()
    }

    /// Every folder of notes.
    pub(super) fn folders(&self) -> impl Iterator<Item = &TempDir> {
        self.folders.values()
    }

    /// Stops a process until then; false if there is none.
    pub(super) fn stop(&mut self, who: usize, at: Duration, until: Duration) -> bool {
        let Some(process) = self.processes.get_mut(who).and_then(Option::as_mut) else {
            return false;
        };
        process.stopped = true;
        let slot = &mut self.slots[who];
        slot.stopped_until = slot.stopped_until.max(until);
        // It may have come a little further: timers know no parts of a millisecond.
        slot.stopped_since.get_or_insert(process.now.max(at));
        self.trace.fault("process stopped");
        true
    }

    pub(super) fn go_on(&mut self, who: usize, at: Duration) {
        let due = self.slots[who].stopped_until <= at;
        if let Some(process) = self.processes[who].as_mut().filter(|_| due) {
            process.skip(at);
            process.stopped = false;
            let now = process.now;
            self.stood_still(who, now);
        }
    }

    fn stood_still(&mut self, who: usize, until: Duration) {
        let Slot {
            name,
            stopped_since,
            ..
        } = &mut self.slots[who];
        let stop = stopped_since.take();
        let stop = stop.map(|since| (name.clone(), since, until));
        self.stops.extend(stop);
    }

    /// Marks the notes of a living process as those of a dead one.
    pub(super) fn take_for_dead(&mut self, who: usize) -> Option<Actor> {
        let actor = self.slots.get(who)?.actor.clone()?;
        self.processes[who].as_ref().filter(|_| actor.journal)?;
        others::mark_dead(&self.folder(&actor), &actor.name);
        Some(actor)
    }

    pub(super) fn die(&mut self, who: usize, at: Duration) -> Option<Death> {
        let process = self.processes.get_mut(who)?.take()?;
        let actor = self.slots[who].actor.clone()?;
        self.trace.died(&process.name, at);
        drop(process);
        self.stood_still(who, at);
        self.trace.fault("process died");
        self.gone.insert(actor.name.clone(), true);
        if actor.journal {
            others::mark_dead(&self.folder(&actor), &actor.name);
        }
        let restarted = actor.clone().restarted();
        Some(Death { actor, restarted })
    }
}
