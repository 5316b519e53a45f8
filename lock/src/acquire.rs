//! Taking a lock, and getting out again when it is not to be had.

use std::sync::Arc;
use std::time::Duration;

use crate::cleanup::Cleanup;
use crate::drive::{Bound, Drive, Stop};
use crate::error::{Error, Kind};
use crate::give_back;
use crate::held::Held;
use crate::holding;
use crate::idempotency::Operation;
use crate::key::Key;
use crate::once;
use crate::protocol::Acquisition;
use crate::shared::Shared;
use crate::terms::{Ending, Event, Terms};
use crate::time::{FAR, Tick};
use crate::trail::Trail;

/// How far one acquisition may go.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Limits {
    pub(crate) wait: Duration,
    pub(crate) looks: Option<u32>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) operation: Option<Operation>,
}

impl Limits {
    /// Waits at most this long for its turn; zero asks once and does not wait.
    pub fn wait(wait: Duration) -> Self {
        Self {
            wait,
            looks: None,
            deadline: None,
            operation: None,
        }
    }

    /// Looks at most this often whether its turn has come. Default: as often as the wait allows.
    pub fn looks(self, looks: u32) -> Self {
        Self {
            looks: Some(looks),
            ..self
        }
    }

    /// Waits no longer than this.
    pub fn at_most(self, wait: Duration) -> Self {
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

    /// Does an operation under the lock that is to be done once: if it is done already, the acquisition fails with an
    /// error that [`is_completed`](Error::is_completed). While another run of it holds the lock this one waits.
    /// [`LockGuard::complete`](Held::complete) says that it is done. Default: none.
    pub fn operation(self, operation: Operation) -> Self {
        let operation = Some(operation);
        Self { operation, ..self }
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

pub(crate) async fn acquire(shared: &Arc<Shared>, key: Key, limits: Limits) -> Result<Held, Error> {
    if let Some(held) = holding::held_here(&shared.place, &key) {
        return Err(Error::held_here(&key, held.fence()));
    }
    if let Some(operation) = &limits.operation {
        once::known(shared, &key, operation)?;
    }
    let ended = shared.live.ended();
    tokio::select! {
        biased;
        () = ended => Err(Error::given_up(&key)),
        // It may have ended before the lock's own task began to listen.
        taken = take(shared, key.clone(), limits) => match taken {
            Ok(held) if !held.is_ours() => Err(Error::given_up(&key)),
            taken => taken,
        },
    }
}

async fn take(shared: &Arc<Shared>, key: Key, limits: Limits) -> Result<Held, Error> {
    let started = shared.clock.tick();
    let deadline = limits.deadline.map(|deadline| started + deadline);
    let terms = Terms {
        operation: limits.operation.map(|operation| operation.terms()),
        ..shared.terms(limits.wait, deadline)?
    };
    // Whoever waits until the deadline itself has no time left to leave the queue, and none to say so.
    let word = limits.deadline.map(|left| (left / 10).min(LAST_WORD));
    let before = |words: u32| Some(deadline? - word? * words);
    let at = |tick: Tick, end: Option<Tick>| {
        let end = end.map_or(tick, |end| end.min(tick));
        shared.clock.instant(end)
    };
    let bound = Bound {
        wait: at(started + limits.wait, before(2)),
        send: at(started + limits.wait.max(FIRST_ANSWER), before(2)),
    };
    let table = shared.table().await;
    give_back::orphans(shared, &key, bound).await;

    // Dropped after the trail, whose entry it releases.
    let cleanup = Cleanup::new(shared);
    let mut trail = shared.trail(&key, &table);
    let acquisition = Acquisition::new(terms).having_watched(shared.observations.of(&key));
    let acquisition = match shared.settings.attributes.is_empty() {
        true => acquisition,
        false => acquisition.attributed(),
    };
    let mut drive = Drive::new(shared, table, key, acquisition);
    drive.looks_left = limits.looks;
    match drive.run(Event::Begin, bound, Some(&mut trail)).await {
        Ok(Stop::Act(ends)) => {
            let period = shared.settings.beats();
            Ok(Held::new(drive, trail, cleanup, ends, period).for_operation(limits.operation))
        }
        Ok(Stop::Over(ending)) => {
            trail.settle();
            Err(match (&ending, limits.operation) {
                (Ending::Refused(refusal), Some(operation)) => {
                    once::refused(shared, &drive, refusal, operation, bound).await
                }
                _ => ended(&drive, &ending),
            })
        }
        // This copy was turned away; only an earlier one can have left something behind.
        Err(failure) if !drive.acquisition.leaves_a_trace() => {
            trail.settle();
            Err(drive.table.explain(&drive.key, "take", failure))
        }
        stopped => {
            // Who may not go on waiting may still leave.
            drive.trouble = stopped.err().or(drive.trouble);
            let until = at(shared.clock.tick() + LEAVING, before(1));
            Err(get_out(drive, trail, Bound::until(until)).await)
        }
    }
}

/// There is no lock to be had: leaves the queue, and tells why.
async fn get_out(mut drive: Drive, mut trail: Trail, bound: Bound) -> Error {
    let trouble = drive.trouble.take();
    // It may have to look where it stands before it leaves.
    drive.looks_left = None;
    let left = drive.run(Event::GiveUp, bound, Some(&mut trail)).await;
    if matches!(left, Ok(Stop::Over(_))) {
        trail.settle();
    }
    let failure = trouble
        .or(drive.trouble.take())
        .or_else(|| left.as_ref().err().cloned());
    match (failure, left) {
        (Some(failure), _) => drive.table.explain(&drive.key, "take", failure),
        (None, Ok(Stop::Over(ending))) => ended(&drive, &ending),
        (None, _) => {
            let message = format!("lock `{}` was not taken in time, nor given up", drive.key);
            Error::new(Kind::Unavailable, message)
        }
    }
}

fn ended(drive: &Drive, ending: &Ending) -> Error {
    match ending {
        Ending::Refused(refusal) => Error::refused(&drive.key, refusal, drive.clock.moment().now),
        _ => Error::lost(&drive.key),
    }
}
