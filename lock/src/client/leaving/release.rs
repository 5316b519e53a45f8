//! Releasing entries that have no owner any more.
//!
//! Such an entry may not have been the holder's, so it is withdrawn, and not released.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout_at;

use crate::client::driving::driver::{Budget, Driver, Exit};
use crate::client::memory::registry::{OwnerState, TrackedEntry};
use crate::client::memory::trail::Trail;
use crate::client::shared::Shared;
use crate::error::{Error, Kind};
use crate::key::Key;
use crate::protocol::Acquisition;
use crate::protocol::messages::{Event, Outcome, RecoveryOutcome, Terms};

/// How long an acquisition waits for the release of other keys' orphans.
const ORPHANS: Duration = Duration::from_millis(500);

/// An entry that could not be released is not retried for this long: if one row cannot be written,
/// users of other keys need not wait for it each time.
const REST: Duration = Duration::from_secs(10);

/// Releases what dropped futures and guards of this client have left; always under this key, where
/// it would be in our own way.
pub(crate) async fn orphans(shared: &Shared, key: &Key, budget: Budget) {
    let budget = Budget::until(budget.send.min(shared.clock.after(ORPHANS)));
    some(
        shared,
        |tracked| tracked.key.as_str() == key.as_str(),
        budget,
    )
    .await;
}

/// Releases what was just dropped.
pub(crate) async fn dropped(shared: &Shared, budget: Budget) {
    some(shared, |_| false, budget).await;
}

/// Releases the wanted orphans, and those whose last failure is long enough ago.
async fn some(shared: &Shared, wanted: impl Fn(&TrackedEntry) -> bool, budget: Budget) {
    let tick = shared.clock.tick();
    let rests =
        |tracked: &TrackedEntry| tracked.tried.is_some_and(|tried| tick.since(tried) < REST);
    let orphans = shared
        .registry
        .take_orphans(&|tracked| wanted(tracked) || !rests(tracked));
    let tried = orphans.into_iter().map(|tracked| TrackedEntry {
        tried: Some(tick),
        ..tracked
    });
    for (key, error) in all(shared, tried.collect(), budget).await {
        tracing::warn!(%key, %error, "a dropped lock could not be released yet");
    }
}

/// Releases everything that was dropped, and leaves nothing to the client's tasks.
pub(crate) async fn all_dropped(shared: &Shared, budget: Budget) -> Vec<(Key, Error)> {
    shared.registry.stop_tasks().await;
    let orphans = shared.registry.take_orphans(&|_| true);
    let tick = shared.clock.tick();
    let tried = orphans.into_iter().map(|tracked| TrackedEntry {
        tried: Some(tick),
        ..tracked
    });
    all(shared, tried.collect(), budget).await
}

/// Releases many entries, in parallel and independently; an entry that cannot be released now
/// becomes an orphan.
pub(crate) async fn all(
    shared: &Shared,
    tracked: Vec<TrackedEntry>,
    budget: Budget,
) -> Vec<(Key, Error)> {
    // Adopted before anything is awaited: an entry that is dropped half-way is an orphan again.
    let adopted = tracked
        .into_iter()
        .map(|tracked| (adopt(shared, &tracked), tracked));
    let given = adopted.map(|(trail, tracked)| async move {
        let key = tracked.key.clone();
        let given = give(shared, tracked, trail, budget).await;
        given.map_err(|error| (key, error))
    });
    let given = together(given.map(Box::pin), usize::MAX).await;
    given.into_iter().filter_map(Result::err).collect()
}

/// Waits for all futures, a bounded number at a time. They are polled in place: nothing is spawned,
/// so nothing outlives this call.
pub(crate) async fn together<F: Future + Unpin>(
    mut waiting: impl Iterator<Item = F>,
    at_once: usize,
) -> Vec<F::Output> {
    let mut futures: Vec<F> = waiting.by_ref().take(at_once).collect();
    let mut done = Vec::with_capacity(futures.len());
    poll_fn(|cx| {
        while !futures.is_empty() {
            futures.retain_mut(|future| match Pin::new(future).poll(cx) {
                Poll::Ready(output) => {
                    done.push(output);
                    false
                }
                Poll::Pending => true,
            });
            let free = at_once - futures.len();
            let before = futures.len();
            futures.extend(waiting.by_ref().take(free));
            // New futures are polled as well.
            if futures.len() == before && before > 0 {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    })
    .await;
    done
}

/// Releases everything. Returns what could not be released in time.
pub(crate) async fn everything(shared: &Shared, budget: Budget) -> Vec<(Key, Error)> {
    shared.registry.stop_tasks().await;
    let (taken, stopping) = shared.registry.end_all();
    let stopped = async {
        let mut working = Vec::new();
        for work in stopping {
            if timeout_at(budget.send, work.stopped()).await.is_err() {
                let key = work.key;
                let message = format!("the work under lock `{key}` has not stopped yet");
                working.push((key, Error::new(Kind::Unknown, message)));
            }
        }
        working
    };
    let (mut failed, working) = tokio::join!(all(shared, taken, budget), stopped);
    failed.extend(working);
    // Acquisitions that were about to enter, or were dropped meanwhile, have left their entries
    // here; or with a task of the client, which a drop has started since.
    shared.registry.stop_tasks().await;
    for (key, error) in all(shared, shared.registry.take_orphans(&|_| true), budget).await {
        if failed.iter().all(|(reported, _)| *reported != key) {
            failed.push((key, error));
        }
    }
    failed
}

/// Releases one entry.
pub(crate) async fn one(
    shared: &Shared,
    tracked: TrackedEntry,
    budget: Budget,
) -> Result<RecoveryOutcome, Error> {
    let trail = adopt(shared, &tracked);
    give(shared, tracked, trail, budget).await
}

fn adopt(shared: &Shared, tracked: &TrackedEntry) -> Trail {
    let mut trail = shared.trail(&tracked.key, &tracked.table);
    trail.adopt(tracked.clone());
    trail
}

async fn give(
    shared: &Shared,
    tracked: TrackedEntry,
    mut trail: Trail,
    budget: Budget,
) -> Result<RecoveryOutcome, Error> {
    let TrackedEntry {
        table,
        key,
        entry,
        on_expiry,
        owner_state,
        clock,
        completions,
        ..
    } = tracked;
    let Some(ticket) = entry.ticket() else {
        return Err(Error::new(
            Kind::Configuration,
            format!("entry `{entry}` cannot be read"),
        ));
    };
    let terms = shared.terms(Duration::ZERO, Some(shared.clock.tick()))?;
    let terms = Terms { on_expiry, ..terms };
    // Our own lock is known to be the holder's.
    let (event, begun) = match owner_state {
        OwnerState::Acquiring => (Event::GiveUp, false),
        OwnerState::Holding => (Event::Release, true),
        OwnerState::Dead => (Event::GiveUp, true),
    };
    let mut acquisition = Acquisition::left_behind(terms, entry, ticket, begun);
    let released = match completions.is_empty() {
        false => RecoveryOutcome::Completed,
        true => RecoveryOutcome::Withdrawn,
    };
    for (operation, completion) in completions {
        acquisition.complete(operation, completion);
    }
    let mut driver = Driver::new(shared, table, key, acquisition);
    // A release dates the successor's turn, and its first copy has no answer to learn the time from.
    driver.clock = clock.unwrap_or(driver.clock);
    match driver.run(event, budget, Some(&mut trail)).await {
        Ok(Exit::Over(outcome)) => {
            trail.settle();
            Ok(match outcome {
                Outcome::Recovered(how) => how,
                Outcome::Released => released,
                _ => RecoveryOutcome::Gone,
            })
        }
        Ok(_) => match driver.trouble.take() {
            Some(failure) => Err(driver.table.explain(&driver.key, "release", failure)),
            None => Err(out_of_time()),
        },
        Err(failure) => Err(driver.table.explain(&driver.key, "release", failure)),
    }
}

pub(crate) fn out_of_time() -> Error {
    Error::new(Kind::Unknown, "the time to release the lock ran out")
}
