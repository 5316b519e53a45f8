//! The time, as everything in the kit sees it.
//!
//! The only file of this crate that asks the machine. Code that dates something is given a [`Clock`],
//! so that a test can run DynamoDB on tokio's paused time.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// A source of wall-clock time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// A clock that shows whatever `now` answers.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The machine's own clock.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the file that reads the clock"
    )]
    pub fn system() -> Self {
        Self::new(SystemTime::now)
    }

    /// A clock that starts at the machine's time and then moves with tokio's: it stands still while
    /// tokio's is paused.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the file that reads the clock"
    )]
    pub fn tokio() -> Self {
        Self::tokio_from(SystemTime::now())
    }

    /// A clock that starts at a given time and then moves with tokio's.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the file that reads the clock"
    )]
    pub fn tokio_from(wall: SystemTime) -> Self {
        let start = Instant::now();
        Self::new(move || wall + start.elapsed())
    }

    /// The time now.
    pub fn now(&self) -> SystemTime {
        (self.0)()
    }

    /// The time now, since the Unix epoch.
    pub fn since_epoch(&self) -> Duration {
        self.now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}
