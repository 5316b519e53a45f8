//! A lock that is held, and how it is given up.
//!
//! While it is held, one task beats for it; that task is stopped and awaited before the release is
//! sent, so nothing of it outlives the call.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

use crate::drive::{Bound, Drive, Stop};
use crate::error::{Error, Kind};
use crate::judge;
use crate::key::Key;
use crate::terms::{Ending, Event};
use crate::time::{Clock, Tick};
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
    key: Key,
    fence: u64,
    lease: Lease,
    keeper: Keeper,
    trail: Trail,
}

/// What can be known about a lease while somebody else has the [`Held`].
#[derive(Clone, Debug)]
pub struct Lease {
    state: watch::Receiver<State>,
    clock: Clock,
}

#[derive(Clone, Copy, Debug)]
struct State {
    ends: Tick,
    lost: bool,
}

/// The task that beats; it is ended with its handle.
#[derive(Debug)]
struct Keeper {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Drive>,
}

/// How long a release may take.
const RELEASE: Duration = Duration::from_secs(3);

impl Held {
    pub(crate) fn new(drive: Drive, trail: Trail, ends: Tick, period: Option<Duration>) -> Self {
        let (key, clock) = (drive.key.clone(), drive.clock.clone());
        let fence = drive.acquisition.stamp().0;
        let (tell, state) = watch::channel(State { ends, lost: false });
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(keep(drive, tell, period, stopped, trail.ended()));
        let keeper = Keeper {
            stop: Some(stop),
            task,
        };
        Self {
            key,
            fence,
            lease: Lease { state, clock },
            keeper,
            trail,
        }
    }

    /// The lock's name.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The fencing token: larger than that of everybody who held this lock before. Whoever stores
    /// what a holder does can refuse a smaller fence than the largest it has seen.
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.fence
    }

    /// The lease, to be watched from elsewhere.
    #[must_use]
    pub fn lease(&self) -> Lease {
        self.lease.clone()
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
        let until = self.lease.clock.after(time);
        let Some(mut drive) = self.keeper.stop().await else {
            return Err(unknown(&self.key, "its beats failed"));
        };
        if !self.trail.is_ours() {
            // `release_all` has it.
            return Ok(());
        }
        let bound = Bound::until(until);
        match drive
            .run(Event::Release, bound, Some(&mut self.trail))
            .await
        {
            Ok(Stop::Over(ending)) => {
                self.trail.settle();
                match ending {
                    Ending::Released => Ok(()),
                    _ => Err(Error::lost(&self.key)),
                }
            }
            Ok(_) => Err(match drive.trouble.take() {
                Some(failure) => unknown(&self.key, "no answer came").because(failure),
                None => unknown(&self.key, "no time was left"),
            }),
            Err(failure) => Err(drive.table.explain(&self.key, "release", failure)),
        }
    }
}

fn unknown(key: &Key, why: &str) -> Error {
    let message = format!("cannot tell whether lock `{key}` was released: {why}; its lease ends");
    Error::new(Kind::Unknown, message)
}

impl Lease {
    /// Whether there is no proof any more that the lock is ours.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let State { ends, lost } = *self.state.borrow();
        lost || self.clock.tick() >= ends
    }

    /// Waits until the lease is over, be it lost or released.
    pub async fn over(&mut self) {
        // An error means that the task has ended, and the lease with it.
        let _ = self.state.wait_for(|state| state.lost).await;
    }
}

impl Keeper {
    async fn stop(&mut self) -> Option<Drive> {
        let _ = self.stop.take().map(|stop| stop.send(()));
        (&mut self.task).await.ok()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Beats until it is told to stop, or until the lease is lost; then only waits for the word.
async fn keep(
    mut drive: Drive,
    tell: watch::Sender<State>,
    period: Option<Duration>,
    mut stop: oneshot::Receiver<()>,
    ended: impl Future<Output = ()>,
) -> Drive {
    let mut ended = pin!(ended);
    while !tell.borrow().lost {
        let ends = tell.borrow().ends;
        let stopped = tokio::select! {
            biased;
            _ = &mut stop => true,
            () = &mut ended => {
                tell.send_modify(|state| state.lost = true);
                false
            }
            next = beat(&mut drive, ends, period) => {
                let lost = next.is_none();
                tell.send_replace(State { ends: next.unwrap_or(ends), lost });
                false
            }
        };
        if stopped {
            return drive;
        }
    }
    tracing::warn!(key = %drive.key, fence = drive.acquisition.stamp().0, "the lease is lost");
    let _ = stop.await;
    drive
}

/// Waits for the next beat and gives it; tells the new end of the lease, or none if it is lost.
async fn beat(drive: &mut Drive, ends: Tick, period: Option<Duration>) -> Option<Tick> {
    let end = drive.clock.instant(ends);
    let beaten = async {
        let Some(due) = period.and_then(|period| due(drive, ends, period)) else {
            return pending().await;
        };
        sleep_until(drive.clock.instant(due)).await;
        drive.run(Event::Beat, Bound::until(end), None).await
    };
    tokio::select! {
        beaten = beaten => match beaten {
            Ok(Stop::Act(ends)) => Some(ends),
            Ok(Stop::Over(Ending::Lost)) => None,
            _ => pending_until(end).await,
        },
        () = sleep_until(end) => None,
    }
}

async fn pending_until(end: tokio::time::Instant) -> Option<Tick> {
    sleep_until(end).await;
    None
}

/// When the next beat is due; never if the lease lasts as long as the caller.
fn due(drive: &Drive, ends: Tick, period: Duration) -> Option<Tick> {
    let terms = drive.acquisition.terms();
    let outlasts = terms.deadline.is_some_and(|deadline| deadline <= ends);
    (!outlasts).then(|| ends - judge::usable(terms.lease) + period)
}
