//! Giving back entries that nobody looks after any more.
//!
//! Whoever does it cannot be sure that the entry was the holder, so it abandons, and never
//! releases.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::drive::{Bound, Drive, Stop};
use crate::entry::Entry;
use crate::error::{Error, Kind};
use crate::key::Key;
use crate::protocol::Acquisition;
use crate::shared::Shared;
use crate::table::Table;
use crate::terms::{Ending, Event, GivenBack};

/// Gives back what dropped futures and guards of this client have left; what cannot be given back
/// now stays an orphan.
pub(crate) async fn orphans(shared: &Arc<Shared>, bound: Bound) {
    let orphans = shared.orphans.take();
    if orphans.is_empty() {
        return;
    }
    let mut tasks = JoinSet::new();
    for orphan in orphans {
        let shared = Arc::clone(shared);
        tasks.spawn(async move {
            let table = shared.table().await.clone();
            let key = orphan.key.clone();
            let given = entry(&shared, table, orphan.key, orphan.entry, orphan.note, bound).await;
            if let Err(error) = given {
                tracing::warn!(%key, %error, "a dropped lock could not be given back yet");
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}

/// Gives one entry back.
pub(crate) async fn entry(
    shared: &Shared,
    table: Table,
    key: Key,
    entry: Entry,
    note: Option<PathBuf>,
    bound: Bound,
) -> Result<GivenBack, Error> {
    let Some(stamp) = entry.stamp() else {
        return Err(Error::new(
            Kind::Configuration,
            format!("entry `{entry}` cannot be read"),
        ));
    };
    let mut trail = shared.trail(&key, &table);
    trail.adopt(entry.clone(), note);
    let terms = shared.terms(Duration::ZERO, Some(shared.clock.tick()))?;
    let acquisition = Acquisition::left_behind(terms, entry, stamp);
    let mut drive = Drive::new(shared, table, key, acquisition);
    match drive.run(Event::GiveUp, bound, Some(&mut trail)).await {
        Ok(Stop::Over(ending)) => {
            trail.settle();
            Ok(match ending {
                Ending::GivenBack(how) => how,
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
