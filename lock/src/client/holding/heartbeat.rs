//! The heartbeats that keep a lease alive.
//!
//! While a lock is held, one task renews its lease. The task is stopped and awaited before the
//! release is sent, so nothing of it outlives the call, and no heartbeat can follow the release.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

use crate::client::driving::driver::{Budget, Driver, Exit};
use crate::client::memory::lease::{Lease, LeaseControl, LeaseState};
use crate::protocol::liveness;
use crate::protocol::messages::{Event, Outcome};
use crate::protocol::time::{Clock, Mark, MonotonicInstant};

/// The task that sends the heartbeats; dropping the handle ends it.
#[derive(Debug)]
pub(crate) struct HeartbeatTask {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Driver>,
    lease: LeaseControl,
}

impl HeartbeatTask {
    pub(crate) fn start(
        driver: Driver,
        ends: MonotonicInstant,
        since: Mark,
        period: Option<Duration>,
        ended: impl Future<Output = ()> + Send + 'static,
    ) -> (Self, Lease) {
        let due = due(&driver, ends, period);
        let (control, lease) = LeaseControl::new(ends, since, due, driver.clock.clone());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(run(driver, control.clone(), period, stopped, ended));
        let task = Self {
            stop: Some(stop),
            task,
            lease: control,
        };
        (task, lease)
    }

    /// Controls the lease that the heartbeats renew.
    pub(crate) fn lease(&self) -> &LeaseControl {
        &self.lease
    }

    /// Ends the lease, stops the heartbeats and waits for the task's end. `None` if the task
    /// failed.
    pub(crate) async fn stop(&mut self) -> Option<Driver> {
        let _ = self.stop.take().map(|stop| stop.send(()));
        self.lease.end();
        (&mut self.task).await.ok()
    }
}

impl Drop for HeartbeatTask {
    fn drop(&mut self) {
        self.lease.end();
        self.task.abort();
    }
}

/// Sends heartbeats until it is stopped or the lease is lost; after that it only waits to be
/// stopped.
async fn run(
    mut driver: Driver,
    lease: LeaseControl,
    period: Option<Duration>,
    mut stop: oneshot::Receiver<()>,
    ended: impl Future<Output = ()>,
) -> Driver {
    let mut ended = pin!(ended);
    while !lease.state().ended {
        let stopped = tokio::select! {
            biased;
            _ = &mut stop => true,
            () = &mut ended => {
                lease.end();
                false
            }
            next = heartbeat(&mut driver, lease.state()) => {
                match next {
                    Some((ends, since)) => lease.prolong(ends, since, due(&driver, ends, period)),
                    None => lease.end(),
                }
                false
            }
        };
        if stopped {
            return driver;
        }
    }
    // The owner knows of a lease that it ended itself; one that ended here is lost.
    if stop
        .try_recv()
        .is_err_and(|error| error == oneshot::error::TryRecvError::Empty)
    {
        tracing::warn!(key = %driver.key, fence = driver.acquisition.ticket().0, "the lease is lost");
        let _ = stop.await;
    }
    driver
}

/// Waits for the next heartbeat and sends it; returns the new end of the lease and the time of its
/// proof, or `None` if the lease is lost.
async fn heartbeat(driver: &mut Driver, state: LeaseState) -> Option<(MonotonicInstant, Mark)> {
    let clock = driver.clock.clone();
    let end = clock.instant(state.ends);
    let beaten = async {
        let Some(due) = state.due else {
            return pending().await;
        };
        sleep_until(driver.clock.instant(due)).await;
        let beaten = driver.run(Event::Heartbeat, Budget::until(end), None).await;
        beaten.map(|stop| (stop, driver.sent))
    };
    tokio::select! {
        biased;
        beaten = beaten => match beaten {
            Ok((Exit::Act(ends), since)) => Some((ends, since)),
            Ok((Exit::Over(Outcome::Lost), _)) => None,
            _ => {
                run_out(state, &clock).await;
                None
            }
        },
        () = run_out(state, &clock) => None,
    }
}

/// How often a lease is checked against the clocks that run on while the machine is suspended.
const CHECK: Duration = Duration::from_millis(500);

/// Waits for the end of a lease, by whichever clock comes first.
async fn run_out(state: LeaseState, clock: &Clock) {
    loop {
        let left = state.remaining(clock);
        if left.is_zero() {
            return;
        }
        sleep_until(clock.after(left.min(CHECK))).await;
    }
}

/// When the next heartbeat is due; never if the lease lasts until the caller's deadline.
fn due(
    driver: &Driver,
    ends: MonotonicInstant,
    period: Option<Duration>,
) -> Option<MonotonicInstant> {
    let begun = ends - liveness::safe_lease(driver.acquisition.terms().lease);
    period
        .filter(|_| !driver.acquisition.until_deadline())
        .map(|period| begun + period)
}
