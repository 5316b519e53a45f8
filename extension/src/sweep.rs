//! The sweep: giving back what the journal lists and no living process owns.
//!
//! Everything is given back in parallel and on its own: one lock that cannot be given back keeps
//! none of the others.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dynamodb_locks::{Error, GivenBack, Locks, Note, Settings, Vars};
use tokio::task::{JoinError, JoinSet};

/// How many locks are given back at a time: more would only stand in each other's way.
const AT_ONCE: usize = 64;

/// Sweeps, and goes on for at most this long; tells how many entries were taken out or voided. Whatever
/// goes wrong is logged: a lock that is not given back ends with its lease.
pub(crate) async fn within(time: Duration) -> usize {
    const LEFT: &str = "the journal was not swept; locks of the dead end with their lease";
    let given_back = AtomicUsize::new(0);
    match tokio::time::timeout(time, sweep(time, &given_back)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "{LEFT}"),
        Err(error) => tracing::error!(%error, "{LEFT}"),
    }
    given_back.into_inner()
}

async fn sweep(time: Duration, given_back: &AtomicUsize) -> Result<(), Error> {
    let settings = Settings::for_recovery(&Vars::from_env())?;
    let mut connections = Connections::new(Locks::new(settings.clone())?, settings);
    let mut tasks = JoinSet::new();
    for (path, note) in connections.left_behind() {
        if tasks.len() >= AT_ONCE {
            count(tasks.join_next().await, given_back);
        }
        match connections.to(&note) {
            Ok(locks) => {
                tasks.spawn(async move {
                    let given = locks.give_back(&note, path, time).await;
                    tell(&locks, &note, given)
                });
            }
            Err(error) => _ = tell(&connections.here, &note, Err(error)),
        }
    }
    while let Some(done) = tasks.join_next().await {
        count(Some(done), given_back);
    }
    Ok(())
}

fn count(done: Option<Result<bool, JoinError>>, given_back: &AtomicUsize) {
    if matches!(done, Some(Ok(true))) {
        given_back.fetch_add(1, Ordering::Relaxed);
    }
}

/// One connection for each region that a note names; made when it is needed, because those of
/// before a freeze are dead.
struct Connections {
    here: Locks,
    settings: Settings,
    elsewhere: HashMap<String, Locks>,
}

impl Connections {
    fn new(here: Locks, settings: Settings) -> Self {
        Self {
            here,
            settings,
            elsewhere: HashMap::new(),
        }
    }

    fn left_behind(&self) -> Vec<(PathBuf, Note)> {
        let Some(journal) = self.here.journal() else {
            return Vec::new();
        };
        let found = journal.read().unwrap_or_else(|error| {
            tracing::error!(%error, "the journal's folder cannot be listed");
            Vec::new()
        });
        let readable = |found: dynamodb_locks::Found| match found.note {
            Ok(note) => Some((found.path, note)),
            Err(error) => {
                let note = found.path.display();
                tracing::error!(
                    %note, %error, "a note cannot be read; delete it, its lock ends with its lease"
                );
                None
            }
        };
        found.into_iter().filter_map(readable).collect()
    }

    fn to(&mut self, note: &Note) -> Result<Locks, Error> {
        let Some(region) = note.region() else {
            return Ok(self.here.clone());
        };
        if !self.elsewhere.contains_key(region) {
            let locks = Locks::new(self.settings.clone().region(region))?;
            self.elsewhere.insert(region.to_owned(), locks);
        }
        Ok(self.elsewhere[region].clone())
    }
}

/// Logs what became of an entry; tells whether it was given back by this.
fn tell(locks: &Locks, note: &Note, given: Result<GivenBack, Error>) -> bool {
    // What cannot be a key is no secret.
    let key = locks
        .key(note.key())
        .map_or_else(|error| error.to_string(), |key| key.to_string());
    let fence = note.fence();
    let given_back = matches!(given, Ok(GivenBack::Abandoned | GivenBack::Voided));
    match given {
        Ok(GivenBack::Abandoned) => {
            tracing::info!(key, fence, how = "abandoned", "entry given back")
        }
        Ok(GivenBack::Voided) => tracing::info!(key, fence, how = "voided", "entry given back"),
        Ok(GivenBack::Kept) => tracing::warn!(
            key,
            fence,
            how = "kept",
            "its lock is fail-closed: only a person gives it back"
        ),
        Ok(GivenBack::Gone) => tracing::info!(key, fence, how = "gone", "entry given back"),
        Err(error) => tracing::error!(key, fence, %error, "entry not given back"),
    }
    given_back
}
