//! Time: the only file that reads a clock.
//!
//! `now` is an interval, not a number, as in TrueTime and ClockBound. Every DynamoDB answer carries
//! a `Date`, and the server's clock was somewhere in that second while we waited for it; so each
//! answer bounds the server's clock against our monotonic one, at no cost. We write the latest
//! possible now, and judge others by the earliest.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the one file that reads a clock"
)]

mod instants;

mod server;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

pub use self::instants::{Moment, MonotonicInstant, TimeInterval, Timestamp};
use self::server::Server;

/// How the expiry of another client's lease is detected.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Expiry {
    /// By the interval that DynamoDB's own answers prove.
    #[default]
    Verified,
    /// By the local wall clock, trusted within a skew.
    Clock,
    /// By watching the holder on the monotonic clock.
    Observe,
}

/// A wall clock that can be replaced, for tests and simulations.
#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

/// The clocks of one acquisition. What it has learnt of the server's clock ends with it: nothing
/// that was concluded before a freeze is believed after it. It only casts doubt on what the next one is told first.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    wall: WallClock,
    origin: Instant,
    expiry: Expiry,
    skew: Duration,
    server: Option<Server>,
    /// An answer that contradicts what is known, until another one agrees with either.
    doubted: Option<Server>,
    /// What the client knew last, and when: no conclusion is drawn from it, but it casts doubt on a first answer.
    remembered: Arc<Mutex<Option<(Server, Mark)>>>,
    /// Whether an answer came without a `Date`.
    undated: bool,
    /// Whether any acquisition of the client has logged that.
    said: Arc<AtomicBool>,
}

/// A moment by all clocks of this machine. While a machine is suspended, or restored from a snapshot, its monotonic
/// clock stands still; the clock that counts suspensions and the wall clock do not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    tick: MonotonicInstant,
    wall: Timestamp,
    suspended: Duration,
}

impl Mark {
    /// The moment by the monotonic clock.
    pub(crate) fn tick(&self) -> MonotonicInstant {
        self.tick
    }
}

impl Clock {
    /// Before the first answer the wall clock is believed to be at most this late.
    const UNPROVEN: Duration = Duration::from_secs(1);

    /// Clocks of one machine may run apart by this, and by one part in two thousand, without a suspension.
    const APART: Duration = Duration::from_millis(250);

    pub(crate) fn new(expiry: Expiry, skew: Duration, wall: WallClock) -> Self {
        // The origin lies in the past, so that a tick can be moved back by a lease.
        let origin = Instant::now();
        Self {
            wall,
            origin,
            expiry,
            skew,
            server: None,
            doubted: None,
            remembered: Arc::default(),
            undated: false,
            said: Arc::default(),
        }
    }

    /// The same clocks, with nothing learnt yet.
    pub(crate) fn reset(&self) -> Self {
        Self {
            server: None,
            doubted: None,
            undated: false,
            ..self.clone()
        }
    }

    pub(crate) fn moment(&self) -> Moment {
        let tick = self.tick();
        Moment {
            now: self.now(tick),
            tick,
        }
    }

    pub(crate) fn tick(&self) -> MonotonicInstant {
        MonotonicInstant(Instant::now().saturating_duration_since(self.origin) + ORIGIN)
    }

    /// Where a tick lies on the runtime's clock.
    pub(crate) fn instant(&self, tick: MonotonicInstant) -> Instant {
        let since = tick.0.saturating_sub(ORIGIN).min(FAR);
        self.origin + since
    }

    /// The runtime's time, this much later than now.
    pub(crate) fn after(&self, pause: Duration) -> Instant {
        self.instant(self.tick() + pause)
    }

    pub(crate) fn is_past(&self, bound: Instant) -> bool {
        self.instant(self.tick()) >= bound
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            tick: self.tick(),
            wall: self.wall.now(),
            suspended: suspended(),
        }
    }

    /// Whether the wall clock was set back since a mark.
    pub(crate) fn has_gone_back(&self, mark: Mark) -> bool {
        self.wall.now() < mark.wall
    }

    /// How much time since a mark the monotonic clock has missed; zero unless the machine was
    /// suspended, or its wall clock was set forward.
    pub(crate) fn missed_since(&self, mark: Mark) -> Duration {
        let ran = self.tick().since(mark.tick);
        let wall = self.wall.now().since(mark.wall).saturating_sub(ran);
        let missed = wall.max(suspended().saturating_sub(mark.suspended));
        if missed > Self::APART + ran / 2000 {
            missed
        } else {
            Duration::ZERO
        }
    }

    /// Learns from the `Date` of an answer. One answer proves nothing against those before it: if it contradicts them, both
    /// are allowed for until another one agrees with either. Before a first one stand the wall clock, and what the client
    /// knew before.
    pub(crate) fn observe_server_date(
        &mut self,
        sent: MonotonicInstant,
        received: MonotonicInstant,
        date: SystemTime,
    ) {
        let fresh = Server::shown(sent, received, micros(date));
        let with = |known: Option<Server>| known.map(|known| known.narrowed(fresh));
        (self.server, self.doubted) = match (with(self.server), with(self.doubted)) {
            (Some(Some(agreed)), _) | (Some(None) | None, Some(Some(agreed))) => {
                (Some(agreed), None)
            }
            (None, _) if self.is_likely(fresh) => (Some(fresh), None),
            (None | Some(None), _) => (self.server, Some(fresh)),
        };
        if let (Some(server), None) = (self.server, self.doubted) {
            *self.remembered() = Some((server, self.mark()));
        }
    }

    /// Whether an answer contradicts what is known, and no other has decided between them.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.doubted.is_some()
    }

    /// Whether a first answer is believed at once: by what the client knew before, unless its clocks show that the machine
    /// has stood still since; else by the wall clock.
    fn is_likely(&self, fresh: Server) -> bool {
        let tick = self.tick();
        let (wall, shown) = (self.wall.now(), fresh.now(tick));
        let by_wall = !disjoint(shown, (wall - self.skew, wall + self.skew));
        let remembered = *self.remembered();
        remembered.map_or(by_wall, |(server, mark)| {
            let known = server.now(tick);
            let stood_still = shown.0 > known.1 && !self.missed_since(mark).is_zero();
            !disjoint(shown, known) || stood_still && by_wall
        })
    }

    fn remembered(&self) -> MutexGuard<'_, Option<(Server, Mark)>> {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Records an answer without a `Date`: nothing bounds the server's clock, and the local one is
    /// trusted within the skew alone. Returns whether this is the client's first.
    pub(crate) fn observe_missing_date(&mut self) -> bool {
        self.undated = true;
        !self.said.swap(true, Ordering::Relaxed)
    }

    /// The bounds of the server's clock by its answers, contradictions included.
    fn proven(&self, tick: MonotonicInstant, wall: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let known = self.server.map(|server| server.now(tick));
        let Some(doubted) = self.doubted.map(|doubted| doubted.now(tick)) else {
            return known;
        };
        let known = known.unwrap_or_else(|| self.unproven(tick, wall));
        Some(either(known, doubted))
    }

    /// The bounds without an answer that is believed.
    fn unproven(&self, tick: MonotonicInstant, wall: Timestamp) -> (Timestamp, Timestamp) {
        let trusted = self.trusted(wall);
        let remembered = *self.remembered();
        remembered.map_or(trusted, |(server, _)| either(trusted, server.now(tick)))
    }

    fn now(&self, tick: MonotonicInstant) -> TimeInterval {
        let wall = self.wall.now();
        let trusted = self.trusted(wall);
        let honest = (wall - self.skew, wall + self.skew);
        let (earliest, latest) = match (self.expiry, self.proven(tick, wall)) {
            (Expiry::Verified | Expiry::Observe, Some(proven)) => proven,
            // A wall clock that the server contradicts is not trusted, whatever the mode, nor one that may be wrong. Those of
            // others may still be late by the skew.
            (Expiry::Clock, Some(proven)) if self.server.is_none() || disjoint(proven, honest) => {
                (proven.0 - self.skew, proven.1)
            }
            _ => trusted,
        };
        // A guess: of a wall clock and a first answer that contradict each other the answer is more often right.
        let first = self.doubted.filter(|_| self.server.is_none());
        let (from, to) = first.map_or((earliest, latest), |first| first.now(tick));
        TimeInterval {
            earliest,
            likely: wall.clamp(from, to),
            latest,
        }
    }

    fn trusted(&self, wall: Timestamp) -> (Timestamp, Timestamp) {
        let late = match self.expiry {
            // Any two clocks differ by no more than the skew, and the client that judges another allows for it.
            Expiry::Clock => Duration::ZERO,
            _ if self.undated => self.skew.max(Self::UNPROVEN),
            Expiry::Verified | Expiry::Observe => Self::UNPROVEN,
        };
        (wall - self.skew, wall + late)
    }
}

fn disjoint(one: (Timestamp, Timestamp), other: (Timestamp, Timestamp)) -> bool {
    one.1 < other.0 || other.1 < one.0
}

/// Bounds that hold if either do.
fn either(one: (Timestamp, Timestamp), other: (Timestamp, Timestamp)) -> (Timestamp, Timestamp) {
    (one.0.min(other.0), one.1.max(other.1))
}

/// The longest time that we count; every clock can express it.
pub(crate) const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// A tick of zero lies this far before the clock was made, so that ticks can be reckoned backwards.
const ORIGIN: Duration = Duration::from_secs(24 * 60 * 60);

/// The total time that this machine has been suspended. Both clocks are the system's, so a runtime
/// whose time is paused makes no difference.
#[cfg(target_os = "linux")]
fn suspended() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let read = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
    let with_suspensions = read(ClockId::Boottime);
    with_suspensions.saturating_sub(read(ClockId::Monotonic))
}

/// Other systems have no such clock, or their monotonic one counts suspensions itself.
#[cfg(not(target_os = "linux"))]
fn suspended() -> Duration {
    Duration::ZERO
}

fn micros(time: SystemTime) -> Timestamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

impl WallClock {
    /// The caller's clock.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The system's clock.
    pub(crate) fn system() -> Self {
        Self::new(SystemTime::now)
    }

    fn now(&self) -> Timestamp {
        micros((self.0)())
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wall").field(&self.now()).finish()
    }
}
