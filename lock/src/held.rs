//! A lock that is held, and how it is given up.

use std::time::Duration;

use crate::drive::{Bound, Drive, Stop};
use crate::error::{Error, Kind};
use crate::holding::Holding;
use crate::keep::{Health, Keeper, Lease};
use crate::key::Key;
use crate::terms::{Ending, Event};
use crate::time::Tick;
use crate::trail::Trail;

/// A lock that is held until it is released, or until its lease is lost.
///
/// Dropping it without a release does no I/O: the entry becomes an orphan, which the next call on
/// its client gives back, and whose lease ends by itself.
///
/// Not `Clone`: two handles could both believe that they released.
#[derive(Debug)]
#[must_use = "a lock that is dropped is only given back by the next call, or when its lease ends"]
pub struct Held {
    holding: Holding,
    keeper: Keeper,
    trail: Trail,
}

/// How long a release may take.
const RELEASE: Duration = Duration::from_secs(3);

impl Held {
    pub(crate) fn new(drive: Drive, trail: Trail, ends: Tick, period: Option<Duration>) -> Self {
        let (key, fence) = (drive.key.clone(), drive.acquisition.stamp().0);
        let (place, tally) = (drive.table.place().clone(), drive.tally.clone());
        let (keeper, lease) = Keeper::start(drive, ends, period, trail.ended());
        let holding = Holding::new(place, key, fence, lease, tally);
        Self {
            holding,
            keeper,
            trail,
        }
    }

    /// The lock's name.
    #[must_use]
    pub fn key(&self) -> &Key {
        self.holding.key()
    }

    /// The fencing token; see [`Holding::fence`].
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.holding.fence()
    }

    /// The lease, to be watched from elsewhere.
    #[must_use]
    pub fn lease(&self) -> Lease {
        self.holding.lease()
    }

    /// Waits until the lease is lost.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// # async fn work() {}
    /// let held = locks.acquire("order/42").await?;
    /// tokio::select! {
    ///     () = work() => println!("done"),
    ///     () = held.lost() => println!("somebody else may work on it now"),
    /// }
    /// held.release().await?;
    /// # Ok(()) });
    /// ```
    pub async fn lost(&self) {
        self.lease().over().await;
    }

    /// How the lease does: it tells before it is lost when beats fail.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// let held = locks.acquire("order/42").await?;
    /// let health = held.health();
    /// assert!(!health.left.is_zero());
    /// assert_eq!(health.overdue, None);
    /// held.release().await?;
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn health(&self) -> Health {
        self.holding.lease().health()
    }

    /// What the work may know of the lock; it can be passed on, the lock cannot.
    #[must_use]
    pub fn holding(&self) -> Holding {
        self.holding.clone()
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
    /// [`is_unknown`](Error::is_unknown) when no answer came in time; the lease ends by itself
    /// then.
    pub async fn release(self) -> Result<(), Error> {
        self.release_within(RELEASE).await
    }

    /// Gives the lock up, and goes on for at most this long.
    ///
    /// # Errors
    ///
    /// As [`release`](Self::release).
    pub async fn release_within(mut self, time: Duration) -> Result<(), Error> {
        let until = self.holding.lease().after(time);
        let Some(mut drive) = self.keeper.stop().await else {
            return Err(unknown(self.key(), "its beats failed"));
        };
        if !self.trail.is_ours() {
            // `release_all` has it.
            return Ok(());
        }
        self.trail.release();
        let bound = Bound::until(until);
        match drive
            .run(Event::Release, bound, Some(&mut self.trail))
            .await
        {
            Ok(Stop::Over(ending)) => {
                self.trail.settle();
                match ending {
                    Ending::Released => Ok(()),
                    _ => Err(Error::lost(self.key())),
                }
            }
            Ok(_) => Err(match drive.trouble.take() {
                Some(failure) => unknown(self.key(), "no answer came").because(failure),
                None => unknown(self.key(), "no time was left"),
            }),
            Err(failure) => Err(drive.table.explain(self.key(), "release", failure)),
        }
    }
}

fn unknown(key: &Key, why: &str) -> Error {
    let message = format!("cannot tell whether lock `{key}` was released: {why}; its lease ends");
    Error::new(Kind::Unknown, message)
}
