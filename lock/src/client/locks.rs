//! The client.

mod acquire;
mod once;

use std::sync::Arc;
use std::time::Duration;

use crate::client::acquire::AcquireOptions;
use crate::client::driving::driver::Budget;
use crate::client::holding::handle::{self, LockHandle};
use crate::client::leaving::release;
use crate::client::memory::completed::CompletedCache;
use crate::client::memory::pace::Paces;
use crate::client::memory::registry::Registry;
use crate::client::settings::Settings;
use crate::client::shared::Shared;
use crate::error::Error;
use crate::journal::Journal;
use crate::key::{IntoKey, Key};
use crate::protocol::messages::OnExpiry;
use crate::protocol::time::Clock;
use crate::table::{Client, Connection};
use crate::vars::Vars;

pub use self::once::Once;

/// A client of the locks in one table and one namespace. Clones share everything.
#[derive(Clone, Debug)]
pub struct Locks {
    shared: Arc<Shared>,
}

impl Locks {
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Connects on the first use, or when [`connect`](Self::connect) is called. Region, credentials
    /// and endpoint come from the environment; TLS is rustls on ring.
    ///
    /// # Errors
    ///
    /// When a setting is out of its bounds, or the journal's folder cannot be used.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let connection = Arc::new(Connection::to(settings.region.clone()));
        Self::over(connection, Arc::default(), settings)
    }

    /// Uses the caller's DynamoDB client: its connection, credentials and endpoint, but not its
    /// retries and timeouts, because every copy of a write must be counted.
    ///
    /// # Errors
    ///
    /// When a setting is out of its bounds, or the journal's folder cannot be used.
    pub fn with_client(client: &Client, settings: Settings) -> Result<Self, Error> {
        Self::over(Arc::new(Connection::of(client)), Arc::default(), settings)
    }

    fn over(
        connection: Arc<Connection>,
        registry: Arc<Registry>,
        settings: Settings,
    ) -> Result<Self, Error> {
        settings.check()?;
        let layout = Arc::new(settings.layout.clone());
        let journal = settings
            .journal_dir
            .clone()
            .map(Journal::open)
            .transpose()?;
        let clock = Clock::new(settings.expiry, settings.skew(), settings.wall.clone());
        let shared = Shared {
            connection,
            layout,
            settings,
            clock,
            journal,
            registry,
            observations: Arc::default(),
            paces: Paces::default(),
            completed: CompletedCache::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// A client with other settings, which shares the connection and, with it, the region.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// use std::time::Duration;
    ///
    /// let impatient = locks.with_settings(|settings| settings.max_wait(Duration::from_secs(1)))?;
    /// impatient.acquire("order/42").await?.release().await?;
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    ///
    /// When a setting is out of its bounds, or the journal's folder cannot be used.
    pub fn with_settings(&self, change: impl FnOnce(Settings) -> Settings) -> Result<Self, Error> {
        let Shared {
            connection,
            settings,
            registry,
            ..
        } = &*self.shared;
        Self::over(
            Arc::clone(connection),
            registry.child(),
            change(settings.clone()),
        )
    }

    /// Reads the settings from the environment.
    ///
    /// # Errors
    ///
    /// If a variable has an invalid value, or the journal's folder cannot be used.
    pub fn from_env() -> Result<Self, Error> {
        Self::new(Settings::from_vars(&Vars::from_env())?)
    }

    /// Resolves the credentials and opens the connection ahead of the first acquisition, which
    /// otherwise waits for them. An acquisition that starts meanwhile waits for this. Under
    /// SnapStart it does nothing: a snapshot cannot carry a connection or credentials.
    ///
    /// # Errors
    ///
    /// If there is no AWS region, or there are no credentials. Transient failures are no error
    /// here.
    pub async fn connect(&self) -> Result<(), Error> {
        let Shared {
            connection,
            layout,
            settings,
            ..
        } = &*self.shared;
        if !settings.ahead {
            return Ok(());
        }
        connection.open(layout).await
    }

    /// Connects by a read of the table, so that a table that cannot be used is found before the first
    /// acquisition. It needs the right to `GetItem`, as waiting does. Under SnapStart it does nothing.
    ///
    /// # Errors
    ///
    /// Those of [`connect`](Self::connect); and if the table does not exist, has other keys, or may not be
    /// read. Transient failures are no error here.
    pub async fn check(&self) -> Result<(), Error> {
        match self.shared.settings.ahead {
            true => self.shared.connection.check(&self.shared.layout).await,
            false => Ok(()),
        }
    }

    /// Releases everything that this client and those made from it by
    /// [`with_settings`](Self::with_settings) hold or wait for, in parallel and for at most `time`; what the client holds
    /// from which this one was made stays.
    /// Holders lose their lease first, and waiters get an error that
    /// [`is_timed_out`](Error::is_timed_out). Returns what could not be released: it ends with its
    /// lease, but for a fail-closed lock, which stays.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// use std::time::Duration;
    ///
    /// let guard = locks.acquire("order/42").await?;
    /// let left = locks.release_all(Duration::from_secs(1)).await;
    /// assert!(left.is_empty(), "all was released");
    /// assert!(guard.lease().is_expired());
    /// # Ok(()) });
    /// ```
    pub async fn release_all(&self, time: Duration) -> Vec<(Key, Error)> {
        let until = self.shared.clock.after(time);
        let budget = Budget::until(until);
        release::everything(&self.shared, budget).await
    }

    /// Releases what was dropped, also where its release has failed before, and tries for at most `time`. Before a
    /// process is suspended: a suspended one releases nothing. Without dropped locks this sends no request. Returns
    /// what could not be released: the next call on the client tries again.
    pub async fn release_dropped(&self, time: Duration) -> Vec<(Key, Error)> {
        release::all_dropped(&self.shared, Budget::until(self.shared.clock.after(time))).await
    }

    /// A key, which logs and errors show as the settings say.
    ///
    /// # Errors
    ///
    /// When the name is empty or too long.
    pub fn key(&self, name: impl IntoKey) -> Result<Key, Error> {
        self.shared.key(name)
    }

    /// The handle of this key's lock, if the caller runs under it: acquiring it again would wait
    /// for itself. `None` elsewhere, as for [`current`](crate::current).
    #[must_use]
    pub fn current(&self, key: &Key) -> Option<LockHandle> {
        handle::current_for(&self.shared.layout, key)
    }

    /// The owner's label, percent-encoded as in the entries.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.shared.settings.owner.as_str()
    }

    /// Whether the rows of these locks are kept for good, as those of fail-closed locks are.
    #[doc(hidden)]
    #[must_use]
    pub fn never_expire(&self) -> bool {
        self.shared.settings.on_expiry == OnExpiry::Hold
    }

    /// The options that [`acquire`](Self::acquire) uses.
    pub fn acquire_options(&self) -> AcquireOptions {
        let settings = &self.shared.settings;
        let options = AcquireOptions::wait(settings.max_wait);
        settings
            .max_polls
            .map_or(options, |polls| options.max_polls(polls))
    }

    /// The journal, if this client keeps one.
    #[doc(hidden)]
    #[must_use]
    pub fn journal(&self) -> Option<&Journal> {
        self.shared.journal.as_ref()
    }
}
