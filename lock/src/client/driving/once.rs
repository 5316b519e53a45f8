//! Doing an operation once: what is known before the lock is asked for, and completing it.

use std::time::Duration;

use tokio::time::timeout_at;

use crate::client::driving::driver::{Budget, Driver};
use crate::client::settings::seal::Sealing;
use crate::client::shared::Shared;
use crate::error::{Error, Kind};
use crate::idempotency::{Completed, Operation, Response};
use crate::key::Key;
use crate::protocol::messages::{Refusal, RefusalReason};
use crate::protocol::operation::{Completion, Kept};
use crate::protocol::operation_id::OperationId;
use crate::table::{Failure, Table};

/// A response of this length stands in the lock's row: there each write of the lock pays for it.
const LONGEST_TEXT: usize = 512;

/// DynamoDB's limit for a row is 400 KB.
const LONGEST_ROW: usize = 350 * 1024;

/// However short the wait was to be, a read of a response gets this long, if the deadline allows it.
const READING: Duration = Duration::from_secs(1);

/// How often a response is written or read: a second copy settles what became of the first.
const TRIES: u32 = 3;

/// How many operations are learnt from one row: memory has room for twice as many.
const MOST_LEARNT: usize = 128;

/// Fails if an operation is known to be done, or cannot be done once in this table.
pub(crate) fn known(shared: &Shared, key: &Key, operation: &Operation) -> Result<(), Error> {
    if operation.replays && !shared.layout.has_rows_beside() {
        let message = "responses cannot be kept in a table whose partition key is a number and that has no sort \
                       key: add a sort key, or do not replay";
        return Err(Error::new(Kind::Configuration, message));
    }
    match shared.completed.get(key, operation.id(), &shared.clock) {
        None => Ok(()),
        Some(completed) if operation.terms().differs_from(completed.completion()) => {
            Err(Error::key_reused(key))
        }
        Some(completed) => Err(Error::completed(key, completed).remembered()),
    }
}

/// Why there is no lock for an operation; with the response, if that is to be replayed.
pub(crate) async fn refused(
    shared: &Shared,
    driver: &Driver,
    refusal: &Refusal,
    operation: Operation,
    budget: Budget,
) -> Error {
    let completion = match &refusal.completion {
        Some(completion) if refusal.reason == RefusalReason::Completed => completion,
        _ => return Error::refused(&driver.key, refusal, driver.clock.moment().now),
    };
    let response = match Completed::told(completion) {
        Some(response) => response,
        None if !operation.replays => Response::None,
        None => {
            let deadline = driver.acquisition.terms().deadline;
            let left = deadline.map(|deadline| deadline.since(shared.clock.tick()));
            let reading = left.unwrap_or(READING).min(READING);
            let until = budget.send.max(shared.clock.after(reading));
            match timeout_at(until, stored(driver, operation, completion)).await {
                Ok(Ok(stored)) => opened(shared, &driver.key, operation, completion, stored),
                Ok(Err(failure)) => {
                    return driver
                        .table
                        .explain(&driver.key, "read the response of", failure);
                }
                Err(_) => return unread(&driver.key),
            }
        }
    };
    let completed = Completed::new(Completion::clone(completion), response);
    remember_others(shared, driver);
    // A response that was not read may be wanted next.
    if operation.replays || Completed::told(completion).is_some() {
        remember(shared, &driver.key, operation.id(), completed.clone());
    }
    Error::completed(&driver.key, completed)
}

/// The text that is stored of a response, here or in a row of its own.
async fn stored(
    driver: &Driver,
    operation: Operation,
    completion: &Completion,
) -> Result<Option<String>, Failure> {
    if let Kept::Sealed(text) = &completion.response {
        return Ok(Some(text.to_string()));
    }
    let mut tries = 1;
    loop {
        let read = driver
            .table
            .response(&driver.key, operation.id(), completion.fence);
        match read.await {
            Err(failure) if failure.answer().is_some() && tries < TRIES => tries += 1,
            done => return done,
        }
    }
}

/// The response that was stored as this text.
fn opened(
    shared: &Shared,
    key: &Key,
    operation: Operation,
    completion: &Completion,
    stored: Option<String>,
) -> Response {
    let sealing = &shared.settings.sealing;
    let sealed = matches!(completion.response, Kept::Sealed(_) | Kept::SealedRow(_));
    match stored {
        None => Response::Gone,
        Some(text) if !sealed => Response::Text(text.into()),
        Some(text) => match sealing.open(key, operation.id(), completion.fence, &text) {
            Ok(text) => Response::Text(text.into()),
            Err(error) => {
                tracing::error!(%key, %error, "a stored response cannot be opened: the operation counts as done");
                Response::Gone
            }
        },
    }
}

fn unread(key: &Key) -> Error {
    let message = format!("no answer came to the read of the response under lock `{key}`");
    Error::new(Kind::Unavailable, message)
}

/// Remembers that an operation is done, as the table has said; without those whose responses stand in other rows and were
/// not read: another caller may ask for them.
pub(crate) fn remember(shared: &Shared, key: &Key, id: OperationId, completed: Completed) {
    let is_read = matches!(completed.response(), Response::Text(_));
    if is_read || Completed::told(completed.completion()).is_some() {
        shared.completed.add(key, id, completed, &shared.clock);
    }
}

/// Remembers that operations are done, as the table has said; without those whose responses stand in other rows.
pub(crate) fn remember_told<'a>(
    shared: &Shared,
    key: &Key,
    completions: impl IntoIterator<Item = (&'a OperationId, &'a Completion)>,
) {
    for (&id, completion) in completions {
        if let Some(response) = Completed::told(completion) {
            let completed = Completed::new(completion.clone(), response);
            remember(shared, key, id, completed);
        }
    }
}

/// Remembers what a row says of other operations of the same lock, the last ones at least: their duplicates often come
/// together, as those of a batch do.
fn remember_others(shared: &Shared, driver: &Driver) {
    let earliest = driver.clock.moment().now.earliest;
    let states = driver.acquisition.operations().iter();
    let mut done: Vec<_> = states
        .filter_map(|(id, state)| Some((id, state.completed(earliest)?)))
        .collect();
    done.sort_by_key(|(_, completion)| completion.fence);
    let last = done.len().saturating_sub(MOST_LEARNT);
    remember_told(shared, &driver.key, done.split_off(last));
}

/// Where the responses of a lock's operations are kept, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Responses<'l> {
    pub(crate) key: &'l Key,
    pub(crate) sealing: &'l Sealing,
}

impl Responses<'_> {
    /// The completion that can be written at once, without a row for its response.
    pub(crate) fn at_once(
        self,
        operation: Operation,
        done: Completion,
        response: Option<&str>,
    ) -> Completion {
        let kept = match response.filter(|_| operation.replays) {
            None => Kept::None,
            Some(text) if text.len() > LONGEST_TEXT => Kept::Lost,
            Some(text) => match self.stored(operation, &done, text) {
                Some(Stored::Plain) => Kept::Text(text.into()),
                Some(Stored::Sealed(text)) if text.len() <= LONGEST_TEXT => {
                    Kept::Sealed(text.into())
                }
                Some(Stored::Sealed(_)) | None => Kept::Lost,
            },
        };
        Completion {
            response: kept,
            ..done
        }
    }

    /// How a response is stored; `None` if it cannot be sealed.
    fn stored(self, operation: Operation, done: &Completion, response: &str) -> Option<Stored> {
        let Self { key, sealing } = self;
        match sealing.seal(key, operation.id(), done.fence, response) {
            None => Some(Stored::Plain),
            Some(Ok(sealed)) => Some(Stored::Sealed(sealed)),
            Some(Err(error)) => {
                tracing::error!(%key, %error, "a response cannot be sealed, and is not kept");
                None
            }
        }
    }

    /// Keeps the response of a run. Returns the completion that is to be written, and the response as duplicates get it;
    /// `record` learns of each completion that holds from then on.
    pub(crate) async fn completion(
        self,
        record: impl Fn(&Completion),
        table: &Table,
        operation: Operation,
        done: Completion,
        response: Option<String>,
        budget: Budget,
    ) -> (Completion, Response) {
        let key = self.key;
        let first = self.at_once(operation, done.clone(), response.as_deref());
        record(&first);
        let Some(text) = response.filter(|_| operation.replays) else {
            return (first, Response::None);
        };
        if first.response != Kept::Lost {
            return (first, Response::Text(text.into()));
        }
        let lost = first;
        let Some(stored) = self.stored(operation, &done, &text) else {
            return (lost, Response::Gone);
        };
        let (stored, kept): (&str, fn(u32) -> Kept) = match &stored {
            Stored::Plain => (&text, Kept::Row),
            Stored::Sealed(sealed) => (sealed, Kept::SealedRow),
        };
        if stored.len() > LONGEST_ROW {
            let (bytes, most) = (stored.len(), LONGEST_ROW);
            tracing::warn!(%key, bytes, most, "the response is too large to keep; the operation counts as done");
            return (lost, Response::Gone);
        }
        let keeping = keep(table, key, operation, &lost, stored);
        let error = match timeout_at(budget.send, keeping).await {
            Ok(Ok(true)) => {
                let bytes = u32::try_from(stored.len()).unwrap_or(u32::MAX);
                let completion = Completion {
                    response: kept(bytes),
                    ..done
                };
                record(&completion);
                return (completion, Response::Text(text.into()));
            }
            Ok(Ok(false)) => Error::new(Kind::Configuration, "the run has kept another one before"),
            Ok(Err(failure)) => table.explain(key, "keep the response of", failure),
            Err(_) => Error::new(Kind::Unavailable, "no answer came in time"),
        };
        tracing::warn!(%key, %error, "the response was not kept; the operation counts as done");
        (lost, Response::Gone)
    }
}

/// A response as it is stored.
enum Stored {
    Plain,
    Sealed(String),
}

async fn keep(
    table: &Table,
    key: &Key,
    operation: Operation,
    completion: &Completion,
    text: &str,
) -> Result<bool, Failure> {
    let mut tries = 1;
    loop {
        let kept = table.keep_response(key, operation.id(), completion, text);
        match kept.await {
            Err(failure) if failure.answer().is_some() && tries < TRIES => tries += 1,
            done => return done,
        }
    }
}
