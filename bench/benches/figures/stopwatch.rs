//! How long something took: the only file of this bench that reads a clock.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the one file that reads a clock"
)]

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Runs since it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// The seconds that some work took.
pub(crate) async fn seconds<T>(work: impl Future<Output = T>) -> (T, f64) {
    let watch = Stopwatch::start();
    let done = work.await;
    (done, watch.seconds())
}

/// The seconds of CPU, in user and in kernel mode, that this process spent on some work: all its
/// threads, and none of its children.
pub(crate) async fn cpu_seconds<T>(work: impl Future<Output = T>) -> (T, f64) {
    let before = cpu();
    let done = work.await;
    (done, (cpu() - before).as_secs_f64())
}

fn cpu() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(spent).unwrap_or_default()
}
