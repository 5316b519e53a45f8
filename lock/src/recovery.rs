//! Recovery: giving back what the journal lists and no living process owns.
//!
//! Everything is given back in parallel and on its own: one lock that cannot be given back keeps
//! none of the others.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::timeout_at;

use crate::drive::Bound;
use crate::error::{Error, Kind};
use crate::give_back;
use crate::journal::{Found, Note};
use crate::key::Key;
use crate::live::{Left, Stage};
use crate::settings::Settings;
use crate::shared::Shared;
use crate::table::{Connection, Table};
use crate::terms::GivenBack;

/// What became of the entries that dead processes have left; see
/// [`Locks::recover_orphans`](crate::Locks::recover_orphans).
#[derive(Debug, Default)]
pub struct Recovery(Vec<Recovered>);

/// What became of one of them.
#[derive(Debug)]
#[non_exhaustive]
pub struct Recovered {
    /// The note, or the folder of the notes where that could not be listed.
    pub note: PathBuf,
    /// The lock's name, if the note tells it.
    pub key: Option<Key>,
    /// The number that orders the entry, and fences what its owner did.
    pub fence: Option<u64>,
    /// Whether the entry was given back. After an error the note stays, if it can be read, for the next
    /// recovery.
    pub outcome: Result<GivenBack, Error>,
}

/// How many entries are given back at a time: more would only stand in each other's way.
const AT_ONCE: usize = 64;

impl Recovery {
    /// One for each note that a dead process has left, in the order of the notes' names.
    pub fn entries(&self) -> impl Iterator<Item = &Recovered> {
        self.0.iter()
    }

    /// How many entries this recovery itself took out of their queues, or kept from entering.
    #[must_use]
    pub fn given_back(&self) -> usize {
        let given_back = |entry: &&Recovered| {
            matches!(
                entry.outcome,
                Ok(GivenBack::Abandoned | GivenBack::Voided | GivenBack::Completed)
            )
        };
        self.entries().filter(given_back).count()
    }

    /// How many could not be given back, so that only the end of their lease, another recovery or, of
    /// fail-closed locks, a person gives them back.
    #[must_use]
    pub fn left(&self) -> usize {
        let left = |entry: &&Recovered| matches!(entry.outcome, Err(_) | Ok(GivenBack::Kept));
        self.entries().filter(left).count()
    }
}

pub(crate) async fn orphans(shared: &Shared, bound: Bound) -> Recovery {
    let Some(journal) = &shared.journal else {
        return Recovery::default();
    };
    let mut found = match journal.read() {
        Ok(found) => found,
        Err(error) => return Recovery(vec![unlisted(journal.dir(), error)]),
    };
    // A folder lists its files in any order.
    found.sort_by(|one, other| one.path.cmp(&other.path));
    let elsewhere = elsewhere(&found);
    let recovered = found
        .into_iter()
        .map(|found| Box::pin(recovered(shared, &elsewhere, found, bound)));
    let mut entries = give_back::together(recovered, AT_ONCE).await;
    entries.sort_by(|one, other| one.note.cmp(&other.note));
    Recovery(entries)
}

/// One connection for each region that a note names; made when it is needed.
fn elsewhere(found: &[Found]) -> BTreeMap<String, Connection> {
    let notes = found.iter().filter_map(|found| found.note.as_ref().ok());
    let regions = notes.filter_map(|note| note.region().map(ToOwned::to_owned));
    regions
        .map(|region| (region.clone(), Connection::to(Some(region))))
        .collect()
}

fn unlisted(folder: PathBuf, error: io::Error) -> Recovered {
    let message = format!("the journal's folder cannot be listed: {error}");
    Recovered {
        note: folder,
        key: None,
        fence: None,
        outcome: Err(Error::new(Kind::Configuration, message).because(error)),
    }
}

async fn recovered(
    shared: &Shared,
    elsewhere: &BTreeMap<String, Connection>,
    Found { path, note }: Found,
    bound: Bound,
) -> Recovered {
    let note = match note {
        Ok(note) => note,
        Err(error) => {
            let message = format!("the note cannot be read: {error}; delete it");
            let error = Error::new(Kind::Configuration, message).because(error);
            return Recovered {
                note: path,
                key: None,
                fence: None,
                outcome: Err(error),
            };
        }
    };
    let key = shared.key(note.key()).ok();
    let fence = note.fence();
    let outcome = match timeout_at(bound.send, table(shared, elsewhere, &note)).await {
        Ok(table) => one(shared, table, &note, path.clone(), bound).await,
        Err(_) => Err(give_back::out_of_time()),
    };
    Recovered {
        note: path,
        key,
        fence,
        outcome,
    }
}

async fn table(shared: &Shared, elsewhere: &BTreeMap<String, Connection>, note: &Note) -> Table {
    let here = shared.table().await;
    let region = note
        .region()
        .filter(|region| here.region().as_deref() != Some(region));
    match region.and_then(|region| elsewhere.get(region)) {
        Some(connection) => connection.table(here.place().clone()).await,
        None => here,
    }
}

/// Gives back one entry that a note names, over the connection of this table.
pub(crate) async fn one(
    shared: &Shared,
    table: Table,
    note: &Note,
    path: PathBuf,
    bound: Bound,
) -> Result<GivenBack, Error> {
    // A TTL in the column of the queue would end everybody's entries.
    let place = note.place.clone();
    let columns = Settings {
        place,
        ..shared.settings.clone()
    };
    columns.check()?;
    let left = Left {
        table: table.at(note.place.clone()),
        key: shared.key(note.key())?,
        entry: note.entry(),
        note: Some(path),
        fail: note.fail,
        stage: Stage::Gone,
        clock: None,
        tried: None,
        completion: note.completion(),
    };
    give_back::one(shared, left, bound).await
}

/// How long recovery may take where nothing else bounds it.
pub(crate) fn bound(shared: &Shared, budget: Duration) -> Bound {
    Bound::until(shared.clock.after(budget))
}
