//! A lock that is held, and how it is given up.

use std::time::Duration;

use crate::cleanup::Cleanup;
use crate::driver::{Budget, Driver, Exit};
use crate::error::{Error, Kind};
use crate::handle::LockHandle;
use crate::heartbeat::HeartbeatTask;
use crate::key::Key;
use crate::lease::{Lease, LeaseHealth};
use crate::messages::{Event, OnExpiry, Outcome};
use crate::time::MonotonicInstant;
use crate::trail::Trail;

/// A lock that is held until it is released, or until its lease is lost.
///
/// Dropping it without a release ends the lease and hands the entry to a task of its client, which
/// releases it at once. Where no runtime runs the next call on the client does, or
/// [`Locks::release_all`](crate::Locks::release_all); if the process dies first, the lease ends by
/// itself. Prefer [`release`](Self::release): it says whether the lock was still held.
///
/// Not `Clone`: two handles could both believe that they released.
#[derive(Debug)]
#[must_use = "a lock that is dropped is released at once"]
pub struct LockGuard {
    handle: LockHandle,
    heartbeats: HeartbeatTask,
    trail: Trail,
    /// The lock is released when all the others were dropped.
    _cleanup: Cleanup,
}

/// How long a release may take.
const RELEASE: Duration = Duration::from_secs(3);

impl LockGuard {
    pub(crate) fn new(
        driver: Driver,
        mut trail: Trail,
        cleanup: Cleanup,
        ends: MonotonicInstant,
        period: Option<Duration>,
    ) -> Self {
        let (clock, since) = (driver.clock.clone(), driver.sent);
        let (key, fence) = (driver.key.clone(), driver.acquisition.ticket().0);
        let (layout, counters) = (driver.table.layout().clone(), driver.counters.clone());
        let (heartbeats, lease) = HeartbeatTask::start(driver, ends, since, period, trail.ended());
        trail.hold(clock, heartbeats.lease().clone());
        let handle = LockHandle::new(layout, key, fence, lease, counters);
        Self {
            handle,
            heartbeats,
            trail,
            _cleanup: cleanup,
        }
    }

    /// The lock's name.
    #[must_use]
    pub fn key(&self) -> &Key {
        self.handle.key()
    }

    /// The fencing token; see [`LockHandle::fence`].
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.handle.fence()
    }

    /// The lease, to be watched from elsewhere.
    #[must_use]
    pub fn lease(&self) -> Lease {
        self.handle.lease()
    }

    /// Waits until the lease is lost.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// # async fn work() {}
    /// let guard = locks.acquire("order/42").await?;
    /// tokio::select! {
    ///     () = work() => println!("done"),
    ///     () = guard.lost() => println!("somebody else may work on it now"),
    /// }
    /// guard.release().await?;
    /// # Ok(()) });
    /// ```
    pub async fn lost(&self) {
        self.lease().expired().await;
    }

    /// How the lease does: it tells before it is lost when heartbeats fail.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// let guard = locks.acquire("order/42").await?;
    /// let health = guard.health();
    /// assert!(!health.remaining.is_zero());
    /// assert_eq!(health.heartbeat_overdue, None);
    /// guard.release().await?;
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn health(&self) -> LeaseHealth {
        self.handle.lease().health()
    }

    /// What the work may know of the lock; it can be passed on, the lock cannot.
    #[must_use]
    pub fn handle(&self) -> LockHandle {
        self.handle.clone()
    }

    /// The work under the lock stops when the lease is over, and then releases it: until it has, nobody
    /// else is to give the lock back.
    pub fn stops_with_its_lease(&self) {
        self.trail.stops();
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.trail.is_ours()
    }

    /// Gives the lock up. Once this has returned without an error the next one may hold it.
    ///
    /// # Errors
    ///
    /// [`is_lost`](Error::is_lost) when the lease had ended and somebody else took over;
    /// [`is_unknown`](Error::is_unknown) when no answer came in time. The lease ends by itself then; a
    /// fail-closed lock may need [`Locks::force_release`](crate::Locks::force_release).
    pub async fn release(self) -> Result<(), Error> {
        self.release_within(RELEASE).await
    }

    /// Gives the lock up, and goes on for at most this long.
    ///
    /// # Errors
    ///
    /// As [`release`](Self::release).
    pub async fn release_within(mut self, time: Duration) -> Result<(), Error> {
        let until = self.handle.lease().after(time);
        let Some(mut driver) = self.heartbeats.stop().await else {
            return Err(self.unknown("its heartbeats failed"));
        };
        if !self.trail.is_ours() {
            // `release_all` has it.
            return Ok(());
        }
        self.trail.release();
        let budget = Budget::until(until);
        match driver
            .run(Event::Release, budget, Some(&mut self.trail))
            .await
        {
            Ok(Exit::Over(outcome)) => {
                self.trail.settle();
                match outcome {
                    Outcome::Released => Ok(()),
                    _ => Err(Error::lost(self.key())),
                }
            }
            Ok(_) => Err(match driver.trouble.take() {
                Some(failure) => self.unknown("no answer came").because(failure),
                None => self.unknown("no time was left"),
            }),
            Err(failure) => Err(driver.table.explain(self.key(), "release", failure)),
        }
    }

    fn unknown(&self, reason: &str) -> Error {
        let (key, fence) = (self.key(), self.fence());
        let then = match self.trail.on_expiry() {
            OnExpiry::TakeOver => "its lease ends".to_owned(),
            OnExpiry::Hold => format!(
                "it does not expire: if it is still held with fencing token {fence}, an operator has to force its \
                 release"
            ),
        };
        let message = format!("cannot tell whether lock `{key}` was released: {reason}; {then}");
        Error::new(Kind::Unknown, message)
    }
}
