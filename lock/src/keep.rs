//! Keeping a lease alive.
//!
//! While a lock is held, one task beats for it. It is stopped and awaited before the release is sent, so
//! nothing of it outlives the call, and no beat can come after the release.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

use crate::drive::{Bound, Drive, Stop};
use crate::judge;
use crate::lease::{Lease, LeaseControl, LeaseState};
use crate::terms::{Ending, Event};
use crate::time::{Clock, Mark, Tick};

/// The task that beats; it is ended with its handle.
#[derive(Debug)]
pub(crate) struct Keeper {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Drive>,
    lease: LeaseControl,
}

impl Keeper {
    pub(crate) fn start(
        drive: Drive,
        ends: Tick,
        since: Mark,
        period: Option<Duration>,
        ended: impl Future<Output = ()> + Send + 'static,
    ) -> (Self, Lease) {
        let due = due(&drive, ends, period);
        let (control, lease) = LeaseControl::new(ends, since, due, drive.clock.clone());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(keep(drive, control.clone(), period, stopped, ended));
        let keeper = Self {
            stop: Some(stop),
            task,
            lease: control,
        };
        (keeper, lease)
    }

    /// What ends the lease that the beats keep alive.
    pub(crate) fn lease(&self) -> &LeaseControl {
        &self.lease
    }

    /// Ends the lease and stops the beats, and waits until nothing of them is left. None if they failed.
    pub(crate) async fn stop(&mut self) -> Option<Drive> {
        let _ = self.stop.take().map(|stop| stop.send(()));
        self.lease.end();
        (&mut self.task).await.ok()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.lease.end();
        self.task.abort();
    }
}

/// Beats until it is told to stop, or until the lease is lost; then only waits for the word.
async fn keep(
    mut drive: Drive,
    lease: LeaseControl,
    period: Option<Duration>,
    mut stop: oneshot::Receiver<()>,
    ended: impl Future<Output = ()>,
) -> Drive {
    let mut ended = pin!(ended);
    while !lease.state().ended {
        let stopped = tokio::select! {
            biased;
            _ = &mut stop => true,
            () = &mut ended => {
                lease.end();
                false
            }
            next = beat(&mut drive, lease.state()) => {
                match next {
                    Some((ends, since)) => lease.prolong(ends, since, due(&drive, ends, period)),
                    None => lease.end(),
                }
                false
            }
        };
        if stopped {
            return drive;
        }
    }
    // A lease that was ended from outside is no news; one that ended here is lost.
    if stop
        .try_recv()
        .is_err_and(|error| error == oneshot::error::TryRecvError::Empty)
    {
        tracing::warn!(key = %drive.key, fence = drive.acquisition.stamp().0, "the lease is lost");
        let _ = stop.await;
    }
    drive
}

/// Waits for the next beat and gives it; tells the new end of the lease and since when it is proven, or none if the lease is
/// lost.
async fn beat(drive: &mut Drive, state: LeaseState) -> Option<(Tick, Mark)> {
    let clock = drive.clock.clone();
    let end = clock.instant(state.ends);
    let beaten = async {
        let Some(due) = state.due else {
            return pending().await;
        };
        sleep_until(drive.clock.instant(due)).await;
        let beaten = drive.run(Event::Beat, Bound::until(end), None).await;
        beaten.map(|stop| (stop, drive.sent))
    };
    tokio::select! {
        biased;
        beaten = beaten => match beaten {
            Ok((Stop::Act(ends), since)) => Some((ends, since)),
            Ok((Stop::Over(Ending::Lost), _)) => None,
            _ => {
                run_out(state, &clock).await;
                None
            }
        },
        () = run_out(state, &clock) => None,
    }
}

/// How often a lease is held against the clocks that run on while the machine is suspended.
const CHECK: Duration = Duration::from_millis(500);

/// Waits for the end of a lease, by whichever clock comes first.
async fn run_out(state: LeaseState, clock: &Clock) {
    loop {
        let left = state.left(clock);
        if left.is_zero() {
            return;
        }
        sleep_until(clock.after(left.min(CHECK))).await;
    }
}

/// When the next beat is due; never if the lease lasts as long as the caller.
fn due(drive: &Drive, ends: Tick, period: Option<Duration>) -> Option<Tick> {
    let begun = ends - judge::usable(drive.acquisition.terms().lease);
    period
        .filter(|_| !drive.acquisition.lasts())
        .map(|period| begun + period)
}
