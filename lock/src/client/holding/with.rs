//! A lock for the length of a closure.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::Poll;

use crate::client::holding::guard::{LockGuard, RELEASE};
use crate::client::holding::handle::LockHandle;
use crate::error::Error;

type WorkOutcome<T> = Result<T, Box<dyn Any + Send>>;

/// Runs the work until it is done or the lease is lost; then drops it, and releases the lock.
pub(crate) async fn with<F, W, T>(guard: LockGuard, work: F) -> Result<T, Error>
where
    F: FnOnce(LockHandle) -> W,
    W: Future<Output = T>,
{
    let outcome = worked(&guard, work).await;
    release(guard, outcome).await
}

/// As [`with`], for an operation that is to be done once: it is done if the work returns `Ok`, with the response that is
/// made of that, unless the work has said otherwise.
pub(crate) async fn once<F, W, T, E>(
    guard: LockGuard,
    work: F,
    response: impl FnOnce(&T) -> Option<String>,
) -> Result<Result<T, E>, Error>
where
    F: FnOnce(LockHandle) -> W,
    W: Future<Output = Result<T, E>>,
{
    let result = match worked(&guard, work).await {
        Some(Ok(result)) => result,
        stopped => return release(guard, stopped).await,
    };
    let (key, done) = (guard.key().clone(), guard.handle().done());
    let ended = match done.unwrap_or(result.is_ok()) {
        true => {
            guard
                .complete(result.as_ref().ok().and_then(response))
                .await
        }
        false => guard.release().await,
    };
    // What the work has done stands, whatever becomes of this.
    if let Err(error) = ended {
        tracing::error!(%key, %error, "the operation may be done again: what became of it was not recorded");
    }
    Ok(result)
}

/// Runs the work until it is done or the lease is lost.
async fn worked<F, W, T>(guard: &LockGuard, work: F) -> Option<WorkOutcome<T>>
where
    F: FnOnce(LockHandle) -> W,
    W: Future<Output = T>,
{
    guard.stops_with_its_lease();
    let handle = guard.handle();
    let mut lease = guard.lease();
    tokio::select! {
        biased;
        () = lease.expired() => None,
        outcome = caught(handle.clone(), async move { work(handle).await }) => Some(outcome),
    }
}

/// Works on a thread that may block; the heartbeats go on beside it. Work that blocks cannot be cancelled: if the
/// caller's future is dropped, the lock is released when the work has returned.
pub(crate) async fn with_blocking<F, T>(guard: LockGuard, work: F) -> Result<T, Error>
where
    F: FnOnce(LockHandle) -> T + Send + 'static,
    T: Send + 'static,
{
    guard.stops_with_its_lease();
    let handle = guard.handle();
    let key = guard.key().clone();
    let released = tokio::spawn(async move {
        let worked = tokio::task::spawn_blocking(move || work(handle)).await;
        // Work that blocks is never cancelled, so what failed has panicked.
        release(guard, Some(worked.map_err(|failed| failed.into_panic()))).await
    });
    released
        .await
        .unwrap_or_else(|failed| match failed.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => Err(Error::given_up(&key)),
        })
}

async fn caught<T>(handle: LockHandle, work: impl Future<Output = T>) -> WorkOutcome<T> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| handle.scope(|| work.as_mut().poll(cx))));
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}

/// The work's result stands, whether or not the release succeeds.
async fn release<T>(guard: LockGuard, outcome: Option<WorkOutcome<T>>) -> Result<T, Error> {
    let key = guard.key().clone();
    if let Err(error) = guard.release_interrupted(RELEASE).await
        && outcome.is_some()
    {
        tracing::error!(%key, %error, "the lock was not released");
    }
    match outcome {
        Some(Ok(value)) => Ok(value),
        Some(Err(panic)) => resume_unwind(panic),
        None => Err(Error::lost(&key)),
    }
}
