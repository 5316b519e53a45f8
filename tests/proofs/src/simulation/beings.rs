//! Who uses the locks, and how wrong its clocks are.

use std::time::Duration;

use dynamodb_locks::Expiry;

use super::clocks::{Pace, Wall};
use super::dice::Dice;

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
    /// Each lease lasts until the caller's deadline, and is not beaten for.
    pub(super) ends: bool,
    pub(super) cap: u16,
    /// It works in the night, holding its lock, when the others sleep.
    pub(super) watches: bool,
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

impl Lock {
    pub(super) fn some(dice: &mut Dice) -> Vec<Self> {
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
}

impl Being {
    pub(super) fn some(locks: &[Lock], fair: bool, dice: &mut Dice) -> Vec<Self> {
        let many = 2 + dice.up_to(6).min(dice.up_to(6));
        let skew = Duration::from_millis(dice.pick(&[2500, 2500, 2500, 1000, 400]));
        let names = ('a'..).take(many as usize);
        let one = |name: char| Self::one(name.into(), locks, skew, fair, dice);
        names.map(one).collect()
    }

    fn one(name: String, locks: &[Lock], skew: Duration, fair: bool, dice: &mut Dice) -> Self {
        let jobs = if dice.one_in(4) { 2 } else { 1 };
        let jobs: Vec<_> = (0..jobs).map(|_| Job::any(locks, dice)).collect();
        let trusts = jobs.iter().any(|job| job.expiry == Expiry::Clock);
        let wall = match () {
            () if fair => Wall::default(),
            () if trusts && !dice.one_in(10) => honest(skew, dice),
            () => wrong(skew, trusts, dice),
        };
        let lease = match dice.one_in(3) {
            true => dice.about(500, 800),
            false => dice.about(500, 10_000),
        };
        let beats = dice.pick(&[
            None,
            None,
            None,
            None,
            Some(Duration::ZERO),
            Some(lease / 2),
        ]);
        let born = dice.pick(&[0, 1, 1, 4000, 4000, 4000]);
        let leaves = dice.one_in(6).then(|| dice.within(15_000));
        Self {
            name,
            pace: Pace {
                born: dice.within(born),
                ppm: dice.around(199) as i32,
            },
            wall,
            skew,
            lease,
            ends: dice.one_in(10),
            cap: dice.pick(&[40, 40, 40, 2, 4]),
            watches: false,
            beats: beats.filter(|_| !fair),
            journal: dice.one_in(2),
            jobs,
            leaves: leaves.filter(|_| !fair),
            dice: dice.fork(),
        }
    }

    /// A long lease is enough for a long night.
    pub(super) fn keep_watch(&mut self) {
        const LEASE: Duration = Duration::from_secs(900);
        self.jobs.truncate(1);
        (self.lease, self.beats, self.watches) = (LEASE, None, true);
        (self.ends, self.leaves) = (false, None);
    }

    /// What is wrong with its clocks.
    pub(super) fn clock_faults(&self) -> impl Iterator<Item = &'static str> {
        let (wall, pace) = (&self.wall, self.pace);
        let wrong = [
            ("clock off", wall.fast_ms.iter().any(|(_, fast)| *fast != 0)),
            (
                "clock stepped",
                wall.fast_ms.windows(2).any(|set| set[0].1 != set[1].1),
            ),
            ("clock drifts", wall.ppm != 0),
            ("timers drift", pace.ppm != 0),
        ];
        wrong
            .into_iter()
            .filter(|(_, is)| *is)
            .map(|(fault, _)| fault)
    }

    /// A fifth of a second is missing in each, or too much, where it may be 200 millionths.
    pub(super) fn runs_apart(&mut self) {
        self.pace.ppm = 200_000 * self.pace.ppm.signum();
    }

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

impl Job {
    fn any(locks: &[Lock], dice: &mut Dice) -> Self {
        let lock = dice.up_to(locks.len() as u64 - 1) as usize;
        let (expiry, rounds) = (dice.pick(&locks[lock].expiries), 1 + dice.up_to(2));
        Self {
            lock,
            expiry,
            rounds,
        }
    }
}

/// A clock that is off by no more than it may be, however it is set and however it runs.
fn honest(skew: Duration, dice: &mut Dice) -> Wall {
    let most = skew.as_millis() as u64;
    let astray = most / 10;
    let mut fast = |at| (at, dice.around(most - astray));
    Wall {
        fast_ms: vec![fast(Duration::ZERO), fast(Duration::from_secs(9))],
        ppm: dice.around(200),
        astray_ms: astray as i64,
    }
}

/// A clock that nobody should trust. Where one is trusted, this one is so wrong that it shows.
fn wrong(skew: Duration, trusted: bool, dice: &mut Dice) -> Wall {
    const LEAST: u64 = 30_000;
    const MOST: u64 = 3_600_000;
    // About here a time is just believed or just not, and a clock may show either.
    let edge = 2 * skew.as_millis() as i64 - 500;
    let mut set = |at| {
        let off = match dice.up_to(5) {
            _ if trusted => dice.beyond(LEAST, MOST),
            0 => 0,
            1 => dice.around(50),
            2 => dice.around(8000),
            3 | 4 => edge + dice.around(1500),
            _ => dice.around(MOST),
        };
        (at, off)
    };
    let mut fast_ms = vec![set(Duration::ZERO)];
    if !trusted {
        fast_ms.extend([set(Duration::from_secs(4)), set(Duration::from_secs(11))]);
    }
    Wall {
        fast_ms,
        ppm: dice.around(200),
        astray_ms: i64::MAX / 2000,
    }
}
