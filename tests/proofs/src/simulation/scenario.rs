//! What is to happen in one simulation, before it begins: all of it from the seed.

use std::time::Duration;

use super::beings::{Being, Lock};
use super::dice::Dice;
use super::sabotage::Mutant;
use super::weather::Climate;

/// The whole story.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) locks: Vec<Lock>,
    pub(super) beings: Vec<Being>,
    pub(super) climate: Climate,
    /// What happens to whom at a time.
    pub(super) mishaps: Vec<(Duration, Mishap)>,
    /// What happens to a being a moment after it has sent so many requests.
    pub(super) triggers: Vec<Trigger>,
    /// When everybody sleeps, so long that rows expire.
    pub(super) night: Option<Night>,
    /// Which thought is left out.
    pub(super) mutant: Option<Mutant>,
}

/// A time in which nobody works.
#[derive(Clone, Copy, Debug)]
pub(super) struct Night {
    pub(super) falls: Duration,
    pub(super) ends: Duration,
}

/// What happens all of a sudden.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mishap {
    /// A process stands still.
    Stop { who: usize, time: Duration },
    /// A process dies; whether somebody sweeps after it, and how much later; whether it is started
    /// again.
    Die {
        who: usize,
        swept: Option<Duration>,
        again: bool,
    },
    /// Somebody deletes a row.
    Delete { lock: usize },
    /// Rows that have expired are deleted.
    Broom,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Trigger {
    pub(super) who: usize,
    pub(super) request: u64,
    pub(super) after: Duration,
    pub(super) mishap: Mishap,
}

const HOUR: Duration = Duration::from_secs(3600);

impl Scenario {
    pub(super) fn new(seed: u64, mutant: Option<Mutant>) -> Self {
        let mut dice = Dice::new(seed);
        let (locks, fair) = (Lock::some(&mut dice), dice.one_in(12));
        let beings = Being::some(&locks, fair, &mut dice);
        let mut scenario = Self {
            locks,
            beings,
            climate: if fair {
                Climate::fair()
            } else {
                Climate::of(&mut dice)
            },
            mishaps: Vec::new(),
            triggers: Vec::new(),
            night: None,
            mutant,
        };
        if !fair {
            scenario.add_mishaps(&mut dice);
        }
        if mutant == Some(Mutant::ClocksRunApart) {
            scenario.beings.iter_mut().for_each(Being::runs_apart);
        }
        scenario
    }

    /// Whether nothing at all goes wrong.
    pub(super) fn is_fair(&self) -> bool {
        self.climate.is_fair()
    }

    fn add_mishaps(&mut self, dice: &mut Dice) {
        let (stops, deaths) = (dice.one_in(2), dice.one_in(2));
        for who in 0..self.beings.len() {
            while stops && dice.one_in(2) {
                let time = match dice.up_to(3) {
                    0 => dice.about(1, 100),
                    1 => self.beings[who]
                        .lease
                        .mul_f64(dice.within(2000).as_secs_f64()),
                    _ => dice.about(100, 60_000),
                };
                self.strike(who, Mishap::Stop { who, time }, dice);
            }
            if deaths && dice.one_in(3) {
                let swept = (!dice.one_in(3)).then(|| dice.about(20, 5000));
                let again = dice.one_in(2);
                self.strike(who, Mishap::Die { who, swept, again }, dice);
            }
        }
        if dice.one_in(16) {
            let lock = dice.up_to(self.locks.len() as u64 - 1) as usize;
            self.mishaps
                .push((dice.within(20_000), Mishap::Delete { lock }));
        }
        if dice.one_in(12) {
            let falls = dice.within(10_000) + Duration::from_secs(5);
            let ends = falls + HOUR * 25 + dice.within(8 * 3_600_000);
            self.night = Some(Night { falls, ends });
            if dice.one_in(2) {
                self.beings[0].keep_watch();
            }
            let brooms = [
                HOUR * 12,
                HOUR * 24,
                HOUR * 25,
                ends - falls,
                ends - falls + HOUR,
            ];
            let brooms = brooms.map(|after| (falls + after, Mishap::Broom));
            self.mishaps.extend(brooms);
        }
    }

    /// At some time, or between a request and its answer.
    fn strike(&mut self, who: usize, mishap: Mishap, dice: &mut Dice) {
        if dice.one_in(4) {
            self.mishaps.push((dice.within(25_000), mishap));
            return;
        }
        let (request, after) = (1 + dice.up_to(20).min(dice.up_to(20)), dice.about(1, 60));
        self.triggers.push(Trigger {
            who,
            request,
            after,
            mishap,
        });
    }
}
