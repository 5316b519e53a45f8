//! Acquiring the lock of an invocation: in memory first, then in the table.

use std::sync::Arc;
use std::time::Duration;

use dynamodb_locks::{AcquireOptions, Completed, Key, Operation};

use crate::answer::failure::LockError;
use crate::deadline::{Deadline, Timer};
use crate::policy::shared::Shared;

use crate::policy::lock::InvocationLock;

/// The lock that an invocation needs.
#[derive(Debug)]
pub(crate) struct Locking {
    pub(crate) key: String,
    /// What is to be done under it, if that is to be done once.
    pub(crate) operation: Option<Operation>,
    pub(crate) deadline: Option<Deadline>,
    pub(crate) wait: Wait,
}

/// Whether the invocation waits for a lock that another one holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wait {
    /// As the settings say.
    AsConfigured,
    /// It does not.
    Never,
}

/// Why an invocation has no lock.
#[derive(Debug)]
pub(crate) enum NoLock {
    /// The event was done before.
    Duplicate(Box<Duplicate>),
    LayerError(LockError),
}

/// An event that was done before.
#[derive(Debug)]
pub(crate) struct Duplicate {
    pub(crate) key: Key,
    pub(crate) completed: Completed,
    /// Whether no request was needed to find that out.
    pub(crate) from_memory: bool,
    pub(crate) waited: Duration,
}

impl From<LockError> for NoLock {
    fn from(failure: LockError) -> Self {
        Self::LayerError(failure)
    }
}

/// Acquires the lock of this name.
pub(crate) async fn acquire(
    shared: Arc<Shared>,
    locking: Locking,
) -> Result<InvocationLock, NoLock> {
    let Locking {
        key,
        operation,
        deadline,
        wait,
    } = locking;
    let key = shared.locks.key(key).map_err(LockError::from)?;
    if deadline.is_some_and(Deadline::is_past) {
        return Err(LockError::too_late().into());
    }
    // The local queue would wait for the lock's own invocation, and so would the table's.
    if let Some(held) = shared.locks.current(&key) {
        return Err(LockError::reentrant(&key, held.fence()).into());
    }
    let acquire_options = wait.cap(shared.acquire_options(deadline));
    let waiting = Timer::start();
    let local_queue = shared
        .local_queues
        .enter(key.as_str(), acquire_options.longest_wait());
    let Some(local_queue) = local_queue.await else {
        let failure = match acquire_options.longest_wait().is_zero() {
            true => LockError::busy_here(&key),
            false => LockError::waited_here(&key),
        };
        return Err(refused(&shared, failure, waiting, &acquire_options).into());
    };
    let whole = acquire_options;
    let rest = acquire_options
        .longest_wait()
        .saturating_sub(waiting.elapsed());
    // If the local wait used up the time, the lock is still tried once, without waiting.
    let acquire_options = wait.cap(shared.acquire_options(deadline)).cap_wait(rest);
    let acquire_options = match operation {
        Some(operation) => acquire_options.operation(operation),
        None => acquire_options,
    };
    let held = shared
        .locks
        .acquire_with(key.as_str(), acquire_options)
        .await;
    let held = held.map_err(|error| match error.completion() {
        Some(completed) => NoLock::Duplicate(Box::new(Duplicate {
            key: key.clone(),
            completed: completed.clone(),
            from_memory: error.is_from_memory(),
            waited: waiting.elapsed(),
        })),
        None if shared.is_ending() => LockError::ended_waiting(&key).into(),
        None => refused(&shared, error.into(), waiting, &whole).into(),
    })?;
    let waited = waiting.elapsed();
    if waited >= A_WAIT {
        let waited_ms = waited.as_millis();
        tracing::info!(%key, fence = held.fence(), waited_ms, "the lock was acquired after a wait");
    }
    let lock = InvocationLock::new(shared, held, deadline, local_queue);
    Ok(lock.acquired(waited, operation.is_some()))
}

impl Wait {
    fn cap(self, options: AcquireOptions) -> AcquireOptions {
        match self {
            Self::AsConfigured => options,
            Self::Never => options.cap_wait(Duration::ZERO),
        }
    }
}

/// An acquisition that takes longer waited for its turn, and not only for DynamoDB.
const A_WAIT: Duration = Duration::from_millis(250);

/// A failed acquisition, with the details that are known here.
fn refused(
    shared: &Shared,
    failure: LockError,
    waiting: Timer,
    acquire_options: &AcquireOptions,
) -> LockError {
    failure
        .after_wait(waiting.elapsed(), shared.wait_ends(acquire_options))
        .typically(shared.typical())
}
