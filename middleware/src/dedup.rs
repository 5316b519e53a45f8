//! Deduplication: an event that is delivered twice runs once.

mod read;
mod responses;

use std::time::Duration;

use dynamodb_locks::{Error, Operation};

use self::responses::Responses;
use crate::event::Event;
use crate::event::fingerprint::FingerprintRule;
use crate::event::invocation::Invocation;
use crate::event::key::{KeyError, KeyRule};
use crate::event::pointer::PointerError;

/// How events are deduplicated: what tells that two deliveries are the same event, and what becomes of the second.
///
/// The second delivery is answered when the first is done; while that runs, it waits. An event is done when the
/// handler returns `Ok`, unless the response tells of a failure: an HTTP status of 400 or more, or a
/// `batchItemFailures` that is not empty. After an error, a panic, a timeout or a lost lease it is not done, and its
/// next delivery runs; unless the handler has declared the error [`permanent`](crate::permanent).
///
/// ```
/// use std::time::Duration;
///
/// use lambda_locks::{Dedup, LockLayer};
///
/// let builder = LockLayer::builder()
///     .key("/Records/*/body/orderId")
///     .dedup(Dedup::skip("/Records/*/messageId").window(Duration::from_secs(3600)));
/// # let _ = builder;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Dedup {
    replays: bool,
    key: Result<KeyRule, String>,
    window: Duration,
    scope: Option<String>,
    fingerprint: Result<FingerprintRule, String>,
    at_most_once: bool,
    /// The names of errors after which an event counts as done.
    permanent: Vec<String>,
    responses: Responses,
}

const MODE: &str = "LOCKS_DEDUP";
const KEY: &str = "LOCKS_DEDUP_KEY";
const WINDOW: &str = "LOCKS_DEDUP_WINDOW_MS";
const INTERRUPTED: &str = "LOCKS_DEDUP_INTERRUPTED";
const PERMANENT: &str = "LOCKS_DEDUP_PERMANENT";
const SCOPE: &str = "LOCKS_DEDUP_SCOPE";
const FINGERPRINT: &str = "LOCKS_DEDUP_FINGERPRINT";

/// Longer than Lambda and EventBridge redeliver an event: each gives up after a day.
const DEFAULT_WINDOW: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// A shorter window ends before the clocks agree that it began.
const SHORTEST_WINDOW: u64 = 10_000;

/// The scope where nothing names the function.
const NO_FUNCTION: &str = "local";

impl Dedup {
    /// A duplicate is answered with `null`, or with an empty response where its source expects one over HTTP. The key
    /// is a rule as in `LOCKS_KEY`; see [`KeyRule`].
    pub fn skip(key: &str) -> Self {
        Self::new(key, false)
    }

    /// A duplicate is answered with the first run's response. The key is a rule as in `LOCKS_KEY`; see [`KeyRule`].
    pub fn replay(key: &str) -> Self {
        Self::new(key, true)
    }

    fn new(key: &str, replays: bool) -> Self {
        let rule = KeyRule::parse(key).map(|rule| rule.of(KEY));
        Self {
            replays,
            key: rule.map_err(|error| format!("invalid idempotency key `{key}`: {error}")),
            window: DEFAULT_WINDOW,
            scope: None,
            fingerprint: Ok(FingerprintRule::default()),
            at_most_once: false,
            permanent: Vec::new(),
            responses: Responses::default(),
        }
    }

    /// How long an event counts as done. Default: two days. At least 10 seconds, at most seven days.
    pub fn window(self, window: Duration) -> Self {
        Self { window, ..self }
    }

    /// The namespace of the events. Two functions that share a table and a lock do not take each other's events for
    /// their own. Default: the function's name.
    pub fn scope(self, scope: impl Into<String>) -> Self {
        let scope = Some(scope.into());
        Self { scope, ..self }
    }

    /// What has to be the same in both deliveries, as a rule: the same key with another fingerprint is refused with
    /// `Lock.KeyReused`. `auto`, the default, compares requests over HTTP by method, path, query, body and caller, and
    /// nothing else; `none` compares nothing.
    pub fn fingerprint(self, rule: &str) -> Self {
        let fingerprint = FingerprintRule::parse(rule);
        Self {
            fingerprint: fingerprint
                .map_err(|error| format!("invalid fingerprint `{rule}`: {error}")),
            ..self
        }
    }

    /// Refuses an event whose first run ended in an unknown way: after a panic, a timeout, a lost lease or the
    /// death of the process its next delivery fails with `Lock.Interrupted`, for the length of the window, and does not
    /// run. A handler that returns an error may run again. Default: such an event runs again.
    pub fn refuse_interrupted(self) -> Self {
        Self {
            at_most_once: true,
            ..self
        }
    }

    /// The names of errors after which an event counts as done, for handlers in other languages: no other delivery of it
    /// would end better. A handler in Rust declares such an error with [`permanent`](crate::permanent), and the
    /// layer refuses this setting. Default: none.
    pub fn permanent_errors<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        let permanent = names.into_iter().map(Into::into).collect();
        Self { permanent, ..self }
    }

    /// The longest response that is kept, in bytes; for a longer one only the completion is kept. Default: 350 KB, which is the
    /// most.
    pub fn keep_bytes(self, most: usize) -> Self {
        let responses = self.responses.most(most);
        Self { responses, ..self }
    }

    /// Changes what the table keeps of a response, for instance to mask secrets; with `None` it keeps only that the event is
    /// done. Duplicates get what was kept. It has to be JSON. To encrypt it, see
    /// [`Settings::seal`](crate::Settings::seal). A response that a handler gives to
    /// [`complete_with`](crate::LockHandle::complete_with) is kept as it is. Default: the response.
    ///
    /// ```
    /// # use lambda_locks::Dedup;
    /// let dedup = Dedup::replay("/id").keep(|response| Some(response.replace("4111 1111", "**** ****")));
    /// # let _ = dedup;
    /// ```
    pub fn keep(self, change: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        let responses = self.responses.change(change);
        Self { responses, ..self }
    }

    /// The header that marks a replay over HTTP; an empty one marks nothing. Default: `idempotent-replayed`.
    pub fn header(self, header: &str) -> Self {
        let responses = self.responses.header(header);
        Self { responses, ..self }
    }

    /// Checks it, and fills in whose events they are.
    pub(crate) fn checked(&mut self, function: Option<&str>) -> Result<(), Error> {
        let wrong = [self.key.as_ref().err(), self.fingerprint.as_ref().err()];
        if let Some(wrong) = wrong.into_iter().flatten().next() {
            return Err(Error::configuration(wrong.clone()));
        }
        if let Some(right) = self.responses.wrong() {
            return Err(Error::configuration(format!(
                "invalid header of a replay: expected {right}"
            )));
        }
        if let Some(right) = self.wrong_name() {
            let names = self.permanent.join(",");
            return Err(Error::configuration(format!(
                "invalid names of permanent errors `{names}`: expected {right}"
            )));
        }
        let shortest = Duration::from_millis(SHORTEST_WINDOW);
        if !(shortest..=Operation::LONGEST_WINDOW).contains(&self.window) {
            let (window, longest) = (self.window, Operation::LONGEST_WINDOW);
            return Err(Error::configuration(format!(
                "invalid window `{window:?}`: expected {shortest:?} to {longest:?}, for which the table keeps the row"
            )));
        }
        self.scope
            .get_or_insert_with(|| function.unwrap_or(NO_FUNCTION).to_owned());
        Ok(())
    }

    /// Whether its key, or its fingerprint, is that of each record of a batch.
    pub(crate) fn is_of_records(&self) -> bool {
        let by_fingerprint = self
            .fingerprint
            .as_ref()
            .is_ok_and(FingerprintRule::is_of_records);
        by_fingerprint || self.key.as_ref().is_ok_and(KeyRule::is_of_records)
    }

    /// The same for each record of a batch.
    pub(crate) fn of_records(self) -> Result<Self, Error> {
        if self.replays {
            return Err(Error::configuration(
                "LOCKS_DEDUP `replay` does not go together with a lock for each record: nobody reads the response to \
                 a record; expected `skip`",
            ));
        }
        if self.at_most_once {
            return Err(Error::configuration(format!(
                "{INTERRUPTED} `refuse` does not go together with a lock for each record: records of one key share a \
                 lock, and only the first of them could say that it begins; expected `retry`"
            )));
        }
        if !self.permanent.is_empty() {
            return Err(Error::configuration(format!(
                "{PERMANENT} does not go together with a lock for each record: an error fails the whole batch, and does \
                 not tell for which record no retry would help; leave such a record out of `batchItemFailures`"
            )));
        }
        let (Ok(key), Ok(fingerprint)) = (&self.key, &self.fingerprint) else {
            return Ok(self);
        };
        let wrong = |variable: &str, error: PointerError| {
            Error::configuration(format!("invalid {variable}: {error}"))
        };
        let in_record = key.clone().of_records();
        let in_record = in_record.map_err(|error| wrong(KEY, error))?;
        if !in_record.is_of_records() {
            return Err(Error::configuration(format!(
                "{KEY} `{key}` is the same for all records of a batch, and all but one would count as duplicates: \
                 expected a pointer into the record, for instance `/messageId`"
            )));
        }
        let fingerprint = fingerprint.clone().of_records();
        Ok(Self {
            key: Ok(in_record),
            fingerprint: Ok(fingerprint.map_err(|error| wrong(FINGERPRINT, error))?),
            ..self
        })
    }

    /// The lock of each event by itself, for those who name no other.
    pub(crate) fn lock_rule(&self) -> Option<KeyRule> {
        let scope = self.scope.as_deref().unwrap_or(NO_FUNCTION);
        Some(self.key.as_ref().ok()?.within(scope))
    }

    /// What an event asks to be done once.
    pub(crate) fn operation<E>(
        &self,
        event: &E,
        about: Invocation<'_>,
    ) -> Result<Operation, KeyError>
    where
        E: Event + ?Sized,
    {
        let (Ok(key), Ok(fingerprint)) = (&self.key, &self.fingerprint) else {
            return Err(KeyError::bad("the configuration was not checked"));
        };
        let scope = self.scope.as_deref().unwrap_or(NO_FUNCTION);
        let operation = Operation::new(scope, &key.find(event, about)?).window(self.window);
        let operation = match self.replays {
            true => operation.replays(),
            false => operation,
        };
        let operation = match self.at_most_once {
            true => operation.at_most_once(),
            false => operation,
        };
        Ok(match fingerprint.of(event, about)? {
            Some(request) => operation.fingerprint(&request),
            None => operation,
        })
    }

    /// What is right, if the names of permanent errors are not.
    fn wrong_name(&self) -> Option<&'static str> {
        let wrong = |name: &String| {
            name.is_empty() || name.contains(|c: char| c == ',' || c.is_whitespace())
        };
        let wrong = self.permanent.iter().any(wrong);
        wrong.then_some(
            "names of errors with commas between, for instance `ValidationError,MyApp.BadOrder`",
        )
    }

    /// Whether an event counts as done after an error of this name.
    pub(crate) fn is_permanent(&self, error: &str) -> bool {
        self.permanent.iter().any(|name| name == error)
    }

    /// Errors of a handler in Rust have no names before the runtime has them.
    #[cfg(feature = "runtime")]
    pub(crate) fn without_names(&self) -> Result<(), Error> {
        match self.permanent.is_empty() {
            true => Ok(()),
            false => Err(Error::configuration(format!(
                "{PERMANENT} is for functions in other languages, for which the extension locks: in Rust declare the \
                 error with `lambda_locks::permanent(error)`"
            ))),
        }
    }

    /// What is kept of a response.
    pub(crate) fn kept(&self, response: String) -> Option<String> {
        self.responses.kept(response)
    }

    /// The header that marks a replay over HTTP, if one does.
    pub(crate) fn replay_header(&self) -> Option<&str> {
        self.responses.marks()
    }

    /// Whether a duplicate gets the first run's response.
    pub(crate) fn replays(&self) -> bool {
        self.replays
    }
}

#[cfg(test)]
mod tests;
