//! How long to sleep before the next poll. Pure, but for the jitter.
//!
//! A waiter that has seen no turn end polls in proportion to the time that the holder has held. One
//! that has seen turns sleeps until the present turn may end, and polls often while it is due.
//! Later waiters sleep through most of the turns before theirs, and wake when they are next. A turn
//! that takes longer than any before is polled ever more seldom.
//!
//! ```text
//! age of the hold  0 ────────── shortest turn ── usual turn ──────────────────────────►
//! no turn seen     | | |  |    |      |          |                |
//! turns seen                         | | | | | | | |         |                 |
//! ```

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::client::memory::pace::{Pace, Turn};
use crate::protocol::messages::Pause;
use crate::protocol::time::MonotonicInstant;

/// The shortest polling interval of the first waiter.
const SHORTEST: Duration = Duration::from_millis(5);

/// The first poll of an unknown holder, for each position: no turn is shorter than two round trips.
const FIRST: Duration = Duration::from_millis(10);

/// The same for later waiters.
const FIRST_BEHIND: Duration = Duration::from_millis(25);

/// The pause before the next poll, as a part of the holder's age, while no turn was seen.
const GROWTH: f64 = 0.7;

/// The part of the shortest turn before which no turn is expected to end. It must be well below one: a
/// hand-over that was late makes a turn look longer than it is.
const EARLY: f64 = 0.875;

/// What a hand-over may add to a turn.
const HANDOVER: Duration = Duration::from_millis(10);

/// How many polls the time is divided into in which a turn is due to end.
const DUE_POLLS: u32 = 6;

/// The age of a holder before which it is polled at most eight times.
const SOON: Duration = Duration::from_millis(320);

/// What each further poll adds to the age.
const LATER: Duration = Duration::from_millis(420);

/// The part of the turns before its own that a waiter sleeps through: work does not always take as
/// long, and others may give up.
const TRUST: f64 = 0.8;

/// The first pause of a client whose ticket was refused while others wait.
const HERD: Duration = Duration::from_millis(25);

/// The first pause before a write is repeated.
const REPEAT: Duration = Duration::from_millis(20);

/// The longest pause before a write is repeated.
const REPEAT_MOST: Duration = Duration::from_millis(500);

/// The polling schedule of one waiter.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// The longest pause of the first waiter.
    cap: Duration,
    /// The longest pause of any position: a waiter that sleeps through its turn for a lease is taken for dead.
    longest: Duration,
    /// How fast the queue moves.
    pace: Pace,
    /// The position at the last poll.
    place: Option<Place>,
    /// Since when its own turn has lasted.
    acting: Option<MonotonicInstant>,
}

/// Where a waiter stands, and behind which holder.
#[derive(Clone, Copy, Debug)]
struct Place {
    position: usize,
    /// When the holder was promoted, at the earliest.
    earliest: MonotonicInstant,
    /// When it was promoted, at the latest.
    latest: MonotonicInstant,
    /// How often it was polled since.
    polls: u32,
    /// When the queue was last polled.
    seen: MonotonicInstant,
    /// Whether the queue has moved since the wait began.
    moved: bool,
}

impl Schedule {
    pub(crate) fn new(cap: Duration, lease: Duration, pace: Pace) -> Self {
        let longest = lease / 3;
        Self {
            cap: cap.min(longest),
            longest,
            pace,
            place: None,
            acting: None,
        }
    }

    /// The pause that begins now; where a death is due, it ends there.
    pub(crate) fn pause(&mut self, pause: Pause, now: MonotonicInstant) -> Duration {
        match pause {
            Pause::Herd(refusals) => {
                let full = doubled(HERD, refusals.saturating_sub(1)).min(self.cap);
                jitter(full, 1.0)
            }
            Pause::Turn {
                position,
                age,
                time_to_expiry,
            } => {
                let position = position.max(1);
                let (place, turn) = (self.see(position, age, now), self.pace.turn());
                let delay = match u32::try_from(position - 1).unwrap_or(u32::MAX) {
                    0 => next(place, turn, now).min(self.cap),
                    others => {
                        let cap = self.cap.saturating_mul(others.saturating_add(1));
                        let delay = behind(others, place, turn, now);
                        jitter(delay.min(cap).min(self.longest), 0.3)
                    }
                };
                time_to_expiry.map_or(delay, |dead| delay.min(dead.max(SHORTEST)))
            }
        }
    }

    /// Records that the client's own turn has begun, and with it the one before has ended.
    pub(crate) fn begins(&mut self, now: MonotonicInstant) {
        if self.acting.replace(self.acting.unwrap_or(now)).is_some() {
            return;
        }
        let Some(place) = self.place else { return };
        let turns = now.since(place.likely());
        // A waiter that was asleep when the turn ended only knows that it had not ended at the last
        // poll.
        let asleep = now.since(place.seen) > turns / 4;
        let least = place.seen.since(place.likely());
        let longer = self.pace.turn().is_some_and(|turn| least > turn.usual);
        match asleep {
            false => self
                .pace
                .learn(turns / share(place.position), place.position),
            true if longer => self.pace.learn(least, 1),
            true => {}
        }
    }

    /// Records that the client's own turn has ended.
    pub(crate) fn ends(&mut self, now: MonotonicInstant) {
        if let Some(since) = self.acting.take() {
            self.pace.own(now.since(since));
        }
    }

    /// Records the position, and how fast the queue has moved if it has.
    fn see(&mut self, position: usize, age: Duration, now: MonotonicInstant) -> Place {
        let place = match self.place {
            Some(place) if place.position == position => Place {
                seen: now,
                polls: place.polls.saturating_add(1),
                ..place
            },
            Some(place) if place.position > position => self.moved(place, position, now - age),
            _ => Place {
                position,
                earliest: now - age,
                latest: now - age,
                polls: 0,
                seen: now,
                moved: false,
            },
        };
        self.place = Some(Place { seen: now, ..place });
        place
    }

    /// Another holder was promoted between the last poll and this one.
    fn moved(&self, was: Place, position: usize, latest: MonotonicInstant) -> Place {
        let through = was.position - position;
        let turns = share(through);
        let least = self
            .pace
            .turn()
            .map_or(Duration::ZERO, |turn| early(turn) * turns);
        // In the last of that many turns: had it been promoted before that, it would be through as well.
        let last = latest - latest.since(was.likely()) / turns;
        let earliest = was.seen.max(was.earliest + least).max(last);
        let place = Place {
            position,
            earliest: earliest.min(latest),
            latest,
            polls: 0,
            seen: was.seen,
            moved: true,
        };
        let least = place.earliest + latest.since(place.earliest) / 4;
        self.pace.learn(least.since(was.likely()) / turns, through);
        place
    }
}

fn share(turns: usize) -> u32 {
    u32::try_from(turns).unwrap_or(u32::MAX).max(1)
}

impl Place {
    /// About when the holder was promoted.
    fn likely(self) -> MonotonicInstant {
        self.earliest + self.latest.since(self.earliest) / 2
    }
}

/// The next poll of the first waiter.
fn next(place: Place, turn: Option<Turn>, now: MonotonicInstant) -> Duration {
    let age = now.since(place.likely());
    let delay = match turn {
        None => unknown(age),
        Some(turn) if place.moved => expected(place, turn, age / 10, now),
        Some(turn) => expected(place, turn, due(turn), now),
    };
    let delay = jitter(delay, 0.1);
    // Where others are through already, no waiter is alone, and what it costs is shared.
    match place.moved {
        true => delay,
        false => delay.max(after(place.polls, age)),
    }
}

/// Sleeps until the turn may end, and from then on polls this often.
fn expected(place: Place, turn: Turn, often: Duration, now: MonotonicInstant) -> Duration {
    let from = place.earliest + early(turn);
    often.max(from.since(now)).max(SHORTEST)
}

fn unknown(age: Duration) -> Duration {
    age.mul_f64(GROWTH).max(FIRST)
}

/// The polling interval while a turn is due to end.
fn due(turn: Turn) -> Duration {
    let due = (turn.usual * 9 / 8).saturating_sub(early(turn)) / DUE_POLLS;
    due.clamp(turn.shortest / 12, turn.shortest / 4)
}

/// No turn is expected to end before this.
fn early(turn: Turn) -> Duration {
    turn.shortest.mul_f64(EARLY).saturating_sub(HANDOVER)
}

/// The shortest pause after so many polls of one holder: no more than twelve in the first two
/// seconds.
fn after(polls: u32, age: Duration) -> Duration {
    let soon = SOON.max(age);
    match polls {
        0..=5 => Duration::ZERO,
        6 => age.mul_f64(soon.div_duration_f64(age.max(SHORTEST)).sqrt() - 1.0),
        7 => soon - age,
        _ => LATER,
    }
}

/// The next poll of a later waiter, with this many waiters before it.
fn behind(others: u32, place: Place, turn: Option<Turn>, now: MonotonicInstant) -> Duration {
    let Some(turn) = turn else {
        let each = now.since(place.latest).mul_f64(GROWTH).max(FIRST_BEHIND);
        return each.saturating_mul(others.saturating_add(1));
    };
    // What the holder has left; when it is overdue, it may be as much as it was late.
    let ends = place.likely() + turn.shortest;
    let left = ends.since(now).max(now.since(place.latest + turn.usual));
    let before = left + turn.usual.saturating_mul(others - 1);
    (before.mul_f64(TRUST) + early(turn)).max(FIRST)
}

/// The pause before the next copy of a write that went unanswered.
pub(crate) fn repeat(unanswered: u32) -> Duration {
    jitter(doubled(REPEAT, unanswered).min(REPEAT_MOST), 0.5)
}

fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.min(16))
}

/// Shortens by a random share of at most `spread`.
fn jitter(full: Duration, spread: f64) -> Duration {
    full.mul_f64(1.0 - spread * fastrand::f64())
}
