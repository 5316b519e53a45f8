//! Recovery of the entries that the journal lists and no living process owns.
//!
//! Entries are recovered in parallel and independently: one that fails stops none of the others.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::timeout_at;

use crate::client::driving::driver::Budget;
use crate::client::leaving::release;
use crate::client::locks::Locks;
use crate::client::memory::registry::{OwnerState, TrackedEntry};
use crate::client::settings::Settings;
use crate::client::shared::Shared;
use crate::error::{Error, Kind};
use crate::journal::{Intent, ReadIntent};
use crate::key::Key;
use crate::protocol::messages::RecoveryOutcome;
use crate::table::{Connection, Table};

impl Locks {
    /// Recovers the locks of dead processes of this machine: removes each of their entries from its
    /// queue, or makes sure that it can no longer enter. It reads this client's journal, works for
    /// at most `budget`, and reports every entry.
    ///
    /// The extension calls it when an environment begins and ends. A daemon that keeps a journal
    /// calls it after its start: the locks that it held before a crash are then free at once, and
    /// not only at the end of their leases.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// use std::time::Duration;
    ///
    /// let recovery = locks.recover_orphans(Duration::from_secs(1)).await;
    /// for entry in recovery.entries() {
    ///     println!("{:?} with fencing token {:?}: {:?}", entry.key, entry.fence, entry.outcome);
    /// }
    /// assert_eq!(recovery.remaining(), 0);
    /// # Ok(()) });
    /// ```
    pub async fn recover_orphans(&self, budget: Duration) -> Recovery {
        let budget = self::budget(self.shared(), budget);
        orphans(self.shared(), budget).await
    }

    /// Recovers one entry of a dead process, and then removes its record from the journal. For
    /// tests, which forge records.
    ///
    /// # Errors
    ///
    /// If the time ran out, or the record names invalid columns; the record then stays.
    #[doc(hidden)]
    pub async fn recover(
        &self,
        intent: &Intent,
        path: PathBuf,
        time: Duration,
    ) -> Result<RecoveryOutcome, Error> {
        let budget = self::budget(self.shared(), time);
        let table = self.shared().table().await;
        one(self.shared(), table, intent, path, budget).await
    }
}

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
    /// locks, by an operator. A record that cannot be read counts as well, until somebody removes its file.
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
