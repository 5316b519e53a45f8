//! The client.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::acquire::{self, Limits};
use crate::drive::Bound;
use crate::entry::Entry;
use crate::error::Error;
use crate::give_back;
use crate::held::Held;
use crate::journal::{Journal, Note};
use crate::key::Key;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::table::{Client, Table};
use crate::terms::GivenBack;
use crate::time::Clock;
use crate::vars::Vars;

/// A client of the locks in one table and one namespace. Clones share everything.
#[derive(Clone, Debug)]
pub struct Locks {
    shared: Arc<Shared>,
}

impl Locks {
    /// Connects by itself: at the first use, or when [`connect`](Self::connect) is called. Region,
    /// credentials and endpoint come from the environment; TLS is rustls on ring.
    ///
    /// # Errors
    ///
    /// When the journal's folder cannot be used.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let journal = settings
            .journal_dir
            .clone()
            .map(Journal::open)
            .transpose()?;
        let clock = Clock::new(settings.expiry, settings.clock_skew, settings.wall.clone());
        let (table, orphans) = Default::default();
        let shared = Shared {
            table,
            settings,
            clock,
            journal,
            orphans,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Uses a DynamoDB client of the caller's: its connection, credentials and endpoint, but not
    /// its retries and timeouts, because every copy of a write must be counted.
    ///
    /// # Errors
    ///
    /// When the journal's folder cannot be used.
    pub fn with_client(client: &Client, settings: Settings) -> Result<Self, Error> {
        let table = Table::new(client, Arc::new(settings.place.clone()));
        let locks = Self::new(settings)?;
        // The cell was made a line above, and nobody else has it yet.
        let _ = locks.shared.table.set(table);
        Ok(locks)
    }

    /// Reads the settings from the environment.
    ///
    /// # Errors
    ///
    /// When a variable has a value that is not right for it, or the journal's folder cannot be
    /// used.
    pub fn from_env() -> Result<Self, Error> {
        Self::new(Settings::from_vars(&Vars::from_env())?)
    }

    /// Gets everything ready that the first acquisition needs, so that it need not wait for it.
    pub async fn connect(&self) {
        self.shared.table().await;
    }

    /// Takes a lock, and waits for it as long as the settings say.
    ///
    /// # Errors
    ///
    /// When it was not had: the predicates of [`Error`] tell why.
    pub async fn acquire(&self, key: impl Into<String>) -> Result<Held, Error> {
        self.acquire_within(key, Limits::wait(self.shared.settings.max_wait))
            .await
    }

    /// Takes a lock if it is free.
    ///
    /// # Errors
    ///
    /// When it was not had: the predicates of [`Error`] tell why.
    pub async fn try_acquire(&self, key: impl Into<String>) -> Result<Held, Error> {
        self.acquire_within(key, Limits::wait(Duration::ZERO)).await
    }

    /// Takes a lock, within limits of its own.
    ///
    /// # Errors
    ///
    /// When it was not had: the predicates of [`Error`] tell why.
    pub async fn acquire_within(
        &self,
        key: impl Into<String>,
        limits: Limits,
    ) -> Result<Held, Error> {
        acquire::acquire(&self.shared, Key::new(key)?, limits).await
    }

    /// Gives back an entry that a dead process has noted: takes it out of the queue, or makes sure
    /// that it can no longer enter. The note is removed from the journal when that is certain.
    ///
    /// # Errors
    ///
    /// When it did not succeed within the time; the note stays then.
    pub async fn give_back(
        &self,
        note: &Note,
        path: PathBuf,
        time: Duration,
    ) -> Result<GivenBack, Error> {
        let until = self.shared.clock.after(time);
        let bound = Bound {
            wait: until,
            send: until,
        };
        let key = Key::new(note.key())?;
        let table = self.shared.table().await.at(note.place.clone());
        let entry = Entry::read(note.entry.as_str());
        give_back::entry(&self.shared, table, key, entry, Some(path), bound).await
    }

    /// How long [`acquire`](Self::acquire) waits.
    #[must_use]
    pub fn max_wait(&self) -> Duration {
        self.shared.settings.max_wait
    }

    /// The folder of notes, if these locks keep one.
    #[must_use]
    pub fn journal(&self) -> Option<&Journal> {
        self.shared.journal.as_ref()
    }
}
