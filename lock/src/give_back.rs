//! Giving back entries that nobody looks after any more.
//!
//! Whoever does it cannot be sure that the entry was the holder, so it abandons, and never
//! releases.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout_at;

use crate::drive::{Bound, Drive, Stop};
use crate::error::{Error, Kind};
use crate::key::Key;
use crate::live::{Left, Stage};
use crate::protocol::Acquisition;
use crate::shared::Shared;
use crate::terms::{Ending, Event, GivenBack, Terms};
use crate::trail::Trail;

/// How long whoever asks for a lock waits for the orphans of others to be given back.
const ORPHANS: Duration = Duration::from_millis(500);

/// What could not be given back is left alone for this long: where one row cannot be written, the
/// users of all others need not wait for it each time.
const REST: Duration = Duration::from_secs(10);

/// Gives back what dropped futures and guards of this client have left; under this key, where it
/// would stand in our own way, in any case.
pub(crate) async fn orphans(shared: &Shared, key: &Key, bound: Bound) {
    let bound = Bound::until(bound.send.min(shared.clock.after(ORPHANS)));
    some(shared, |left| left.key.as_str() == key.as_str(), bound).await;
}

/// Gives back what was just dropped.
pub(crate) async fn dropped(shared: &Shared, bound: Bound) {
    some(shared, |_| false, bound).await;
}

/// Gives back those orphans that are wanted in any case, and those that do not rest.
async fn some(shared: &Shared, wanted: impl Fn(&Left) -> bool, bound: Bound) {
    let tick = shared.clock.tick();
    let rests = |left: &Left| left.tried.is_some_and(|tried| tick.since(tried) < REST);
    let orphans = shared
        .live
        .take_orphans(|left| wanted(left) || !rests(left));
    let tried = orphans.into_iter().map(|left| Left {
        tried: Some(tick),
        ..left
    });
    for (key, error) in all(shared, tried.collect(), bound).await {
        tracing::warn!(%key, %error, "a dropped lock could not be given back yet");
    }
}

/// Gives back many entries, in parallel and each on its own; what cannot be given back now becomes an
/// orphan.
pub(crate) async fn all(shared: &Shared, left: Vec<Left>, bound: Bound) -> Vec<(Key, Error)> {
    // Adopted before anything is awaited: whatever is dropped half-way is an orphan again.
    let adopted = left.into_iter().map(|left| (adopt(shared, &left), left));
    let given = adopted.map(|(trail, left)| async move {
        let key = left.key.clone();
        let given = give(shared, left, trail, bound).await;
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
pub(crate) async fn everything(shared: &Shared, bound: Bound) -> Vec<(Key, Error)> {
    shared.live.stop_tasks().await;
    let (taken, stopping) = shared.live.end_all();
    let stopped = async {
        let mut working = Vec::new();
        for (id, key) in stopping {
            if timeout_at(bound.send, shared.live.settled(id))
                .await
                .is_err()
            {
                let message = format!("the work under lock `{key}` has not stopped yet");
                working.push((key, Error::new(Kind::Unknown, message)));
            }
        }
        working
    };
    let (mut failed, working) = tokio::join!(all(shared, taken, bound), stopped);
    failed.extend(working);
    // Whoever was about to enter, or was dropped meanwhile, has left its entry here.
    for (key, error) in all(shared, shared.live.take_orphans(|_| true), bound).await {
        if failed.iter().all(|(reported, _)| *reported != key) {
            failed.push((key, error));
        }
    }
    failed
}

/// Gives one entry back.
pub(crate) async fn one(shared: &Shared, left: Left, bound: Bound) -> Result<GivenBack, Error> {
    let trail = adopt(shared, &left);
    give(shared, left, trail, bound).await
}

fn adopt(shared: &Shared, left: &Left) -> Trail {
    let mut trail = shared.trail(&left.key, &left.table);
    trail.adopt(left.clone());
    trail
}

async fn give(
    shared: &Shared,
    left: Left,
    mut trail: Trail,
    bound: Bound,
) -> Result<GivenBack, Error> {
    let Left {
        table,
        key,
        entry,
        fail,
        stage,
        clock,
        completion,
        ..
    } = left;
    let Some(stamp) = entry.stamp() else {
        return Err(Error::new(
            Kind::Configuration,
            format!("entry `{entry}` cannot be read"),
        ));
    };
    let terms = shared.terms(Duration::ZERO, Some(shared.clock.tick()))?;
    let terms = Terms { fail, ..terms };
    // Of what we hold ourselves we know that it is the holder's.
    let (event, begun) = match stage {
        Stage::Asking => (Event::GiveUp, false),
        Stage::Holding => (Event::Release, true),
        Stage::Gone => (Event::GiveUp, true),
    };
    let mut acquisition = Acquisition::left_behind(terms, entry, stamp, begun);
    let released = match completion {
        Some(completion) => {
            acquisition.complete(completion);
            GivenBack::Completed
        }
        None => GivenBack::Abandoned,
    };
    let mut drive = Drive::new(shared, table, key, acquisition);
    // A release dates the successor's turn, and its first copy has no answer to learn the time from.
    drive.clock = clock.unwrap_or(drive.clock);
    match drive.run(event, bound, Some(&mut trail)).await {
        Ok(Stop::Over(ending)) => {
            trail.settle();
            Ok(match ending {
                Ending::GivenBack(how) => how,
                Ending::Released => released,
                _ => GivenBack::Gone,
            })
        }
        Ok(_) => match drive.trouble.take() {
            Some(failure) => Err(drive.table.explain(&drive.key, "give back", failure)),
            None => Err(out_of_time()),
        },
        Err(failure) => Err(drive.table.explain(&drive.key, "give back", failure)),
    }
}

pub(crate) fn out_of_time() -> Error {
    Error::new(Kind::Unknown, "the time to give the lock back is over")
}
