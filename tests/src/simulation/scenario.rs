//! What is to happen in one simulation, before it begins: all of it from the seed.

use std::time::Duration;

use dynamodb_locks::Expiry;

use super::clocks::{Pace, Wall};
use super::dice::Dice;
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
}

/// One key, and how it is used.
#[derive(Clone, Debug)]
pub(super) struct Lock {
    pub(super) key: String,
    pub(super) closed: bool,
    /// What its clients choose from.
    pub(super) expiries: Vec<Expiry>,
}

/// One process that uses the locks.
#[derive(Clone, Debug)]
pub(super) struct Being {
    pub(super) name: String,
    pub(super) pace: Pace,
    pub(super) wall: Wall,
    pub(super) skew: Duration,
    pub(super) lease: Duration,
    /// None: the default.
    pub(super) beats: Option<Duration>,
    pub(super) journal: bool,
    pub(super) jobs: Vec<Job>,
    /// When it gives everything up, whatever it is doing.
    pub(super) leaves: Option<Duration>,
    pub(super) dice: Dice,
}

/// One task of a being, which uses one lock again and again.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) lock: usize,
    pub(super) expiry: Expiry,
    pub(super) rounds: u64,
}

impl Being {
    /// The environment of a process, which outlives it.
    pub(super) fn environment(&self) -> &str {
        &self.name[..1]
    }

    /// Who is started in its place.
    pub(super) fn reborn(mut self) -> Self {
        let (name, dice) = (format!("{}2", self.name), self.dice.fork());
        Self {
            name,
            dice,
            leaves: None,
            ..self
        }
    }
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
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let locks = locks(&mut dice);
        let many = 2 + dice.up_to(6).min(dice.up_to(6));
        let skew = Duration::from_millis(dice.pick(&[2500, 2500, 2500, 1000, 400]));
        let fair = dice.one_in(12);
        let beings = (0..many).map(|number| being(number, &locks, skew, fair, &mut dice));
        let beings = beings.collect();
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
        };
        if !fair {
            scenario.add_mishaps(&mut dice);
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

fn locks(dice: &mut Dice) -> Vec<Lock> {
    let names = ["order/1", "order/2"];
    let many = if dice.one_in(4) { 2 } else { 1 };
    let lock = |key: &str, dice: &mut Dice| Lock {
        key: key.into(),
        closed: dice.one_in(6),
        expiries: match dice.up_to(9) {
            0..=4 => vec![Expiry::Verified],
            5 | 6 => vec![Expiry::Observe],
            7 | 8 => vec![Expiry::Clock],
            _ => vec![Expiry::Verified, Expiry::Clock],
        },
    };
    names[..many].iter().map(|key| lock(key, dice)).collect()
}

fn being(number: u64, locks: &[Lock], skew: Duration, fair: bool, dice: &mut Dice) -> Being {
    let jobs: Vec<_> = (0..if dice.one_in(4) { 2 } else { 1 })
        .map(|_| {
            let lock = dice.up_to(locks.len() as u64 - 1) as usize;
            let (expiry, rounds) = (dice.pick(&locks[lock].expiries), 1 + dice.up_to(2));
            Job {
                lock,
                expiry,
                rounds,
            }
        })
        .collect();
    let trusts = jobs.iter().any(|job| job.expiry == Expiry::Clock);
    let wall = match () {
        () if fair => Wall::default(),
        () if trusts && !dice.one_in(10) => honest(skew, dice),
        () => wrong(trusts, dice),
    };
    let lease = dice.about(500, 10_000);
    let late = if dice.one_in(3) {
        Duration::ZERO
    } else {
        dice.within(4000)
    };
    Being {
        name: char::from(b'a' + number as u8).to_string(),
        pace: Pace {
            born: dice.pick(&[Duration::ZERO, Duration::from_millis(1)]) + late,
            ppm: dice.around(199) as i32,
        },
        wall,
        skew,
        lease,
        beats: match dice.up_to(5) {
            _ if fair => None,
            0 => Some(Duration::ZERO),
            1 => Some(lease / 2),
            _ => None,
        },
        journal: dice.one_in(2),
        jobs,
        leaves: (!fair && dice.one_in(6)).then(|| dice.within(15_000)),
        dice: dice.fork(),
    }
}

/// A clock that is off by no more than it may be, however it is set and however it runs.
fn honest(skew: Duration, dice: &mut Dice) -> Wall {
    let most = skew.as_millis() as u64 * 9 / 10;
    let mut fast = |at| (at, dice.around(most));
    Wall {
        fast_ms: vec![fast(Duration::ZERO), fast(Duration::from_secs(9))],
        ppm: dice.around(200),
    }
}

/// A clock that nobody should trust. Where one is trusted, this one is so wrong that it shows.
fn wrong(trusted: bool, dice: &mut Dice) -> Wall {
    const LEAST: u64 = 30_000;
    const MOST: u64 = 3_600_000;
    let mut set = |at| {
        let off = match dice.up_to(4) {
            _ if trusted => LEAST + dice.up_to(MOST - LEAST),
            0 => 0,
            1 => dice.up_to(50),
            2 | 3 => dice.up_to(8000),
            _ => dice.up_to(MOST),
        };
        (at, dice.either(off))
    };
    let mut fast_ms = vec![set(Duration::ZERO)];
    if !trusted {
        fast_ms.extend([set(Duration::from_secs(4)), set(Duration::from_secs(11))]);
    }
    Wall {
        fast_ms,
        ppm: dice.around(200),
    }
}
