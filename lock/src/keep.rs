//! Keeping a lease alive.
//!
//! While a lock is held, one task beats for it. It is stopped and awaited before the release is sent, so
//! nothing of it outlives the call, and no beat can come after the release.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::drive::{Bound, Drive, Stop};
use crate::judge;
use crate::terms::{Ending, Event};
use crate::time::{Clock, Tick};

/// What can be known about a lease while somebody else has the [`Held`](crate::Held).
#[derive(Clone, Debug)]
pub struct Lease {
    state: watch::Receiver<State>,
    clock: Clock,
}

#[derive(Clone, Copy, Debug)]
struct State {
    ends: Tick,
    due: Option<Tick>,
    lost: bool,
}

/// How a lease does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Health {
    /// How long there is still a proof that the lock is ours; zero if it is lost.
    pub left: Duration,
    /// For how long a beat has been due that was not answered; none if all is well.
    pub overdue: Option<Duration>,
}

/// A beat that is not answered after this is overdue.
const ANSWER: Duration = Duration::from_millis(400);

/// The task that beats; it is ended with its handle.
#[derive(Debug)]
pub(crate) struct Keeper {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Drive>,
}

impl Lease {
    /// Whether there is no proof any more that the lock is ours.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let State { ends, lost, .. } = *self.state.borrow();
        lost || self.clock.tick() >= ends
    }

    /// How the lease does.
    #[must_use]
    pub fn health(&self) -> Health {
        let State { ends, due, lost } = *self.state.borrow();
        let tick = self.clock.tick();
        let left = if lost {
            Duration::ZERO
        } else {
            ends.since(tick)
        };
        let late = due.map(|due| tick.since(due + ANSWER));
        Health {
            left,
            overdue: late.filter(|late| !late.is_zero()),
        }
    }

    /// The runtime's time, this much later than now.
    pub(crate) fn after(&self, time: Duration) -> Instant {
        self.clock.after(time)
    }

    /// Waits until the lease is over, be it lost or released.
    pub async fn over(&mut self) {
        let mut state = self.state.clone();
        let mut told = pin!(state.wait_for(|state| state.lost));
        // Whoever was stopped for long sees it by the clock, before the task that beats can tell.
        poll_fn(|cx| match self.is_over() {
            true => Poll::Ready(()),
            // An error means that the task has ended, and the lease with it.
            false => told.as_mut().poll(cx).map(drop),
        })
        .await;
    }
}

impl Keeper {
    pub(crate) fn start(
        drive: Drive,
        ends: Tick,
        period: Option<Duration>,
        ended: impl Future<Output = ()> + Send + 'static,
    ) -> (Self, Lease) {
        let clock = drive.clock.clone();
        let due = due(&drive, ends, period);
        let (tell, state) = watch::channel(State {
            ends,
            due,
            lost: false,
        });
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(keep(drive, tell, period, stopped, ended));
        (
            Self {
                stop: Some(stop),
                task,
            },
            Lease { state, clock },
        )
    }

    /// Stops the beats, and waits until nothing of them is left. None if they failed.
    pub(crate) async fn stop(&mut self) -> Option<Drive> {
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
        let state = *tell.borrow();
        let stopped = tokio::select! {
            biased;
            _ = &mut stop => true,
            () = &mut ended => {
                tell.send_modify(|state| state.lost = true);
                false
            }
            next = beat(&mut drive, state) => {
                tell.send_replace(match next {
                    Some(ends) => State { ends, due: due(&drive, ends, period), lost: false },
                    None => State { lost: true, ..state },
                });
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
async fn beat(drive: &mut Drive, state: State) -> Option<Tick> {
    let end = drive.clock.instant(state.ends);
    let beaten = async {
        let Some(due) = state.due else {
            return pending().await;
        };
        sleep_until(drive.clock.instant(due)).await;
        drive.run(Event::Beat, Bound::until(end), None).await
    };
    tokio::select! {
        biased;
        beaten = beaten => match beaten {
            Ok(Stop::Act(ends)) => Some(ends),
            Ok(Stop::Over(Ending::Lost)) => None,
            _ => pending_until(end).await,
        },
        () = sleep_until(end) => None,
    }
}

async fn pending_until(end: Instant) -> Option<Tick> {
    sleep_until(end).await;
    None
}

/// When the next beat is due; never if the lease lasts as long as the caller.
fn due(drive: &Drive, ends: Tick, period: Option<Duration>) -> Option<Tick> {
    let begun = ends - judge::usable(drive.acquisition.terms().lease);
    period
        .filter(|_| !drive.acquisition.lasts())
        .map(|period| begun + period)
}
