//! The client.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::acquire::{self, Limits};
use crate::drive::Bound;
use crate::entry::{Entry, Stamp};
use crate::error::Error;
use crate::force;
use crate::give_back;
use crate::held::Held;
use crate::holding::Holding;
use crate::journal::{Journal, Note};
use crate::key::Key;
use crate::live::{Left, Live, Stage};
use crate::settings::Settings;
use crate::shared::Shared;
use crate::table::{Client, Connection};
use crate::terms::GivenBack;
use crate::time::Clock;
use crate::vars::Vars;
use crate::view::{Listing, View};
use crate::with;

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
        let connection = Arc::new(Connection::to(settings.region.clone()));
        Self::over(connection, Arc::default(), settings)
    }

    /// Uses a DynamoDB client of the caller's: its connection, credentials and endpoint, but not its
    /// retries and timeouts, because every copy of a write must be counted.
    ///
    /// # Errors
    ///
    /// When the journal's folder cannot be used.
    pub fn with_client(client: &Client, settings: Settings) -> Result<Self, Error> {
        Self::over(Arc::new(Connection::of(client)), Arc::default(), settings)
    }

    fn over(
        connection: Arc<Connection>,
        live: Arc<Live>,
        settings: Settings,
    ) -> Result<Self, Error> {
        settings.check()?;
        let place = Arc::new(settings.place.clone());
        let journal = settings
            .journal_dir
            .clone()
            .map(Journal::open)
            .transpose()?;
        let clock = Clock::new(settings.expiry, settings.clock_skew, settings.wall.clone());
        let shared = Shared {
            connection,
            place,
            settings,
            clock,
            journal,
            live,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// A client with other settings, which shares the connection and, with it, the region.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # fn example(locks: dynamodb_locks::Locks) -> Result<(), dynamodb_locks::Error> {
    /// let impatient = locks.child(|settings| settings.max_wait(Duration::from_secs(1)))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the journal's folder cannot be used.
    pub fn child(&self, change: impl FnOnce(Settings) -> Settings) -> Result<Self, Error> {
        let Shared {
            connection,
            settings,
            live,
            ..
        } = &*self.shared;
        Self::over(
            Arc::clone(connection),
            Arc::clone(live),
            change(settings.clone()),
        )
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
    pub async fn acquire(&self, key: impl Into<Arc<str>>) -> Result<Held, Error> {
        self.acquire_within(key, self.limits()).await
    }

    /// Takes a lock if it is free.
    ///
    /// # Errors
    ///
    /// When it was not had: the predicates of [`Error`] tell why.
    pub async fn try_acquire(&self, key: impl Into<Arc<str>>) -> Result<Held, Error> {
        self.acquire_within(key, Limits::wait(Duration::ZERO)).await
    }

    /// Takes a lock, within limits of its own.
    ///
    /// # Errors
    ///
    /// When it was not had: the predicates of [`Error`] tell why.
    pub async fn acquire_within(
        &self,
        key: impl Into<Arc<str>>,
        limits: Limits,
    ) -> Result<Held, Error> {
        acquire::acquire(&self.shared, Key::new(key)?, limits).await
    }

    /// Holds a lock for the length of a closure's future, and returns what came of it, unchanged. The
    /// lock is released after a value, an error and a panic; the future is dropped when the lease is
    /// lost.
    ///
    /// ```no_run
    /// # async fn example(locks: dynamodb_locks::Locks) -> Result<(), dynamodb_locks::Error> {
    /// let fence = locks.with("order/42", |held| async move { held.fence() }).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire), and [`is_lost`](Error::is_lost) when the lease was lost.
    pub async fn with<F, W, T>(&self, key: impl Into<Arc<str>>, work: F) -> Result<T, Error>
    where
        F: FnOnce(Holding) -> W,
        W: Future<Output = T>,
    {
        with::with(self.acquire(key).await?, work).await
    }

    /// As [`with`](Self::with), for work that blocks its thread: it gets one of its own, and the beats
    /// go on beside it. It cannot be stopped when the lease is lost; [`Holding::lease`] tells it.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    pub async fn with_blocking<F, T>(&self, key: impl Into<Arc<str>>, work: F) -> Result<T, Error>
    where
        F: FnOnce(Holding) -> T + Send + 'static,
        T: Send + 'static,
    {
        with::with_blocking(self.acquire(key).await?, work).await
    }

    /// Gives back an entry that a dead process has noted: takes it out of the queue, or makes sure
    /// that it can no longer enter. The note is removed from the journal when that is certain.
    ///
    /// # Errors
    ///
    /// When it did not succeed within the time, or the note's columns are none; the note stays then.
    pub async fn give_back(
        &self,
        note: &Note,
        path: PathBuf,
        time: Duration,
    ) -> Result<GivenBack, Error> {
        // A TTL in the column of the queue would end everybody's entries.
        let place = note.place.clone();
        let columns = Settings {
            place,
            ..self.shared.settings.clone()
        };
        columns.check()?;
        let until = self.shared.clock.after(time);
        let bound = Bound::until(until);
        let left = Left {
            table: self.shared.table().await.at(note.place.clone()),
            key: Key::new(note.key())?,
            entry: Entry::read(note.entry.as_str()),
            note: Some(path),
            fail: note.fail,
            stage: Stage::Gone,
            clock: None,
            tried: None,
        };
        give_back::one(&self.shared, left, bound).await
    }

    /// Gives up everything that this client and its children hold or wait for, in parallel and for at
    /// most this long. Whoever holds loses the lease first, whoever waits gets an error that
    /// [`is_timed_out`](Error::is_timed_out). Tells what could not be given back: it ends with its
    /// lease.
    pub async fn release_all(&self, time: Duration) -> Vec<(Key, Error)> {
        let until = self.shared.clock.after(time);
        let bound = Bound::until(until);
        give_back::everything(&self.shared, bound).await
    }

    /// Makes the table if there is none: its keys, its TTL, paid by request. Checks one that is there,
    /// and says what is wrong with it.
    ///
    /// # Errors
    ///
    /// [`is_bad_table`](Error::is_bad_table) when the table has other keys or another TTL, or is a
    /// global table without strong consistency, in which locks are not safe.
    pub async fn ensure_table(&self) -> Result<(), Error> {
        self.shared.table().await.ensure().await
    }

    /// Who holds a lock and who waits for it, as it is now. One read unit.
    ///
    /// # Errors
    ///
    /// When DynamoDB does not answer.
    pub async fn inspect(&self, key: impl Into<Arc<str>>) -> Result<View, Error> {
        let (key, table) = (Key::new(key)?, self.shared.table().await);
        let row = table.inspect(&key).await;
        let row = row.map_err(|failure| table.explain(&key, "inspect", failure))?;
        Ok(View::of(key.as_str(), row.unwrap_or_default()))
    }

    /// All locks of the namespace, page by page: it reads the whole table.
    pub async fn list(&self) -> Listing {
        Listing::of(self.shared.table().await)
    }

    /// Takes a lock away from the entry with this fence, whatever its owner does and whatever the
    /// clocks say. `who` and when stay in the row. For the person who knows that the owner is dead.
    ///
    /// Tells whether there was such an entry.
    ///
    /// # Errors
    ///
    /// When DynamoDB does not answer.
    pub async fn force_release(
        &self,
        key: impl Into<Arc<str>>,
        fence: u64,
        who: &str,
    ) -> Result<bool, Error> {
        let key = Key::new(key)?;
        force::release(&self.shared, &key, Stamp(fence), who).await
    }

    /// How far [`acquire`](Self::acquire) goes.
    pub fn limits(&self) -> Limits {
        let settings = &self.shared.settings;
        let limits = Limits::wait(settings.max_wait);
        settings
            .max_looks
            .map_or(limits, |looks| limits.looks(looks))
    }

    /// The folder of notes, if these locks keep one.
    #[must_use]
    pub fn journal(&self) -> Option<&Journal> {
        self.shared.journal.as_ref()
    }
}
