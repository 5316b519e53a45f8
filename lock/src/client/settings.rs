//! Settings, by builder and by environment.
//!
//! The environment is read once, in one place. An unknown word, a number out of range or a
//! contradiction is an error that names the variable, the value and what was expected.

mod check;
pub(crate) mod seal;
mod setters;

use std::path::PathBuf;
use std::time::Duration;

use self::seal::Sealing;
use crate::attributes::{self, Attributes};
use crate::error::{Error, Kind};
use crate::journal::{self, Process};
use crate::key::Redaction;
use crate::protocol::entry::Owner;
use crate::protocol::messages::{LONGEST_LEASE, OnExpiry};
use crate::protocol::nonce::Nonces;
use crate::protocol::time::{Expiry, WallClock};
use crate::table::{KeyKind, TableLayout};
use crate::vars::Vars;

/// The settings of a client.
///
/// Every setter has a counterpart in the environment, but for what only a program can know.
///
/// ```
/// # testkit::locks::example_over(async |client| {
/// use std::time::Duration;
///
/// use dynamodb_locks::{Locks, Settings};
///
/// let settings = Settings::new().owner("orders").lease(Duration::from_secs(5));
/// let locks = Locks::with_client(&client, settings)?;
/// locks.acquire("order/42").await?.release().await?;
/// # Ok(()) });
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Settings {
    pub(crate) layout: TableLayout,
    pub(crate) owner: Owner,
    pub(crate) attributes: Attributes,
    pub(crate) lease: LeaseLength,
    pub(crate) heartbeat_period: Option<Duration>,
    pub(crate) max_wait: Duration,
    pub(crate) max_polls: Option<u32>,
    pub(crate) retry_delay: Duration,
    pub(crate) queue_cap: u16,
    pub(crate) expiry: Expiry,
    pub(crate) on_expiry: OnExpiry,
    /// As it was asked for; [`skew`](Self::skew) is what counts.
    pub(crate) clock_skew: Option<Duration>,
    pub(crate) grace: Duration,
    pub(crate) debug_logs: bool,
    pub(crate) redaction: Redaction,
    pub(crate) journal_dir: Option<PathBuf>,
    pub(crate) region: Option<String>,
    /// Whether `connect` opens the connection ahead of the first acquisition.
    pub(crate) ahead: bool,
    /// How responses are encrypted that are stored.
    pub(crate) sealing: Sealing,
    pub(crate) wall: WallClock,
    pub(crate) nonces: Nonces,
    /// How many bytes of a lock's row are for operations, if not as many as fit.
    pub(crate) room: Option<usize>,
}

/// How long a holder counts as alive without a renewal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LeaseLength {
    Fixed(Duration),
    UntilDeadline,
}

/// Shorter leases leave no room for a slow answer.
const SHORTEST_LEASE: u64 = 500;

/// Each heartbeat is a write: a shorter period costs more than it protects.
const SHORTEST_PERIOD: u64 = 100;

/// The default table. Inside Lambda there is none: a forgotten variable would separate a function
/// from all others that it must exclude.
const DEV_TABLE: &str = "locks-dev";

/// Polling faster than a round trip is useless.
const SHORTEST_PAUSE: u64 = 10;

/// What the clocks of machines that nobody looks after may differ by.
const DEFAULT_SKEW: Duration = Duration::from_millis(2500);

/// As long as a Lambda function may run, in ms.
const LONGEST: u64 = 15 * 60 * 1000;

/// The row must outlive every request that may still be on its way, by orders of magnitude.
const SHORTEST_GRACE: u64 = 24 * 60 * 60 * 1000;

impl Settings {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            layout: TableLayout {
                table: DEV_TABLE.to_owned(),
                namespace: check::NAMESPACE.to_owned(),
                partition: "id".to_owned(),
                kind: KeyKind::S,
                sort: Some("group".to_owned()),
                ttl: Some("ttl".to_owned()),
            },
            owner: Owner::new("Locks"),
            attributes: Attributes::new(),
            lease: LeaseLength::Fixed(Duration::from_secs(10)),
            heartbeat_period: None,
            max_wait: Duration::from_secs(20),
            max_polls: None,
            retry_delay: Duration::from_millis(450),
            queue_cap: 40,
            expiry: Expiry::Verified,
            on_expiry: OnExpiry::TakeOver,
            clock_skew: None,
            grace: Duration::from_millis(SHORTEST_GRACE),
            debug_logs: false,
            redaction: Redaction::Plain,
            journal_dir: None,
            region: None,
            ahead: true,
            sealing: Sealing::default(),
            wall: WallClock::system(),
            nonces: Nonces::system(),
            room: None,
        }
    }

    /// Reads the variables that start with `LOCKS_`; unset ones have their default. Inside Lambda
    /// the table has no default, the owner is the function, and the journal is in
    /// `/tmp/lambda-locks`. Outside, the owner is this host and process, and there is no journal.
    ///
    /// # Errors
    ///
    /// If a variable has an invalid value, if an unknown one resembles a setting, and if
    /// `LOCKS_TABLE` is missing inside Lambda.
    pub fn from_vars(vars: &Vars) -> Result<Self, Error> {
        vars.check_names()?;
        if vars.function_name().is_some() && vars.any("LOCKS_TABLE").is_none() {
            let expected = format!(
                "the name of the lock table (only outside Lambda the default is `{DEV_TABLE}`)"
            );
            return Err(vars.wrong("LOCKS_TABLE", &expected));
        }
        Self::for_recovery(vars)
    }

    /// The same for the recovery of other processes' entries, whose records name the table.
    ///
    /// # Errors
    ///
    /// When a variable has an invalid value.
    #[doc(hidden)]
    pub fn for_recovery(vars: &Vars) -> Result<Self, Error> {
        let mut settings = Self::new();
        settings.read_layout(vars)?;
        settings.read_times(vars)?;
        settings.owner = match vars.text("LOCKS_OWNER")?.or(vars.function_name()) {
            Some(owner) => Owner::new(owner),
            None => Owner::new(&Process::label()),
        };
        if let Some(cap) = vars.number("LOCKS_QUEUE_CAP", 1..=1000)? {
            settings.queue_cap = u16::try_from(cap).unwrap_or(u16::MAX);
        }
        let modes = [
            ("verified", Expiry::Verified),
            ("clock", Expiry::Clock),
            ("observe", Expiry::Observe),
        ];
        settings.expiry = vars.choice("LOCKS_EXPIRY", &modes)?.unwrap_or_default();
        let polls = vars.number("LOCKS_MAX_RETRIES", 0..=1_000_000)?;
        settings.max_polls = polls.and_then(|polls| u32::try_from(polls).ok());
        let switch = [("0", false), ("1", true)];
        settings.debug_logs = vars
            .choice("LOCKS_DEBUG_LOGS", &switch)?
            .unwrap_or_default();
        let redaction = [("0", Redaction::Plain), ("1", Redaction::Hashed)];
        settings.redaction = vars
            .choice("LOCKS_HASH_KEYS", &redaction)?
            .unwrap_or_default();
        let kinds = [("open", OnExpiry::TakeOver), ("closed", OnExpiry::Hold)];
        settings.on_expiry = vars.choice("LOCKS_FAIL", &kinds)?.unwrap_or_default();
        // A connection does not survive a snapshot, and credentials may have expired.
        settings.ahead = !vars.is_snapshot();
        // Records are for the extension, which only Lambda has; an empty name is for a read-only disk.
        let default = vars.function_name().map(|_| journal::DEFAULT_DIR);
        let dir = vars.any("LOCKS_JOURNAL_DIR").or(default);
        settings.journal_dir = dir.filter(|dir| !dir.is_empty()).map(Into::into);
        match check::check(&settings) {
            Ok(()) => Ok(settings),
            Err(wrong) => Err(vars.wrong(wrong.variable, &wrong.expected)),
        }
    }

    fn read_layout(&mut self, vars: &Vars) -> Result<(), Error> {
        let layout = &mut self.layout;
        let own = |name, value: &mut String| -> Result<(), Error> {
            vars.text(name)
                .map(|text| text.into_iter().for_each(|text| *value = text.to_owned()))
        };
        own("LOCKS_TABLE", &mut layout.table)?;
        own("LOCKS_PREFIX", &mut layout.namespace)?;
        own("LOCKS_PARTITION_KEY", &mut layout.partition)?;
        let optional = |name, value: &mut Option<String>| {
            if let Some(text) = vars.any(name) {
                *value = Some(text.to_owned()).filter(|text| !text.is_empty());
            }
        };
        optional("LOCKS_SORT_KEY", &mut layout.sort);
        optional("LOCKS_TTL_KEY", &mut layout.ttl);
        Ok(())
    }

    fn read_times(&mut self, vars: &Vars) -> Result<(), Error> {
        let lease = "LOCKS_LEASE_DURATION_MS";
        if vars.any(lease) == Some("deadline") {
            self.lease = LeaseLength::UntilDeadline;
        } else if let Some(time) = vars.millis_or(lease, SHORTEST_LEASE..=LONGEST, "`deadline`")? {
            self.lease = LeaseLength::Fixed(time);
        }
        let period = "LOCKS_HEARTBEAT_PERIOD_MS";
        self.heartbeat_period = match vars.any(period) {
            Some("0") => Some(Duration::ZERO),
            _ => vars.millis_or(period, SHORTEST_PERIOD..=LONGEST, "0 for none")?,
        };
        let own = |name, range, value: &mut Duration| -> Result<(), Error> {
            vars.millis(name, range)
                .map(|time| time.into_iter().for_each(|time| *value = time))
        };
        own("LOCKS_MAX_WAIT_MS", 0..=LONGEST, &mut self.max_wait)?;
        own(
            "LOCKS_RETRY_DELAY_MS",
            SHORTEST_PAUSE..=60_000,
            &mut self.retry_delay,
        )?;
        let skew = vars.millis("LOCKS_CLOCK_SKEW_MS", 0..=LONGEST)?;
        self.clock_skew = skew.or(self.clock_skew);
        own(
            "LOCKS_TTL_MS",
            SHORTEST_GRACE..=10 * 365 * SHORTEST_GRACE,
            &mut self.grace,
        )
    }

    /// Checks settings that a program has put together.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if let LeaseLength::Fixed(lease) = self.lease
            && lease > LONGEST_LEASE
        {
            let message = format!(
                "the lease is {lease:?}; expected at most {LONGEST_LEASE:?}, for which the table keeps the row"
            );
            return Err(Error::new(Kind::Configuration, message));
        }
        if let Some(wrong) = attributes::wrong(&self.attributes, self.queue_cap) {
            return Err(Error::new(Kind::Configuration, wrong));
        }
        check::check(self)
            .map_err(|wrong| Error::invalid(wrong.what, &wrong.value, &wrong.expected))
    }

    /// How far any two clocks may differ. The default is no more than the lease, as what is asked for must not be.
    pub(crate) fn skew(&self) -> Duration {
        let default = match self.lease {
            LeaseLength::Fixed(lease) => DEFAULT_SKEW.min(lease),
            LeaseLength::UntilDeadline => DEFAULT_SKEW,
        };
        self.clock_skew.unwrap_or(default)
    }

    /// The period of the heartbeats; none where a lease needs none.
    pub(crate) fn effective_heartbeat_period(&self) -> Option<Duration> {
        match (self.lease, self.heartbeat_period) {
            // A fail-closed lock is never taken over, so it needs no renewal.
            _ if self.on_expiry == OnExpiry::Hold => None,
            (LeaseLength::UntilDeadline, _) => None,
            (LeaseLength::Fixed(lease), period) => {
                Some(period.unwrap_or(lease / 3)).filter(|p| !p.is_zero())
            }
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}
