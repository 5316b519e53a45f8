//! Giving back entries that nobody looks after any more.
//!
//! Whoever does it cannot be sure that the entry was the holder, so it abandons, and never
//! releases.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::drive::{Bound, Drive, Stop};
use crate::error::{Error, Kind};
use crate::key::Key;
use crate::live::Left;
use crate::protocol::Acquisition;
use crate::shared::Shared;
use crate::terms::{Ending, Event, GivenBack, Terms};

/// Gives back what dropped futures and guards of this client have left.
pub(crate) async fn orphans(shared: &Arc<Shared>, bound: Bound) {
    for (key, error) in all(shared, shared.live.take_orphans(), bound).await {
        tracing::warn!(%key, %error, "a dropped lock could not be given back yet");
    }
}

/// Gives back many entries, in parallel and each on its own; what cannot be given back now becomes an
/// orphan.
pub(crate) async fn all(shared: &Arc<Shared>, left: Vec<Left>, bound: Bound) -> Vec<(Key, Error)> {
    let mut tasks = JoinSet::new();
    for left in left {
        let shared = Arc::clone(shared);
        tasks.spawn(async move {
            let key = left.key.clone();
            one(&shared, left, bound)
                .await
                .map_err(|error| (key, error))
        });
    }
    tasks
        .join_all()
        .await
        .into_iter()
        .filter_map(Result::err)
        .collect()
}

/// Gives one entry back.
pub(crate) async fn one(shared: &Shared, left: Left, bound: Bound) -> Result<GivenBack, Error> {
    // Of what we hold ourselves we know that it is the holder's.
    let event = if left.held {
        Event::Release
    } else {
        Event::GiveUp
    };
    let Left {
        table,
        key,
        entry,
        fail,
        ..
    } = left.clone();
    let Some(stamp) = entry.stamp() else {
        return Err(Error::new(
            Kind::Configuration,
            format!("entry `{entry}` cannot be read"),
        ));
    };
    let mut trail = shared.trail(&key, &table);
    trail.adopt(left);
    let terms = shared.terms(Duration::ZERO, Some(shared.clock.tick()))?;
    let terms = Terms { fail, ..terms };
    let acquisition = Acquisition::left_behind(terms, entry, stamp);
    let mut drive = Drive::new(shared, table, key, acquisition);
    match drive.run(event, bound, Some(&mut trail)).await {
        Ok(Stop::Over(ending)) => {
            trail.settle();
            Ok(match ending {
                Ending::GivenBack(how) => how,
                Ending::Released => GivenBack::Abandoned,
                _ => GivenBack::Gone,
            })
        }
        Ok(_) => match drive.trouble.take() {
            Some(failure) => Err(drive.table.explain(&drive.key, "give back", failure)),
            None => Err(Error::new(
                Kind::Unknown,
                "the time to give the lock back is over",
            )),
        },
        Err(failure) => Err(drive.table.explain(&drive.key, "give back", failure)),
    }
}
