//! Chance, from a seed.

use std::time::Duration;

use fastrand::Rng;

/// Everything that is left to chance in one part of a simulation.
#[derive(Clone, Debug)]
pub(super) struct Dice(Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// Other dice, which do not depend on how often these are rolled afterwards.
    pub(super) fn fork(&mut self) -> Self {
        Self(self.0.fork())
    }

    pub(super) fn one_in(&mut self, many: u64) -> bool {
        self.0.u64(0..many) == 0
    }

    pub(super) fn up_to(&mut self, most: u64) -> u64 {
        self.0.u64(0..=most)
    }

    pub(super) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.0.usize(0..from.len())].clone()
    }

    pub(super) fn shuffle<T>(&mut self, these: &mut [T]) {
        self.0.shuffle(these);
    }

    /// Any time up to that many milliseconds.
    pub(super) fn within(&mut self, most_ms: u64) -> Duration {
        Duration::from_micros(self.up_to(most_ms * 1000))
    }

    /// As often ten times as long as a tenth: a time between two, in milliseconds.
    pub(super) fn about(&mut self, least_ms: u64, most_ms: u64) -> Duration {
        let (least, most) = (least_ms.max(1) as f64, most_ms as f64);
        let millis = least * (most / least).powf(self.0.f64());
        Duration::from_micros((millis * 1000.0) as u64)
    }

    /// Any number that is no further from zero.
    pub(super) fn around(&mut self, most: u64) -> i64 {
        let most = most as i64;
        self.0.i64(-most..=most)
    }

    /// Any number that is as far from zero as one of these, or in between.
    pub(super) fn beyond(&mut self, least: u64, most: u64) -> i64 {
        let size = self.0.u64(least..=most) as i64;
        if self.0.bool() { size } else { -size }
    }
}
