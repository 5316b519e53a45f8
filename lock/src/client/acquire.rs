//! Acquiring a lock, and leaving the queue if it was not acquired.

use std::sync::Arc;
use std::time::Duration;

use crate::client::driving::driver::{Budget, Driver, Exit};
use crate::client::driving::once;
use crate::client::holding::guard::LockGuard;
use crate::client::holding::handle;
use crate::client::leaving::cleanup::Cleanup;
use crate::client::leaving::release;
use crate::client::memory::trail::Trail;
use crate::client::shared::Shared;
use crate::error::{Error, Kind};
use crate::idempotency::Operation;
use crate::key::Key;
use crate::protocol::Acquisition;
use crate::protocol::messages::{Event, Outcome, Terms};
use crate::protocol::time::{FAR, MonotonicInstant};

/// Options of one acquisition: how long to wait, how often to poll, and the caller's deadline.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct AcquireOptions {
    pub(crate) wait: Duration,
    pub(crate) max_polls: Option<u32>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) operation: Option<Operation>,
}

impl AcquireOptions {
    /// Waits up to `wait` for its turn; zero tries once and does not wait.
    pub fn wait(wait: Duration) -> Self {
        Self {
            wait,
            max_polls: None,
            deadline: None,
            operation: None,
        }
    }

    /// Polls the row at most this many times while waiting. Default: as often as the wait allows.
    pub fn max_polls(self, polls: u32) -> Self {
        Self {
            max_polls: Some(polls),
            ..self
        }
    }

    /// Waits no longer than this, whatever [`wait`](Self::wait) or the settings allow.
    pub fn cap_wait(self, wait: Duration) -> Self {
        Self {
            wait: self.wait.min(wait),
            ..self
        }
    }

    /// The longest wait.
    #[must_use]
    pub fn longest_wait(&self) -> Duration {
        self.wait
    }

    /// Does an operation under the lock that is to be done once: if it is done already, the acquisition fails with an
    /// error that [`is_completed`](Error::is_completed). While another run of it holds the lock this one waits.
    /// [`LockGuard::complete`](LockGuard::complete) says that it is done. Default: none.
    pub fn operation(self, operation: Operation) -> Self {
        let operation = Some(operation);
        Self { operation, ..self }
    }

    /// The caller's deadline, from now: the lock is not waited for beyond it, and its lease ends with it at the latest. Its
    /// release may come later. Default: none.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self {
            deadline: Some(deadline.min(FAR)),
            ..self
        }
    }
}

/// A request gets this long, however short the wait is.
const FIRST_ANSWER: Duration = Duration::from_secs(1);

/// Time kept before the deadline to report that the lock was not acquired.
const LAST_WORD: Duration = Duration::from_millis(300);

/// How long leaving the queue may take.
const LEAVING: Duration = Duration::from_secs(1);

pub(crate) async fn acquire(
    shared: &Arc<Shared>,
    key: Key,
    options: AcquireOptions,
) -> Result<LockGuard, Error> {
    if let Some(guard) = handle::current_for(&shared.layout, &key) {
        return Err(Error::reentrant(&key, guard.fence()));
    }
    if let Some(operation) = &options.operation {
        once::known(shared, &key, operation)?;
    }
    let ended = shared.registry.ended();
    tokio::select! {
        biased;
        () = ended => Err(Error::given_up(&key)),
        // It may have ended before the lock's own task began to listen.
        taken = take(shared, key.clone(), options) => match taken {
            Ok(guard) if !guard.is_ours() => Err(Error::given_up(&key)),
            taken => taken,
        },
    }
}

async fn take(shared: &Arc<Shared>, key: Key, options: AcquireOptions) -> Result<LockGuard, Error> {
    let started = shared.clock.tick();
    let deadline = options.deadline.map(|deadline| started + deadline);
    let terms = Terms {
        operation: options.operation.map(|operation| operation.terms()),
        ..shared.terms(options.wait, deadline)?
    };
    // Stop waiting early enough to leave the queue and report the error.
    let word = options.deadline.map(|left| (left / 10).min(LAST_WORD));
    let before = |words: u32| Some(deadline? - word? * words);
    let at = |tick: MonotonicInstant, end: Option<MonotonicInstant>| {
        let end = end.map_or(tick, |end| end.min(tick));
        shared.clock.instant(end)
    };
    let budget = Budget {
        wait: at(started + options.wait, before(2)),
        send: at(started + options.wait.max(FIRST_ANSWER), before(2)),
    };
    let table = shared.table().await;
    release::orphans(shared, &key, budget).await;

    // Dropped after the trail, whose entry it releases.
    let cleanup = Cleanup::new(shared);
    let mut trail = shared.trail(&key, &table);
    let acquisition = Acquisition::new(terms).having_watched(shared.observations.of(&key));
    let acquisition = match shared.settings.attributes.is_empty() {
        true => acquisition,
        false => acquisition.attributed(),
    };
    let mut driver = Driver::new(shared, table, key, acquisition);
    driver.polls_left = options.max_polls;
    match driver.run(Event::Begin, budget, Some(&mut trail)).await {
        Ok(Exit::Act(ends)) => {
            let period = shared.settings.effective_heartbeat_period();
            let operation = options.operation;
            Ok(LockGuard::new(
                driver, trail, cleanup, ends, period, operation,
            ))
        }
        Ok(Exit::Over(outcome)) => {
            trail.settle();
            Err(match (&outcome, options.operation) {
                (Outcome::Refused(refusal), Some(operation)) => {
                    once::refused(shared, &driver, refusal, operation, budget).await
                }
                _ => ended(&driver, &outcome),
            })
        }
        // This copy was refused; only an earlier one can have left something behind.
        Err(failure) if !driver.acquisition.leaves_a_trace() => {
            trail.settle();
            Err(driver.table.explain(&driver.key, "acquire", failure))
        }
        stopped => {
            // The wait is over, but there is time to leave the queue.
            driver.trouble = stopped.err().or(driver.trouble);
            let until = at(shared.clock.tick() + LEAVING, before(1));
            Err(get_out(driver, trail, Budget::until(until)).await)
        }
    }
}

/// Leaves the queue after a failed acquisition, and returns the reason.
async fn get_out(mut driver: Driver, mut trail: Trail, budget: Budget) -> Error {
    let trouble = driver.trouble.take();
    // It may have to read its place in the queue before it leaves.
    driver.polls_left = None;
    let left = driver.run(Event::GiveUp, budget, Some(&mut trail)).await;
    if matches!(left, Ok(Exit::Over(_))) {
        trail.settle();
    }
    let failure = trouble
        .or(driver.trouble.take())
        .or_else(|| left.as_ref().err().cloned());
    match (failure, left) {
        (Some(failure), _) => driver.table.explain(&driver.key, "acquire", failure),
        (None, Ok(Exit::Over(outcome))) => ended(&driver, &outcome),
        (None, _) => {
            let message = format!(
                "lock `{}` was not acquired in time, and leaving its queue failed",
                driver.key
            );
            Error::new(Kind::Unavailable, message)
        }
    }
}

fn ended(driver: &Driver, outcome: &Outcome) -> Error {
    match outcome {
        Outcome::Refused(refusal) => {
            Error::refused(&driver.key, refusal, driver.clock.moment().now)
        }
        _ => Error::lost(&driver.key),
    }
}
