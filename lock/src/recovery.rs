//! Recovery of the entries that the journal lists and no living process owns.
//!
//! Entries are recovered in parallel and independently: one that fails stops none of the others.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::timeout_at;

use crate::driver::Budget;
use crate::error::{Error, Kind};
use crate::journal::{Intent, ReadIntent};
use crate::key::Key;
use crate::messages::RecoveryOutcome;
use crate::registry::{OwnerState, TrackedEntry};
use crate::release;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::table::{Connection, Table};

/// The results of a recovery; see [`Locks::recover_orphans`](crate::Locks::recover_orphans).
#[derive(Debug, Default)]
pub struct Recovery(Vec<Recovered>);

/// The result for one entry.
#[derive(Debug)]
#[non_exhaustive]
pub struct Recovered {
    /// The record's file, or the folder if it could not be listed.
    pub intent: PathBuf,
    /// The lock's key, if the record could be read.
    pub key: Option<Key>,
    /// The entry's ticket, which is its fencing token.
    pub fence: Option<u64>,
    /// Whether the entry was recovered. After an error the record stays, if it can be read, for the
    /// next recovery.
    pub outcome: Result<RecoveryOutcome, Error>,
}

/// How many entries are recovered at a time: more would only contend with each other.
const AT_ONCE: usize = 64;

impl Recovery {
    /// The results, in the order of the records' names.
    pub fn entries(&self) -> impl Iterator<Item = &Recovered> {
        self.0.iter()
    }

    /// How many entries this recovery removed from their queues, or kept from entering.
    #[must_use]
    pub fn recovered(&self) -> usize {
        let recovered = |entry: &&Recovered| {
            matches!(
                entry.outcome,
                Ok(RecoveryOutcome::Withdrawn
                    | RecoveryOutcome::Invalidated
                    | RecoveryOutcome::Completed)
            )
        };
        self.entries().filter(recovered).count()
    }

    /// How many entries remain: they end with their lease, by another recovery or, for fail-closed
    /// locks, by an operator.
    #[must_use]
    pub fn remaining(&self) -> usize {
        let remaining =
            |entry: &&Recovered| matches!(entry.outcome, Err(_) | Ok(RecoveryOutcome::Pinned));
        self.entries().filter(remaining).count()
    }
}

pub(crate) async fn orphans(shared: &Shared, budget: Budget) -> Recovery {
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
        .map(|found| Box::pin(recovered(shared, &elsewhere, found, budget)));
    let mut entries = release::together(recovered, AT_ONCE).await;
    entries.sort_by(|one, other| one.intent.cmp(&other.intent));
    Recovery(entries)
}

/// One connection for each region that a record names; made when it is needed.
fn elsewhere(found: &[ReadIntent]) -> BTreeMap<String, Connection> {
    let intents = found.iter().filter_map(|found| found.intent.as_ref().ok());
    let regions = intents.filter_map(|intent| intent.region().map(ToOwned::to_owned));
    regions
        .map(|region| (region.clone(), Connection::to(Some(region))))
        .collect()
}

fn unlisted(folder: PathBuf, error: io::Error) -> Recovered {
    let message = format!("the journal's folder cannot be listed: {error}");
    Recovered {
        intent: folder,
        key: None,
        fence: None,
        outcome: Err(Error::new(Kind::Configuration, message).because(error)),
    }
}

async fn recovered(
    shared: &Shared,
    elsewhere: &BTreeMap<String, Connection>,
    ReadIntent { path, intent }: ReadIntent,
    budget: Budget,
) -> Recovered {
    let intent = match intent {
        Ok(intent) => intent,
        Err(error) => {
            let message = format!("the record cannot be read: {error}; delete it");
            let error = Error::new(Kind::Configuration, message).because(error);
            return Recovered {
                intent: path,
                key: None,
                fence: None,
                outcome: Err(error),
            };
        }
    };
    let key = shared.key(intent.key()).ok();
    let fence = intent.fence();
    let outcome = match timeout_at(budget.send, table(shared, elsewhere, &intent)).await {
        Ok(table) => one(shared, table, &intent, path.clone(), budget).await,
        Err(_) => Err(release::out_of_time()),
    };
    Recovered {
        intent: path,
        key,
        fence,
        outcome,
    }
}

async fn table(
    shared: &Shared,
    elsewhere: &BTreeMap<String, Connection>,
    intent: &Intent,
) -> Table {
    let here = shared.table().await;
    let region = intent
        .region()
        .filter(|region| here.region().as_deref() != Some(region));
    match region.and_then(|region| elsewhere.get(region)) {
        Some(connection) => connection.table(here.layout().clone()).await,
        None => here,
    }
}

/// Recovers one entry that a record names, over the connection of this table.
pub(crate) async fn one(
    shared: &Shared,
    table: Table,
    intent: &Intent,
    path: PathBuf,
    budget: Budget,
) -> Result<RecoveryOutcome, Error> {
    // A TTL in the queue's column would delete all entries.
    let layout = intent.layout.clone();
    let columns = Settings {
        layout,
        ..shared.settings.clone()
    };
    columns.check()?;
    let tracked = TrackedEntry {
        table: table.at(intent.layout.clone()),
        key: shared.key(intent.key())?,
        entry: intent.entry(),
        intent: Some(path),
        on_expiry: intent.on_expiry,
        owner_state: OwnerState::Dead,
        clock: None,
        tried: None,
        completions: intent.completions(),
    };
    release::one(shared, tracked, budget).await
}

/// The budget of a recovery.
pub(crate) fn budget(shared: &Shared, budget: Duration) -> Budget {
    Budget::until(shared.clock.after(budget))
}
