//! How long to sleep before the next look. Pure, but for the jitter.
//!
//! The next in line looks in proportion to the time that the holder has already held: a hand-off
//! costs little beside the work it waited for, and a long hold few reads. The others look as many times more seldom as their rank says.

use std::time::Duration;

use crate::terms::Pause;

/// The next in line looks at most this often.
const SHORTEST: Duration = Duration::from_millis(8);

/// The first pause of a client whose stamp was refused while others wait.
const HERD: Duration = Duration::from_millis(25);

/// The first pause before a write is repeated.
const REPEAT: Duration = Duration::from_millis(20);

/// The longest pause before a write is repeated.
const REPEAT_MOST: Duration = Duration::from_millis(500);

/// The pause, at most `cap` long; where a death is due, it ends there.
pub(crate) fn pause(pause: Pause, cap: Duration) -> Duration {
    match pause {
        Pause::Herd(refusals) => jitter(doubled(HERD, refusals.saturating_sub(1)).min(cap), 1.0),
        Pause::Turn { rank, age, dead_in } => {
            let rank = u32::try_from(rank.max(1)).unwrap_or(u32::MAX);
            let turn = (age / 10).max(SHORTEST).saturating_mul(rank);
            let look = jitter(turn.min(cap), 0.2);
            dead_in.map_or(look, |dead| look.min(dead.max(SHORTEST)))
        }
    }
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

    fn turn(rank: usize, age_ms: u64, dead_in_ms: Option<u64>) -> Duration {
        let age = Duration::from_millis(age_ms);
        let dead_in = dead_in_ms.map(Duration::from_millis);
        pause(
            Pause::Turn { rank, age, dead_in },
            Duration::from_millis(450),
        )
    }

    #[test]
    fn the_next_in_line_looks_in_proportion_to_the_age_of_the_hold() {
        assert!(turn(1, 0, None) <= SHORTEST);
        let look = turn(1, 1000, None);
        assert!(look >= Duration::from_millis(80) && look <= Duration::from_millis(100));
    }

    #[test]
    fn no_pause_is_longer_than_the_cap() {
        assert!(turn(40, 1_000_000, None) <= Duration::from_millis(450));
        assert!(pause(Pause::Herd(u32::MAX), Duration::from_millis(450)).as_millis() <= 450);
    }

    #[test]
    fn a_pause_ends_when_the_holder_can_be_found_dead() {
        assert_eq!(turn(1, 9_000, Some(30)), Duration::from_millis(30));
    }

    #[test]
    fn repeats_slow_down_and_stay_bounded() {
        assert!(repeat(0) <= REPEAT);
        assert!(repeat(u32::MAX) <= REPEAT_MOST);
        assert!(repeat(u32::MAX) >= REPEAT_MOST / 2);
    }
}
