//! The configuration: everything that is set once, for every invocation.
//!
//! Every variable has a setter, and the same rules check both, once, when the policy or the layer
//! is built. The first invalid setting is the error.

use std::time::Duration;

use dynamodb_locks::{Error, Locks, Settings, Vars};

use crate::batch::{BatchReport, RECORDS, RecordMode};
use crate::deadline::Reserve;
use crate::dedup::Dedup;
use crate::key::{KeyRule, OnMissing};
use crate::metrics::Metrics;
use crate::source::RefusalMode;

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

    /// The settings of the locks, all of them. Start from [`Settings::from_vars`]: [`Settings::new`] keeps no journal, so the
    /// extension has nothing to release. Default: [`Settings::new`], or what the variables say.
    pub fn settings(mut self, settings: Settings) -> Self {
        let (settings, lease) = (Box::new(settings), Lease::Chosen);
        self.client = Client::Of { settings, lease };
        self
    }

    /// Uses the caller's locks, settings included.
    pub fn locks(mut self, locks: Locks) -> Self {
        self.client = Client::Own(locks);
        self
    }

    /// What happens to an event without a key. Default: it is refused.
    pub fn on_missing(mut self, on_missing: OnMissing) -> Self {
        self.on_missing = on_missing;
        self
    }

    /// What happens to an event whose lock is held. Default: it waits; a record of a batch is reported as failed instead,
    /// and comes again.
    pub fn on_busy(mut self, on_busy: OnBusy) -> Self {
        self.on_busy = Some(on_busy);
        self
    }

    /// How a refusal reaches the caller. Default: as the event's source expects.
    pub fn refusal(mut self, refusal: RefusalMode) -> Self {
        self.refusal = refusal;
        self
    }

    /// The time that waiting leaves for the work. Default: a tenth of the time until the deadline, at
    /// least 500 ms.
    pub fn reserve(mut self, reserve: Duration) -> Self {
        if reserve > LONGEST_RESERVE {
            let right = "expected at most 15 minutes, as long as a function may run";
            self.fail(Error::configuration(format!(
                "invalid reserve `{reserve:?}`: {right}"
            )));
        }
        self.reserve = Reserve::of(reserve);
        self
    }

    /// Writes metrics in CloudWatch's embedded format. Default: none.
    pub fn metrics(mut self) -> Self {
        self.metrics = true;
        self
    }

    /// The handler's work goes on when its future is dropped, as that of another process does. It is then never
    /// interrupted, neither before the deadline nor when the lease is lost, and the lease lasts until the
    /// deadline unless another was chosen, so that it cannot be lost before.
    pub fn cannot_stop_handler(mut self) -> Self {
        self.handler = Handler::CannotBeStopped;
        self
    }

    /// Leaves SIGTERM to the caller's hook, which releases the locks with [`Locks::release_all`];
    /// the extension recovers what it does not release. Default: the layer stops the handlers,
    /// releases their locks and ends the process.
    pub fn without_sigterm(mut self) -> Self {
        self.sigterm = SigtermMode::Caller;
        self
    }

    /// Runs an event once that is delivered twice; see [`Dedup`]. Default: each delivery runs.
    pub fn dedup(mut self, dedup: Dedup) -> Self {
        self.dedup = Some(dedup);
        self
    }

    /// What has a lock: the event, or each record of a batch. Default: the event, unless the key's pointers lead through
    /// `/Records/*`.
    ///
    /// With a lock for each record the handler gets one event with the records whose locks are held. The others are
    /// reported to the source, which delivers them again, together with those that the handler reports.
    ///
    /// ```
    /// use lambda_locks::{Config, Dedup, RecordMode};
    ///
    /// let config = Config::new().key("/Records/*/body/orderId");
    /// // The same, and each message runs once:
    /// let config = Config::new()
    ///     .records(RecordMode::Each)
    ///     .key("/body/orderId")
    ///     .dedup(Dedup::skip("/messageId"));
    /// # let _ = config;
    /// ```
    pub fn records(mut self, records: RecordMode) -> Self {
        self.records = Some(records);
        self
    }

    /// How the source of a batch learns of records that failed or were held back. Default: by name.
    pub fn batch_report(mut self, batch_report: BatchReport) -> Self {
        self.batch_report = batch_report;
        self
    }

    /// Runs every handler without a lock: for tests. Each start warns of it.
    pub fn disabled(mut self) -> Self {
        self.disabled = true;
        self
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

    fn read(&mut self, vars: &Vars) -> Result<(), Error> {
        if let Client::Of { settings, lease } = &mut self.client {
            **settings = Settings::from_vars(vars)?;
            if vars.any("LOCKS_LEASE_DURATION_MS").is_some() {
                *lease = Lease::Chosen;
            }
        }
        self.rule = rule(vars)?.or(self.rule.take());
        self.on_missing = OnMissing::from_vars(vars)?.unwrap_or(self.on_missing);
        self.on_busy = OnBusy::from_vars(vars)?.or(self.on_busy);
        self.records = RecordMode::from_vars(vars)?.or(self.records);
        self.batch_report = BatchReport::from_vars(vars)?.unwrap_or(self.batch_report);
        self.refusal = RefusalMode::from_vars(vars)?.unwrap_or(self.refusal);
        self.reserve = Reserve::from_vars(vars)?.unwrap_or(self.reserve);
        self.dedup = Dedup::from_vars(vars)?.or(self.dedup.take());
        self.metrics = Metrics::from_vars(vars)?.unwrap_or(self.metrics);
        let switch = [("0", false), ("1", true)];
        self.disabled = vars
            .choice("LOCKS_DISABLED", &switch)?
            .unwrap_or(self.disabled);
        self.function = vars.function_name().map(str::to_owned);
        self.unknown = vars.unknown().into_iter().map(str::to_owned).collect();
        Ok(())
    }
}

const KEY: &str = "LOCKS_KEY";

/// The syntax of a rule, for messages.
const RULE: &str = "a JSON pointer into the event, `@tenant`, `@function`, `@source`, `@request-id` or a text in single \
                    quotes, or several of them with commas";

fn rule(vars: &Vars) -> Result<Option<KeyRule>, Error> {
    let Some(text) = vars.text(KEY)? else {
        return Ok(None);
    };
    let wrong = |error| vars.wrong(KEY, &format!("{RULE} ({error})"));
    KeyRule::parse(text).map(Some).map_err(wrong)
}

impl OnBusy {
    fn from_vars(vars: &Vars) -> Result<Option<Self>, Error> {
        let words = [
            ("wait", Self::Wait),
            ("fail", Self::Fail),
            ("skip", Self::Skip),
        ];
        vars.choice("LOCKS_ON_BUSY", &words)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
