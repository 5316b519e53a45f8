//! How long to sleep before the next look. Pure, but for the jitter.
//!
//! The next in line looks in proportion to the time that the holder has already held: a hand-off
//! costs little beside the work it waited for, and a long hold few reads. The others sleep through most
//! of what lies before them, as soon as they have seen how fast the queue moves; until then they look as
//! many times more seldom as their rank says.

use std::time::Duration;

use crate::terms::Pause;
use crate::time::Tick;

/// The next in line looks at most this often.
const SHORTEST: Duration = Duration::from_millis(8);

/// The first pause of a client whose stamp was refused while others wait.
const HERD: Duration = Duration::from_millis(25);

/// The first pause before a write is repeated.
const REPEAT: Duration = Duration::from_millis(20);

/// The longest pause before a write is repeated.
const REPEAT_MOST: Duration = Duration::from_millis(500);

/// The part of what lies before a waiter that it sleeps through: work does not always take as long, and
/// others may give up.
const TRUST: f64 = 0.55;

/// The looks of one waiter.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// The longest pause of the next in line.
    cap: Duration,
    /// The longest pause of anybody: whoever sleeps through its turn for a lease is taken for dead.
    longest: Duration,
    /// Where it stood at the last look, and when that was.
    stood: Option<(usize, Tick)>,
    /// The shortest time that one of those before it has taken. Were it the mean, waiters that sleep
    /// too long would take each other for slow, and sleep longer still.
    pace: Option<Duration>,
}

impl Schedule {
    pub(crate) fn new(cap: Duration, lease: Duration) -> Self {
        let longest = lease / 4;
        Self {
            cap: cap.min(longest),
            longest,
            stood: None,
            pace: None,
        }
    }

    /// The pause that begins now; where a death is due, it ends there.
    pub(crate) fn pause(&mut self, pause: Pause, now: Tick) -> Duration {
        match pause {
            Pause::Herd(refusals) => {
                let full = doubled(HERD, refusals.saturating_sub(1)).min(self.cap);
                jitter(full, 1.0)
            }
            Pause::Turn { rank, age, dead_in } => {
                let rank = rank.max(1);
                let pace = self.learn(rank, now);
                let look = match u32::try_from(rank - 1).unwrap_or(u32::MAX) {
                    0 => next(age, pace).min(self.cap),
                    others => {
                        let cap = self.cap.saturating_mul(others.saturating_add(1));
                        behind(others, age, pace).min(cap).min(self.longest)
                    }
                };
                let look = jitter(look, 0.2);
                dead_in.map_or(look, |dead| look.min(dead.max(SHORTEST)))
            }
        }
    }

    /// How fast the queue moves, if that was to be seen.
    fn learn(&mut self, rank: usize, now: Tick) -> Option<Duration> {
        let (stood, when) = self.stood.replace((rank, now)).unwrap_or((rank, now));
        let through = u32::try_from(stood.saturating_sub(rank)).unwrap_or(u32::MAX);
        if through > 0 {
            let pace = now.since(when) / through;
            self.pace = Some(self.pace.map_or(pace, |shortest| shortest.min(pace)));
        }
        self.pace
    }
}

/// The next look of the next in line.
fn next(age: Duration, pace: Option<Duration>) -> Duration {
    let rest = pace.map_or(Duration::ZERO, |pace| {
        pace.mul_f64(TRUST).saturating_sub(age)
    });
    rest.max(age / 10).max(SHORTEST)
}

/// The next look of somebody who stands behind so many others, and the holder.
fn behind(others: u32, age: Duration, pace: Option<Duration>) -> Duration {
    let Some(pace) = pace else {
        return (age / 10)
            .max(SHORTEST)
            .saturating_mul(others.saturating_add(1));
    };
    let rest = pace.saturating_sub(age);
    let all = rest.saturating_add(pace.saturating_mul(others));
    all.mul_f64(TRUST).max(2 * SHORTEST)
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

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn schedule() -> Schedule {
        Schedule::new(millis(450), LEASE)
    }

    fn turn(rank: usize, age_ms: u64, dead_in_ms: Option<u64>) -> Pause {
        Pause::Turn {
            rank,
            age: millis(age_ms),
            dead_in: dead_in_ms.map(millis),
        }
    }

    fn at(time: u64) -> Tick {
        Tick(millis(time))
    }

    #[test]
    fn the_next_in_line_looks_in_proportion_to_the_age_of_the_hold() {
        assert!(schedule().pause(turn(1, 0, None), at(0)) <= SHORTEST);
        let look = schedule().pause(turn(1, 1000, None), at(0));
        assert!(look >= millis(80) && look <= millis(100));
    }

    #[test]
    fn who_has_seen_the_queue_move_sleeps_through_most_of_what_is_before_it() {
        let mut schedule = schedule();
        schedule.pause(turn(20, 30, None), at(0));
        // Five were through after 300 ms: 60 ms each, and fifteen are left.
        let look = schedule.pause(turn(15, 60, None), at(300));
        let full = millis(14 * 60).mul_f64(TRUST);
        assert!(look <= full && look >= full.mul_f64(0.8), "{look:?}");
        // The next in line waits for the end of this turn, and then looks often.
        let look = schedule.pause(turn(1, 10, None), at(1140));
        assert!(look <= millis(23) && look >= millis(18), "{look:?}");
        let look = schedule.pause(turn(1, 60, None), at(1190));
        assert!(look <= SHORTEST, "{look:?}");
    }

    #[test]
    fn no_pause_is_longer_than_the_cap_of_its_rank_or_a_quarter_of_the_lease() {
        let look = schedule().pause(turn(1, 1_000_000, None), at(0));
        assert!(look <= millis(450));
        let look = schedule().pause(turn(2, 1_000_000, None), at(0));
        assert!(look <= millis(900));
        assert!(schedule().pause(turn(40, 1_000_000, None), at(0)) <= LEASE / 4);
        assert!(schedule().pause(Pause::Herd(u32::MAX), at(0)) <= millis(450));
        let mut short = Schedule::new(millis(450), millis(500));
        assert!(short.pause(turn(1, 1_000_000, None), at(0)) <= millis(125));
    }

    #[test]
    fn a_pause_ends_when_the_holder_can_be_found_dead() {
        assert_eq!(
            schedule().pause(turn(1, 9_000, Some(30)), at(0)),
            millis(30)
        );
    }

    #[test]
    fn repeats_slow_down_and_stay_bounded() {
        assert!(repeat(0) <= REPEAT);
        assert!(repeat(u32::MAX) <= REPEAT_MOST);
        assert!(repeat(u32::MAX) >= REPEAT_MOST / 2);
    }
}
