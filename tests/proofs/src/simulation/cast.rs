//! Who is on the stage, who stands still, and who is dead.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::agenda::Role;
use super::beings::Being;
use super::clocks::Pace;
use super::diary::Diary;
use super::life::{self, Outfit};
use super::line::Sent;
use super::others;
use super::process::Process;
use super::scenario::{Scenario, Trigger};

pub(super) struct Cast {
    scenario: Arc<Scenario>,
    diary: Diary,
    /// First the beings of the scenario, then the others in the order in which they began; none is
    /// who has not begun yet, or is gone.
    processes: Vec<Option<Process>>,
    actors: Vec<Actor>,
    /// The folder of each environment, by the name of its first process.
    folders: BTreeMap<String, TempDir>,
    /// When a process stood still, from and until.
    pub(super) stops: Vec<(String, Duration, Duration)>,
    /// Every being that is gone, and whether it died.
    pub(super) gone: BTreeMap<String, bool>,
    latest: Duration,
}

struct Actor {
    name: String,
    /// None for those who clean up.
    being: Option<Being>,
    requests: u64,
    stopped_since: Option<Duration>,
    stopped_until: Duration,
}

/// Somebody who has died, and who takes its place.
pub(super) struct Fallen {
    pub(super) being: Being,
    pub(super) reborn: Being,
}

impl Actor {
    fn of(being: &Being) -> Self {
        Self {
            name: being.name.clone(),
            being: Some(being.clone()),
            requests: 0,
            stopped_since: None,
            stopped_until: Duration::ZERO,
        }
    }
}

impl Cast {
    pub(super) fn new(scenario: Arc<Scenario>, diary: Diary) -> Self {
        let actors: Vec<_> = scenario.beings.iter().map(Actor::of).collect();
        Self {
            scenario,
            diary,
            processes: actors.iter().map(|_| None).collect(),
            actors,
            folders: BTreeMap::new(),
            stops: Vec::new(),
            gone: BTreeMap::new(),
            latest: Duration::ZERO,
        }
    }

    pub(super) fn name(&self, who: usize) -> &str {
        &self.actors[who].name
    }

    /// So far time has come.
    pub(super) fn comes_to(&mut self, at: Duration) {
        self.latest = self.latest.max(at);
    }

    /// How far time has come, and the furthest of them.
    pub(super) fn latest(&self) -> Duration {
        self.latest
    }

    /// Who has not come as far as that, and has to be waited for.
    pub(super) fn laggard(&self, next: Option<Duration>) -> Option<usize> {
        let processes = self.processes.iter().enumerate();
        let behind = processes.filter_map(|(who, process)| {
            let process = process.as_ref().filter(|process| !process.stopped)?;
            next.is_none_or(|next| process.now < next)
                .then_some((process.now, who))
        });
        behind.min().map(|(_, who)| who)
    }

    /// Lets one of them go on, until then at most; tells how far it came, and what it sent.
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
            let name = self.actors[who].name.clone();
            self.diary.tell(now, format!("{name} is gone"));
            self.diary.open().wrong.extend(ended.err());
            self.gone.entry(name).or_insert(false);
        }
        (now, sent)
    }

    /// What is due now that a process has sent one more request.
    pub(super) fn triggers(&mut self, who: usize) -> Vec<Trigger> {
        let actor = &mut self.actors[who];
        actor.requests += 1;
        let (triggers, requests) = (self.scenario.triggers.iter(), actor.requests);
        let due = triggers.filter(|trigger| trigger.who == who && trigger.request == requests);
        due.copied().collect()
    }

    pub(super) fn begin(&mut self, at: Duration, role: Role) {
        let (diary, scenario) = (self.diary.clone(), self.scenario.clone());
        let right = Pace { born: at, ppm: 0 };
        let (name, being, process) = match role {
            Role::Being(being) => {
                let pace = Pace {
                    born: at,
                    ..being.pace
                };
                being.clock_faults().for_each(|fault| diary.fault(fault));
                let (outfit, cloned) = (self.outfit(&being), being.clone());
                let process = Process::begin(&being.name, pace, |line, truth| {
                    life::live(cloned, scenario, outfit, line, truth)
                });
                (being.name.clone(), Some(being), process)
            }
            Role::Sweep(dead) => {
                let name = format!("sweep-{}", dead.name);
                let (pace, outfit) = (
                    Pace {
                        born: at,
                        ..dead.pace
                    },
                    self.outfit(&dead),
                );
                let process = Process::begin(&name, pace, |line, truth| {
                    others::sweep(dead, outfit, line, truth)
                });
                (name, None, process)
            }
            Role::Person(lock) => {
                let dead = self.gone.keys().cloned().collect();
                let process = Process::begin("person", right, |line, truth| {
                    others::person(lock, dead, diary, line, truth)
                });
                ("person".to_owned(), None, process)
            }
            Role::Last(lock, patience) => {
                let process = Process::begin("last", right, |line, truth| {
                    others::last(lock, patience, diary, line, truth)
                });
                ("last".to_owned(), None, process)
            }
        };
        self.diary.tell(at, format!("{name} begins: {being:?}"));
        match self
            .scenario
            .beings
            .iter()
            .position(|being| being.name == name)
        {
            Some(expected) => self.processes[expected] = Some(process),
            None => {
                self.processes.push(Some(process));
                self.actors.push(Actor {
                    name,
                    being,
                    requests: 0,
                    stopped_since: None,
                    stopped_until: at,
                });
            }
        }
    }

    fn outfit(&mut self, being: &Being) -> Outfit {
        let diary = self.diary.clone();
        let journal = being.journal.then(|| self.folder(being));
        Outfit { diary, journal }
    }

    fn folder(&mut self, being: &Being) -> PathBuf {
        let folder = self
            .folders
            .entry(being.environment().to_owned())
            .or_insert_with(|| {
                tempfile::tempdir().expect("a folder can be made where temporary ones go")
            });
        folder.path().to_owned()
    }

    /// Every folder of notes.
    pub(super) fn folders(&self) -> impl Iterator<Item = &TempDir> {
        self.folders.values()
    }

    /// Stands still until then; tells whether there was anybody to do so.
    pub(super) fn stop(&mut self, who: usize, at: Duration, until: Duration) -> bool {
        let Some(process) = self.processes.get_mut(who).and_then(Option::as_mut) else {
            return false;
        };
        process.stopped = true;
        let actor = &mut self.actors[who];
        actor.stopped_until = actor.stopped_until.max(until);
        // It may have come a little further: timers know no parts of a millisecond.
        actor.stopped_since.get_or_insert(process.now.max(at));
        self.diary.fault("process stopped");
        true
    }

    pub(super) fn go_on(&mut self, who: usize, at: Duration) {
        let due = self.actors[who].stopped_until <= at;
        if let Some(process) = self.processes[who].as_mut().filter(|_| due) {
            process.skip(at);
            process.stopped = false;
            let now = process.now;
            self.stood_still(who, now);
        }
    }

    fn stood_still(&mut self, who: usize, until: Duration) {
        let Actor {
            name,
            stopped_since,
            ..
        } = &mut self.actors[who];
        let stop = stopped_since.take();
        let stop = stop.map(|since| (name.clone(), since, until));
        self.stops.extend(stop);
    }

    /// Takes the notes of somebody who lives for those of a dead one.
    pub(super) fn take_for_dead(&mut self, who: usize) -> Option<Being> {
        let being = self.actors.get(who)?.being.clone()?;
        self.processes[who].as_ref().filter(|_| being.journal)?;
        others::bury(&self.folder(&being), &being.name);
        Some(being)
    }

    pub(super) fn die(&mut self, who: usize, at: Duration) -> Option<Fallen> {
        let process = self.processes.get_mut(who)?.take()?;
        let being = self.actors[who].being.clone()?;
        self.diary.died(&process.name, at);
        drop(process);
        self.stood_still(who, at);
        self.diary.fault("process died");
        self.gone.insert(being.name.clone(), true);
        if being.journal {
            others::bury(&self.folder(&being), &being.name);
        }
        let reborn = being.clone().reborn();
        Some(Fallen { being, reborn })
    }
}
