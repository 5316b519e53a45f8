//! The plan of one simulation, made from the seed before it begins.

use std::time::Duration;

use super::actors::{Actor, Lock};
use super::dates::Dates;
use super::network::FaultProfile;
use super::rng::Rng;
use super::sabotage::Mutant;

/// The plan of one simulation.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) locks: Vec<Lock>,
    pub(super) actors: Vec<Actor>,
    pub(super) profile: FaultProfile,
    /// What is wrong with the `Date`s of the answers.
    pub(super) dates: Dates,
    /// Faults at a time.
    pub(super) faults: Vec<(Duration, Fault)>,
    /// Faults a moment after an actor has sent so many requests.
    pub(super) triggers: Vec<Trigger>,
    /// When all actors sleep, so long that rows expire.
    pub(super) night: Option<Night>,
    /// Which thought is left out.
    pub(super) mutant: Option<Mutant>,
    /// Whether all work is operations that are to be done once.
    pub(super) once: bool,
    /// How many bytes of completions a row has room for, if not the default.
    pub(super) room: Option<usize>,
}

/// A time in which no actor works.
#[derive(Clone, Copy, Debug)]
pub(super) struct Night {
    pub(super) falls: Duration,
    pub(super) ends: Duration,
}

/// A fault of a process or a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// A process stands still.
    Stop { who: usize, time: Duration },
    /// A process dies; when the sweep after it begins, if there is one; whether it is started again.
    Die {
        who: usize,
        swept: Option<Duration>,
        again: bool,
    },
    /// An operator deletes a row.
    Delete { lock: usize },
    /// Rows that have expired are deleted.
    TtlDeletion,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Trigger {
    pub(super) who: usize,
    pub(super) request: u64,
    pub(super) after: Duration,
    pub(super) fault: Fault,
}

const HOUR: Duration = Duration::from_secs(3600);

impl Scenario {
    pub(super) fn new(seed: u64, mutant: Option<Mutant>) -> Self {
        let mut rng = Rng::new(seed);
        let (locks, faultless) = (Lock::some(&mut rng), rng.one_in(12));
        let actors = Actor::some(&locks, faultless, &mut rng);
        let mut scenario = Self {
            locks,
            actors,
            profile: if faultless {
                FaultProfile::none()
            } else {
                FaultProfile::of(&mut rng)
            },
            dates: Dates::Right,
            faults: Vec::new(),
            triggers: Vec::new(),
            night: None,
            mutant,
            once: false,
            room: None,
        };
        if !faultless {
            scenario.add_faults(&mut rng);
        }
        // Every mutant is to be caught by its own deeds.
        if !faultless && mutant.is_none() {
            scenario.add_date_faults(&mut rng);
        }
        match mutant {
            Some(Mutant::ClocksRunApart) => scenario.actors.iter_mut().for_each(Actor::runs_apart),
            Some(Mutant::WrongDatesAgree) => scenario.dates = Dates::OneTimeWrong,
            Some(Mutant::UndatedClocksStray) => scenario.dates = Dates::Missing(1),
            Some(Mutant::WallClocksStray) => scenario.actors.iter_mut().for_each(Actor::strays),
            _ => {}
        }
        scenario
    }

    /// The same, where all work is operations that are to be done once: a row has room for all their completions, or for
    /// one or two of them.
    pub(super) fn once(self, seed: u64) -> Self {
        const COMPLETION: usize = 56;
        let moves = self.mutant.is_some_and(Mutant::is_about_moves);
        let room = match seed % 3 {
            0 | 1 if moves => Some(COMPLETION),
            0 => None,
            1 => Some(2 * COMPLETION),
            _ => Some(COMPLETION),
        };
        let mut scenario = Self {
            once: true,
            room,
            ..self
        };
        if !scenario.is_faultless() {
            scenario.add_deaths(&mut Rng::new(seed.rotate_left(16)));
        }
        scenario
    }

    /// More deaths, most of them between a request and its answer: what the dead have noted is to be completed.
    fn add_deaths(&mut self, rng: &mut Rng) {
        for who in 0..self.actors.len() {
            if rng.one_in(3) {
                let swept = (!rng.one_in(3)).then(|| rng.about(20, 5000));
                let again = rng.one_in(2);
                self.inject(who, Fault::Die { who, swept, again }, rng);
            }
        }
    }

    /// Whether nothing at all goes wrong.
    pub(super) fn is_faultless(&self) -> bool {
        self.profile.is_faultless()
    }

    fn add_date_faults(&mut self, rng: &mut Rng) {
        self.dates = Dates::any(rng);
        if self.dates.need_wall_clocks() {
            self.actors
                .iter_mut()
                .for_each(|actor| actor.sets_its_clock(rng));
        }
    }

    fn add_faults(&mut self, rng: &mut Rng) {
        let (stops, deaths) = (rng.one_in(2), rng.one_in(2));
        for who in 0..self.actors.len() {
            while stops && rng.one_in(2) {
                let time = match rng.up_to(3) {
                    0 => rng.about(1, 100),
                    1 => self.actors[who]
                        .lease
                        .mul_f64(rng.within(2000).as_secs_f64()),
                    _ => rng.about(100, 60_000),
                };
                self.inject(who, Fault::Stop { who, time }, rng);
            }
            if deaths && rng.one_in(3) {
                let swept = (!rng.one_in(3)).then(|| rng.about(20, 5000));
                let again = rng.one_in(2);
                self.inject(who, Fault::Die { who, swept, again }, rng);
            }
        }
        if rng.one_in(16) {
            let lock = rng.up_to(self.locks.len() as u64 - 1) as usize;
            self.faults
                .push((rng.within(20_000), Fault::Delete { lock }));
        }
        if rng.one_in(12) {
            let falls = rng.within(10_000) + Duration::from_secs(5);
            // A row is dated eight days after its last use.
            let ends = falls + HOUR * 24 * 8 + HOUR + rng.within(8 * 3_600_000);
            self.night = Some(Night { falls, ends });
            if rng.one_in(2) {
                self.actors[0].keep_watch();
            }
            let deletions = [
                HOUR * 12,
                HOUR * 24,
                HOUR * 25,
                ends - falls,
                ends - falls + HOUR,
            ];
            let deletions = deletions.map(|after| (falls + after, Fault::TtlDeletion));
            self.faults.extend(deletions);
        }
    }

    /// At some time, or between a request and its answer.
    fn inject(&mut self, who: usize, fault: Fault, rng: &mut Rng) {
        if rng.one_in(4) {
            self.faults.push((rng.within(25_000), fault));
            return;
        }
        let (request, after) = (1 + rng.up_to(20).min(rng.up_to(20)), rng.about(1, 60));
        self.triggers.push(Trigger {
            who,
            request,
            after,
            fault,
        });
    }
}
