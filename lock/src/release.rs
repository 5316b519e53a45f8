//! Giving back entries that nobody looks after any more.
//!
//! Whoever does it cannot be sure that the entry was the holder, so it withdraws, and never
//! releases.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout_at;

use crate::driver::{Budget, Driver, Exit};
use crate::error::{Error, Kind};
use crate::key::Key;
use crate::messages::{Event, Outcome, RecoveryOutcome, Terms};
use crate::protocol::Acquisition;
use crate::registry::{OwnerState, TrackedEntry};
use crate::shared::Shared;
use crate::trail::Trail;

/// How long whoever asks for a lock waits for the orphans of others to be given back.
const ORPHANS: Duration = Duration::from_millis(500);

/// What could not be given back is left alone for this long: where one row cannot be written, the
/// users of all others need not wait for it each time.
const REST: Duration = Duration::from_secs(10);

/// Gives back what dropped futures and guards of this client have left; under this key, where it
/// would stand in our own way, in any case.
pub(crate) async fn orphans(shared: &Shared, key: &Key, budget: Budget) {
    let budget = Budget::until(budget.send.min(shared.clock.after(ORPHANS)));
    some(
        shared,
        |tracked| tracked.key.as_str() == key.as_str(),
        budget,
    )
    .await;
}

/// Gives back what was just dropped.
pub(crate) async fn dropped(shared: &Shared, budget: Budget) {
    some(shared, |_| false, budget).await;
}

/// Gives back those orphans that are wanted in any case, and those that do not rest.
async fn some(shared: &Shared, wanted: impl Fn(&TrackedEntry) -> bool, budget: Budget) {
    let tick = shared.clock.tick();
    let rests =
        |tracked: &TrackedEntry| tracked.tried.is_some_and(|tried| tick.since(tried) < REST);
    let orphans = shared
        .registry
        .take_orphans(|tracked| wanted(tracked) || !rests(tracked));
    let tried = orphans.into_iter().map(|tracked| TrackedEntry {
        tried: Some(tick),
        ..tracked
    });
    for (key, error) in all(shared, tried.collect(), budget).await {
        tracing::warn!(%key, %error, "a dropped lock could not be given back yet");
    }
}

/// Gives back many entries, in parallel and each on its own; what cannot be given back now becomes an
/// orphan.
pub(crate) async fn all(
    shared: &Shared,
    tracked: Vec<TrackedEntry>,
    budget: Budget,
) -> Vec<(Key, Error)> {
    // Adopted before anything is awaited: whatever is dropped half-way is an orphan again.
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

/// Waits for all of them, so many at a time. They are polled in place: nothing is spawned, so nothing
/// outlives this call.
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
            // Those that have just come are polled as well.
            if futures.len() == before && before > 0 {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    })
    .await;
    done
}

/// Gives up everything. Tells what could not be given back in time.
pub(crate) async fn everything(shared: &Shared, budget: Budget) -> Vec<(Key, Error)> {
    shared.registry.stop_tasks().await;
    let (taken, stopping) = shared.registry.end_all();
    let stopped = async {
        let mut working = Vec::new();
        for (id, key) in stopping {
            if timeout_at(budget.send, shared.registry.settled(id))
                .await
                .is_err()
            {
                let message = format!("the work under lock `{key}` has not stopped yet");
                working.push((key, Error::new(Kind::Unknown, message)));
            }
        }
        working
    };
    let (mut failed, working) = tokio::join!(all(shared, taken, budget), stopped);
    failed.extend(working);
    // Whoever was about to enter, or was dropped meanwhile, has left its entry here.
    for (key, error) in all(shared, shared.registry.take_orphans(|_| true), budget).await {
        if failed.iter().all(|(reported, _)| *reported != key) {
            failed.push((key, error));
        }
    }
    failed
}

/// Gives one entry back.
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
    // Of what we hold ourselves we know that it is the holder's.
    let (event, begun) = match owner_state {
        OwnerState::Acquiring => (Event::GiveUp, false),
        OwnerState::Holding => (Event::Release, true),
        OwnerState::Dead => (Event::GiveUp, true),
    };
    let acquisition = Acquisition::left_behind(terms, entry, ticket, begun);
    let mut driver = Driver::new(shared, table, key, acquisition);
    // A release dates the successor's turn, and its first copy has no answer to learn the time from.
    driver.clock = clock.unwrap_or(driver.clock);
    match driver.run(event, budget, Some(&mut trail)).await {
        Ok(Exit::Over(outcome)) => {
            trail.settle();
            Ok(match outcome {
                Outcome::Recovered(how) => how,
                Outcome::Released => RecoveryOutcome::Withdrawn,
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
    Error::new(Kind::Unknown, "the time to give the lock back is over")
}
