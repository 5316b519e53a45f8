//! The processes that use the locks: settings, jobs, and how wrong their clocks are.

use std::time::Duration;

use dynamodb_locks::Expiry;

use super::clocks::{Pace, WallClock};
use super::rng::Rng;

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
pub(super) struct Actor {
    pub(super) name: String,
    pub(super) pace: Pace,
    pub(super) wall: WallClock,
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
    pub(super) rng: Rng,
}

/// One task of an actor, which uses one lock again and again.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) lock: usize,
    pub(super) expiry: Expiry,
    pub(super) rounds: u64,
}

impl Lock {
    pub(super) fn some(rng: &mut Rng) -> Vec<Self> {
        let names = ["order/1", "order/2"];
        let many = if rng.one_in(4) { 2 } else { 1 };
        let lock = |key: &str, rng: &mut Rng| Lock {
            key: key.into(),
            closed: rng.one_in(6),
            expiries: match rng.up_to(9) {
                0..=4 => vec![Expiry::Verified],
                5 | 6 => vec![Expiry::Observe],
                7 | 8 => vec![Expiry::Clock],
                _ => vec![Expiry::Verified, Expiry::Clock],
            },
        };
        names[..many].iter().map(|key| lock(key, rng)).collect()
    }
}

impl Actor {
    pub(super) fn some(locks: &[Lock], faultless: bool, rng: &mut Rng) -> Vec<Self> {
        let many = 2 + rng.up_to(6).min(rng.up_to(6));
        let any = |rng: &mut Rng| Duration::from_millis(rng.pick(&[2500, 2500, 2500, 1000, 400]));
        // Clients of one key may have other settings than the rest.
        let (skew, unlike) = (any(rng), rng.one_in(3));
        let names = ('a'..).take(many as usize);
        let one = |name: char| {
            let skew = if unlike { any(rng) } else { skew };
            Self::one(name.into(), locks, skew, faultless, rng)
        };
        names.map(one).collect()
    }

    fn one(name: String, locks: &[Lock], skew: Duration, faultless: bool, rng: &mut Rng) -> Self {
        let jobs = if rng.one_in(4) { 2 } else { 1 };
        let jobs: Vec<_> = (0..jobs).map(|_| Job::any(locks, rng)).collect();
        let trusts = jobs.iter().any(|job| job.expiry == Expiry::Clock);
        let lease = match rng.one_in(3) {
            true => rng.about(500, 800),
            false => rng.about(500, 10_000),
        };
        // No skew is larger than the lease.
        let skew = skew.min(lease);
        let wall = match () {
            () if faultless => WallClock::default(),
            () if trusts && !rng.one_in(10) => honest(skew, rng),
            () => wrong(skew, trusts, rng),
        };
        let beats = rng.pick(&[
            None,
            None,
            None,
            None,
            Some(Duration::ZERO),
            Some(lease / 2),
        ]);
        let born = rng.pick(&[0, 1, 1, 4000, 4000, 4000]);
        let leaves = rng.one_in(6).then(|| rng.within(15_000));
        Self {
            name,
            pace: Pace {
                born: rng.within(born),
                ppm: rng.around(199) as i32,
            },
            wall,
            skew,
            lease,
            ends: rng.one_in(10),
            cap: rng.pick(&[40, 40, 40, 2, 4]),
            watches: false,
            beats: beats.filter(|_| !faultless),
            journal: rng.one_in(2),
            jobs,
            leaves: leaves.filter(|_| !faultless),
            rng: rng.fork(),
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

    /// Its wall clock is right within the skew.
    pub(super) fn sets_its_clock(&mut self, rng: &mut Rng) {
        self.wall = honest(self.skew, rng);
    }

    /// A fifth of a second is missing in each, or too much, where it may be 200 millionths.
    pub(super) fn runs_apart(&mut self) {
        self.pace.ppm = 200_000 * self.pace.ppm.signum();
    }

    /// Its wall clock is three times as far off as it is.
    pub(super) fn strays(&mut self) {
        self.wall
            .fast_ms
            .iter_mut()
            .for_each(|(_, fast)| *fast *= 3);
    }

    /// The environment of a process, which outlives it.
    pub(super) fn environment(&self) -> &str {
        &self.name[..1]
    }

    /// The actor that is started in its place.
    pub(super) fn restarted(mut self) -> Self {
        let (name, rng) = (format!("{}2", self.name), self.rng.fork());
        Self {
            name,
            rng,
            leaves: None,
            ..self
        }
    }
}

impl Job {
    fn any(locks: &[Lock], rng: &mut Rng) -> Self {
        let lock = rng.up_to(locks.len() as u64 - 1) as usize;
        let (expiry, rounds) = (rng.pick(&locks[lock].expiries), 1 + rng.up_to(2));
        Self {
            lock,
            expiry,
            rounds,
        }
    }
}

/// A clock that differs from every other of its kind, and from DynamoDB's, by no more than the skew, however it is set
/// and however it runs.
fn honest(skew: Duration, rng: &mut Rng) -> WallClock {
    let most = skew.as_millis() as u64 / 2;
    let astray = most / 10;
    let mut fast = |at| (at, rng.around(most - astray));
    WallClock {
        fast_ms: vec![fast(Duration::ZERO), fast(Duration::from_secs(9))],
        ppm: rng.around(200),
        astray_ms: astray as i64,
    }
}

/// A clock that must not be trusted. Where clocks are trusted, this one is so wrong that it shows.
fn wrong(skew: Duration, trusted: bool, rng: &mut Rng) -> WallClock {
    const LEAST: u64 = 30_000;
    const MOST: u64 = 3_600_000;
    // About here a time is just believed or just not, and a clock may show either.
    let edge = 2 * skew.as_millis() as i64 - 500;
    let mut set = |at| {
        let off = match rng.up_to(5) {
            _ if trusted => rng.beyond(LEAST, MOST),
            0 => 0,
            1 => rng.around(50),
            2 => rng.around(8000),
            3 | 4 => edge + rng.around(1500),
            _ => rng.around(MOST),
        };
        (at, off)
    };
    let mut fast_ms = vec![set(Duration::ZERO)];
    if !trusted {
        fast_ms.extend([set(Duration::from_secs(4)), set(Duration::from_secs(11))]);
    }
    WallClock {
        fast_ms,
        ppm: rng.around(200),
        astray_ms: i64::MAX / 2000,
    }
}
