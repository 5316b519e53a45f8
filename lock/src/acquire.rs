//! Taking a lock, and getting out again when it is not to be had.

use std::sync::Arc;
use std::time::Duration;

use crate::cleanup::Cleanup;
use crate::driver::{Budget, Driver, Exit};
use crate::error::{Error, Kind};
use crate::guard::LockGuard;
use crate::handle;
use crate::key::Key;
use crate::messages::{Event, Outcome};
use crate::protocol::Acquisition;
use crate::release;
use crate::shared::Shared;
use crate::time::{FAR, MonotonicInstant};
use crate::trail::Trail;

/// How far one acquisition may go.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct AcquireOptions {
    pub(crate) wait: Duration,
    pub(crate) max_polls: Option<u32>,
    pub(crate) deadline: Option<Duration>,
}

impl AcquireOptions {
    /// Waits at most this long for its turn; zero asks once and does not wait.
    pub fn wait(wait: Duration) -> Self {
        Self {
            wait,
            max_polls: None,
            deadline: None,
        }
    }

    /// Looks at most this often whether its turn has come. Default: as often as the wait allows.
    pub fn max_polls(self, polls: u32) -> Self {
        Self {
            max_polls: Some(polls),
            ..self
        }
    }

    /// Waits no longer than this.
    pub fn cap_wait(self, wait: Duration) -> Self {
        Self {
            wait: self.wait.min(wait),
            ..self
        }
    }

    /// How long it waits at most.
    #[must_use]
    pub fn longest_wait(&self) -> Duration {
        self.wait
    }

    /// The caller ends this long from now, whatever happens: nothing is held or waited for beyond.
    /// Default: it goes on for ever.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self {
            deadline: Some(deadline.min(FAR)),
            ..self
        }
    }
}

/// However short the wait is, a request gets this long.
const FIRST_ANSWER: Duration = Duration::from_secs(1);

/// What is left before the deadline for whoever has got no lock.
const LAST_WORD: Duration = Duration::from_millis(300);

/// How long getting out of the queue may take.
const LEAVING: Duration = Duration::from_secs(1);

pub(crate) async fn acquire(
    shared: &Arc<Shared>,
    key: Key,
    options: AcquireOptions,
) -> Result<LockGuard, Error> {
    if let Some(guard) = handle::current_for(&shared.layout, &key) {
        return Err(Error::reentrant(&key, guard.fence()));
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
    let terms = shared.terms(options.wait, deadline)?;
    // Whoever waits until the deadline itself has no time left to leave the queue, and none to say so.
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
            Ok(LockGuard::new(driver, trail, cleanup, ends, period))
        }
        Ok(Exit::Over(outcome)) => {
            trail.settle();
            Err(ended(&driver, &outcome))
        }
        // This copy was turned away; only an earlier one can have left something behind.
        Err(failure) if !driver.acquisition.leaves_a_trace() => {
            trail.settle();
            Err(driver.table.explain(&driver.key, "acquire", failure))
        }
        stopped => {
            // Who may not go on waiting may still leave.
            driver.trouble = stopped.err().or(driver.trouble);
            let until = at(shared.clock.tick() + LEAVING, before(1));
            Err(get_out(driver, trail, Budget::until(until)).await)
        }
    }
}

/// There is no lock to be had: leaves the queue, and tells why.
async fn get_out(mut driver: Driver, mut trail: Trail, budget: Budget) -> Error {
    let trouble = driver.trouble.take();
    // It may have to look where it stands before it leaves.
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
            let message = format!("lock `{}` was not taken in time, nor given up", driver.key);
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
