//! A handler for single records, as a handler of batches.

mod lanes;
mod run;

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use dynamodb_locks::{Error, Vars};
use lambda_runtime::LambdaEvent;
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use tower::Service;

use self::run::{Batch, run};
use super::error::LayerError;
use super::payload::RawEvent;
use crate::batch::BatchReport;
use crate::event::records::Records;
use crate::policy::batch_scope::BatchScope;

/// Turns a handler for one record into a handler for batches.
///
/// Put it under the layer, with a lock for each record:
///
/// ```no_run
/// use lambda_locks::{LockLayer, records};
/// use lambda_runtime::{Error, LambdaEvent, service_fn};
/// use serde::Deserialize;
/// use tower::ServiceBuilder;
///
/// #[derive(Deserialize)]
/// struct Message {
///     body: String,
/// }
///
/// async fn handler(message: LambdaEvent<Message>) -> Result<(), Error> {
///     // No other invocation works on this order now.
///     println!("{}", message.payload.body);
///     Ok(())
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Error> {
/// // LOCKS_KEY=/Records/*/body/orderId
/// let locked = ServiceBuilder::new().layer(LockLayer::from_env());
/// lambda_runtime::run(locked.service(records(service_fn(handler)))).await
/// # }
/// ```
///
/// Records run side by side, `LOCKS_BATCH_CONCURRENCY` at a time; those of one lock, and those of one message group,
/// partition key or item, one after the other. Behind a record that fails the rest of its group does not run. A record
/// that does not deserialize, or whose handler panics, fails alone. Once only the reserve is left, no further
/// record begins, and shortly before the deadline those that still run are stopped. The response names every record that
/// is not done, and is an error where the source reads no response.
///
/// [`current`](crate::current) is the record's own lock, and `set_done` its own word. Where several records of a batch share
/// a key, `complete_with` is refused: it completes one operation, and they are several.
///
/// # Panics
///
/// If `LOCKS_BATCH_CONCURRENCY` is not a number from 1 to 1000, or `LOCKS_BATCH_REPORT` is neither `items` nor `error`.
pub fn records<S, T>(service: S) -> EachRecord<S, T> {
    let vars = Vars::from_env();
    let read = || Ok((at_once(&vars)?, BatchReport::from_vars(&vars)?));
    let (at_once, report) = read().unwrap_or_else(|error: Error| panic!("{error}"));
    EachRecord {
        service,
        at_once,
        report: report.unwrap_or_default(),
        payload: PhantomData,
    }
}

/// How many records run at a time, unless a setting says otherwise.
const AT_ONCE: NonZeroUsize = NonZeroUsize::new(10).expect("ten is not zero");

fn at_once(vars: &Vars) -> Result<NonZeroUsize, Error> {
    let told = vars.number("LOCKS_BATCH_CONCURRENCY", 1..=1000)?;
    let told = told.and_then(|told| usize::try_from(told).ok());
    Ok(told.and_then(NonZeroUsize::new).unwrap_or(AT_ONCE))
}

/// A handler of batches that calls a handler for each record; see [`records`].
pub struct EachRecord<S, T> {
    service: S,
    at_once: NonZeroUsize,
    report: BatchReport,
    payload: PhantomData<fn(T)>,
}

/// The records of a batch that are not done. It serializes to what the source of the batch reads.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RecordReport(Vec<Value>);

impl<S, T> EachRecord<S, T> {
    /// How many records run at a time. Default: 10, or what `LOCKS_BATCH_CONCURRENCY` says.
    #[must_use]
    pub fn concurrency(self, at_once: NonZeroUsize) -> Self {
        Self { at_once, ..self }
    }

    /// How the source learns of the records that failed. Default: by name, or what `LOCKS_BATCH_REPORT` says.
    #[must_use]
    pub fn report(self, report: BatchReport) -> Self {
        Self { report, ..self }
    }
}

impl RecordReport {
    /// How many records are not done.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.0.len()
    }
}

impl Serialize for RecordReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let failures = self.0.iter().map(|id| json!({"itemIdentifier": id}));
        json!({"batchItemFailures": failures.collect::<Vec<_>>()}).serialize(serializer)
    }
}

type Answered<E> = Result<RecordReport, LayerError<E>>;

impl<S, T> Service<RawEvent> for EachRecord<S, T>
where
    S: Service<LambdaEvent<T>> + Clone + Send + 'static,
    S::Error: fmt::Display + Send,
    S::Response: Send,
    S::Future: Send,
    T: DeserializeOwned + Send + 'static,
{
    type Response = RecordReport;
    type Error = LayerError<S::Error>;
    type Future = Pin<Box<dyn Future<Output = Answered<S::Error>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut TaskContext<'_>) -> Poll<Result<(), Self::Error>> {
        // Each record's own call waits until the service is ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, event: RawEvent) -> Self::Future {
        let (service, at_once, report) = (self.service.clone(), self.at_once, self.report);
        let scope = BatchScope::current();
        Box::pin(async move {
            let Some(found) = Records::find(event.payload.get()) else {
                // An event that is no batch is one record.
                return run(service, event).await.map(|()| RecordReport::default());
            };
            let batch = Batch {
                event,
                found: report.of(found),
                scope,
            };
            batch.run(service, at_once).await
        })
    }
}

impl<S: Clone, T> Clone for EachRecord<S, T> {
    fn clone(&self) -> Self {
        Self {
            service: self.service.clone(),
            at_once: self.at_once,
            report: self.report,
            payload: PhantomData,
        }
    }
}

impl<S: fmt::Debug, T> fmt::Debug for EachRecord<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EachRecord")
            .field("service", &self.service)
            .field("at_once", &self.at_once)
            .field("report", &self.report)
            .finish()
    }
}
