//! The configuration: everything that is set once, for every invocation.
//!
//! Every variable has a setter, and the same rules check both, once, when the policy or the layer
//! is built. The first invalid setting is the error.

mod read;
mod setters;

use std::time::Duration;

use dynamodb_locks::{Error, Locks, Settings, Vars};

use crate::batch::{BatchReport, RECORDS, RecordMode};
use crate::deadline::Reserve;
use crate::dedup::Dedup;
use crate::event::key::{KeyRule, OnMissing};
use crate::event::source::RefusalMode;

/// How invocations are locked. `K` is what finds the key: the rule in `LOCKS_KEY`, or a closure.
///
/// ```
/// use std::time::Duration;
///
/// use lambda_locks::{Config, OnBusy, Settings, Vars};
///
/// let settings = Settings::from_vars(&Vars::from_env())?.max_wait(Duration::from_secs(5));
/// let config = Config::new()
///     .key("/Records/*/body/orderId")
///     .settings(settings)
///     .on_busy(OnBusy::Fail);
/// # let _ = config;
/// # Ok::<(), lambda_locks::Error>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct Config<K = ByRule> {
    pub(crate) finds: K,
    pub(crate) rule: Option<KeyRule>,
    pub(crate) client: Client,
    pub(crate) on_missing: OnMissing,
    pub(crate) on_busy: Option<OnBusy>,
    pub(crate) refusal: RefusalMode,
    pub(crate) reserve: Reserve,
    pub(crate) metrics: bool,
    pub(crate) function: Option<String>,
    pub(crate) handler: Handler,
    pub(crate) sigterm: SigtermMode,
    pub(crate) disabled: bool,
    pub(crate) dedup: Option<Dedup>,
    /// Whether each event has a lock, and with it a row, of its own.
    pub(crate) own_rows: bool,
    pub(crate) batch_report: BatchReport,
    /// The rule for each record of a batch, if each has a lock of its own.
    pub(crate) record_rule: Option<KeyRule>,
    records: Option<RecordMode>,
    unknown: Vec<String>,
    wrong: Option<Error>,
}

/// The key is found by a rule: that of `LOCKS_KEY`, or of [`Config::key`].
#[derive(Clone, Copy, Debug)]
pub struct ByRule;

/// The client of the locks: the caller's own, or one with these settings.
#[derive(Debug)]
pub(crate) enum Client {
    Own(Locks),
    Of {
        settings: Box<Settings>,
        lease: Lease,
    },
}

/// Whether the configuration sets the length of the lease.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lease {
    Default,
    Chosen,
}

/// What happens to an event while another invocation holds its lock.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum OnBusy {
    /// It waits for its turn.
    #[default]
    Wait,
    /// It is refused at once.
    Fail,
    /// It is skipped: the handler does not run, and the caller gets no error.
    Skip,
}

/// Whether the handler's work can be stopped by dropping its future.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Handler {
    CanBeStopped,
    CannotBeStopped,
}

/// The handler of SIGTERM: the layer, or the caller's hook.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SigtermMode {
    Layer,
    Caller,
}

/// No invocation has more time to reserve.
const LONGEST_RESERVE: Duration = Duration::from_secs(15 * 60);

impl Config {
    /// The defaults. Only the key has none.
    pub fn new() -> Self {
        Self {
            finds: ByRule,
            rule: None,
            client: Client::Of {
                settings: Box::new(Settings::new()),
                lease: Lease::Default,
            },
            on_missing: OnMissing::default(),
            on_busy: None,
            refusal: RefusalMode::default(),
            reserve: Reserve::default(),
            metrics: false,
            function: None,
            handler: Handler::CanBeStopped,
            sigterm: SigtermMode::Layer,
            disabled: false,
            dedup: None,
            own_rows: false,
            batch_report: BatchReport::default(),
            record_rule: None,
            records: None,
            unknown: Vec::new(),
            wrong: None,
        }
    }

    /// The settings of the variables that start with `LOCKS_`; unset ones have their default.
    ///
    /// # Errors
    ///
    /// If a variable has an invalid value.
    pub fn from_vars(vars: &Vars) -> Result<Self, Error> {
        let config = Self::new().vars(vars);
        config.wrong.map_or(Ok(()), Err).map(|()| Self {
            wrong: None,
            ..config
        })
    }

    /// As [`from_vars`](Self::from_vars), from the process's environment.
    ///
    /// # Errors
    ///
    /// As [`from_vars`](Self::from_vars).
    pub fn from_env() -> Result<Self, Error> {
        Self::from_vars(&Vars::from_env())
    }

    /// Finds the key by this rule, written as in `LOCKS_KEY`; see [`KeyRule`].
    pub fn key(mut self, rule: &str) -> Self {
        match KeyRule::parse(rule) {
            Ok(rule) => self.rule = Some(rule),
            Err(error) => {
                let message = format!("invalid key `{rule}`: {error}");
                self.fail(Error::configuration(message));
            }
        }
        self
    }

    /// The rule, which is required.
    pub(crate) fn ruled(&mut self) -> Result<KeyRule, Error> {
        let missing = || {
            Error::configuration(format!(
                "LOCKS_KEY is not set: expected {RULE}, for instance `/orderId`"
            ))
        };
        let rule = match self.rule.take() {
            Some(rule) => rule,
            None => {
                // Each event is its own lock then.
                self.own_rows = true;
                let own = self.dedup.as_ref().and_then(Dedup::lock_rule);
                own.ok_or_else(missing)?
            }
        };
        self.of_records(rule)
    }

    /// The rule for what has a lock: the event, or each of its records.
    fn of_records(&mut self, rule: KeyRule) -> Result<KeyRule, Error> {
        let by_key = self.dedup.as_ref().is_some_and(Dedup::is_of_records);
        let wrong = |why: &str| Error::configuration(format!("{RECORDS} {why}"));
        match self.records {
            None if by_key == rule.is_of_records() && by_key => {}
            None if self.dedup.is_none() && rule.is_of_records() => {}
            None if !by_key && !rule.is_of_records() => return Ok(rule),
            None => {
                return Err(wrong(
                    "is not set, and only one of LOCKS_KEY and LOCKS_DEDUP_KEY leads into each record: expected both \
                     to, as in `/Records/*/messageId`",
                ));
            }
            Some(RecordMode::Each) => {}
            Some(RecordMode::Whole) if by_key || rule.is_of_records() => {
                return Err(wrong(
                    "is `whole`, but a key leads into each record: expected `each`, or a pointer without `*`",
                ));
            }
            Some(RecordMode::Whole) => return Ok(rule),
        }
        let rule = rule.of_records();
        let rule = rule.map_err(|error| Error::configuration(format!("invalid {KEY}: {error}")))?;
        self.dedup = self.dedup.take().map(Dedup::of_records).transpose()?;
        self.record_rule = Some(rule.clone());
        Ok(rule)
    }
}

impl<K> Config<K> {
    /// Reads the variables. They replace [`settings`](Self::settings) as a whole, but not a client of the caller's; other
    /// setters keep their value where a variable is unset.
    pub fn vars(mut self, vars: &Vars) -> Self {
        if let Err(error) = self.read(vars) {
            self.fail(error);
        }
        self
    }

    /// As [`vars`](Self::vars), from the process's environment.
    pub fn env(self) -> Self {
        self.vars(&Vars::from_env())
    }

    /// The same configuration, with the key found in another way.
    #[cfg(feature = "runtime")]
    pub(crate) fn finds<F>(self, finds: F) -> Config<F> {
        Config {
            finds,
            rule: self.rule,
            client: self.client,
            on_missing: self.on_missing,
            on_busy: self.on_busy,
            refusal: self.refusal,
            reserve: self.reserve,
            metrics: self.metrics,
            function: self.function,
            handler: self.handler,
            sigterm: self.sigterm,
            disabled: self.disabled,
            dedup: self.dedup,
            own_rows: self.own_rows,
            batch_report: self.batch_report,
            record_rule: self.record_rule,
            records: self.records,
            unknown: self.unknown,
            wrong: self.wrong,
        }
    }

    /// Returns the first invalid setting as an error; warns of unusual ones.
    pub(crate) fn checked(&mut self) -> Result<(), Error> {
        for name in &self.unknown {
            tracing::warn!(%name, "unknown setting");
        }
        if self.disabled {
            tracing::warn!("LOCKS_DISABLED: every handler runs without a lock");
        }
        self.wrong.take().map_or(Ok(()), Err)?;
        let function = self.function.clone();
        let function = function.or_else(|| Vars::from_env().function_name().map(str::to_owned));
        let Some(dedup) = &mut self.dedup else {
            return Ok(());
        };
        if self.on_busy == Some(OnBusy::Skip) {
            return Err(Error::configuration(
                "LOCKS_ON_BUSY `skip` does not go together with LOCKS_DEDUP: it would give up an event whose twin is \
                 still at work and may yet fail; expected `wait` or `fail`",
            ));
        }
        dedup.checked(function.as_deref())
    }

    /// A closure sees whole events.
    #[cfg(feature = "runtime")]
    pub(crate) fn only_whole_events(&self) -> Result<(), Error> {
        let by_key = self.dedup.as_ref().is_some_and(Dedup::is_of_records);
        match self.records == Some(RecordMode::Each) || by_key {
            true => Err(Error::configuration(format!(
                "{RECORDS} `each` needs a rule for the key of a record, and the key comes from a closure: expected \
                 LOCKS_KEY, as in `/Records/*/body/orderId`"
            ))),
            false => Ok(()),
        }
    }

    fn fail(&mut self, error: Error) {
        self.wrong.get_or_insert(error);
    }
}

const KEY: &str = "LOCKS_KEY";

/// The syntax of a rule, for messages.
const RULE: &str = "a JSON pointer into the event, `@tenant`, `@function`, `@source`, `@request-id` or a text in single \
                    quotes, or several of them with commas";

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
