//! A handler for single records, as a handler of batches.

mod lanes;

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll};

use dynamodb_locks::{Error, LockHandle, LockScope, Vars};
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use lambda_runtime::LambdaEvent;
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tower::{Service, ServiceExt};

use self::lanes::{Lane, lanes};
use super::error::LayerError;
use super::payload::{RawEvent, read};
use crate::batch::{BatchReport, named};
use crate::batch_scope::BatchScope;
use crate::deadline::{Deadline, Reserve};
use crate::failure::LockError;
use crate::records::Records;

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

/// Calls the handler of one record.
async fn run<S, T>(service: S, record: RawEvent) -> Result<(), LayerError<S::Error>>
where
    S: Service<LambdaEvent<T>>,
    T: DeserializeOwned,
{
    let record = read(record).map_err(LayerError::Payload)?;
    let done = service.oneshot(record).await;
    done.map(drop).map_err(LayerError::Handler)
}

fn locked<E>(progress: &Mutex<Progress<E>>) -> MutexGuard<'_, Progress<E>> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One batch.
struct Batch {
    event: RawEvent,
    found: Records,
    scope: Option<Arc<BatchScope>>,
}

/// What has become of the records so far.
struct Progress<E> {
    done: Vec<bool>,
    /// The first error of a handler.
    error: Option<LayerError<E>>,
}

impl Batch {
    async fn run<S, T>(self, service: S, at_once: NonZeroUsize) -> Answered<S::Error>
    where
        S: Service<LambdaEvent<T>> + Clone,
        S::Error: fmt::Display,
        T: DeserializeOwned,
    {
        let progress = Mutex::new(Progress {
            done: vec![false; self.found.records.len()],
            error: None,
        });
        if let Some(scope) = &self.scope {
            scope.tells_of_each();
        }
        self.run_lanes(service, at_once, &progress).await;
        let progress = progress.into_inner();
        self.report(progress.unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs all records, as far as the time allows.
    async fn run_lanes<S, T>(
        &self,
        service: S,
        at_once: NonZeroUsize,
        progress: &Mutex<Progress<S::Error>>,
    ) where
        S: Service<LambdaEvent<T>> + Clone,
        S::Error: fmt::Display,
        T: DeserializeOwned,
    {
        let (deadline, reserve) = self.bounds();
        let lanes = lanes(&self.found.records, |record| self.lock(record));
        let running = stream::iter(lanes)
            .map(move |lane| {
                let is_time =
                    move || !deadline.is_some_and(|end| reserve.leaves(end.left()).is_zero());
                self.run_lane(service.clone(), lane, is_time, progress)
            })
            .buffer_unordered(at_once.get())
            .collect::<()>();
        let Some(deadline) = deadline else {
            return running.await;
        };
        tokio::select! {
            biased;
            () = running => {}
            () = deadline.report() => {
                tracing::warn!("the deadline is near: records that still run are stopped, and come again");
            }
        }
    }

    /// The deadline, and the time that is kept before it.
    fn bounds(&self) -> (Option<Deadline>, Reserve) {
        match &self.scope {
            Some(scope) => (scope.deadline, scope.reserve),
            None => {
                let deadline = Deadline::of(self.event.context.deadline());
                (deadline, Reserve::default())
            }
        }
    }

    fn lock(&self, record: usize) -> Option<&LockHandle> {
        self.scope.as_ref()?.locks.get(record)?.as_ref()
    }

    /// Runs records one after the other, as long as there is time.
    async fn run_lane<S, T>(
        &self,
        service: S,
        lane: Lane,
        is_time: impl Fn() -> bool,
        progress: &Mutex<Progress<S::Error>>,
    ) where
        S: Service<LambdaEvent<T>> + Clone,
        S::Error: fmt::Display,
        T: DeserializeOwned,
    {
        let mut failed_groups = Vec::new();
        for index in lane.records {
            let record = &self.found.records[index];
            if record.group.is_some() && failed_groups.contains(&&record.group) {
                continue;
            }
            if !is_time() {
                tracing::warn!("the reserve is reached: no further record begins");
                return;
            }
            let service = service.clone();
            match self.run_record(service, index).await {
                Ok(()) => {
                    locked(progress).done[index] = true;
                    if let Some(scope) = &self.scope {
                        scope.is_done(index);
                    }
                }
                Err(failure) => {
                    failed_groups.push(&record.group);
                    if let Some(failure) = failure {
                        let record = named(record);
                        tracing::error!(record, error = %failure, "a record failed");
                        locked(progress).error.get_or_insert(failure);
                    }
                }
            }
        }
    }

    /// Runs one record, under its own lock. `None` is a panic.
    async fn run_record<S, T>(
        &self,
        service: S,
        index: usize,
    ) -> Result<(), Option<LayerError<S::Error>>>
    where
        S: Service<LambdaEvent<T>>,
        T: DeserializeOwned,
    {
        let text = &self.event.payload.get()[self.found.records[index].span.clone()];
        let record = RawValue::from_string(text.to_owned());
        let record = record.expect("a value inside JSON text is JSON text");
        let record = LambdaEvent::new(record, self.event.context.clone());
        let mut work = pin!(AssertUnwindSafe(run(service, record)).catch_unwind());
        let lock = self.lock(index);
        let ended = poll_fn(|cx| match lock {
            Some(lock) => lock.scope(|| work.as_mut().poll(cx)),
            // The locks of other records are not its own.
            None => LockScope::none().scope(|| work.as_mut().poll(cx)),
        });
        match ended.await {
            Ok(ended) => ended.map_err(Some),
            Err(_) => {
                let record = named(&self.found.records[index]);
                tracing::error!(record, "the handler of a record panicked");
                Err(None)
            }
        }
    }

    fn report<E>(&self, progress: Progress<E>) -> Answered<E> {
        let records = self.found.records.iter().zip(progress.done);
        let failed: Vec<_> = records.filter(|(_, done)| !done).collect();
        let names: Option<Vec<_>> = failed.iter().map(|(record, _)| record.id.clone()).collect();
        match (names, progress.error) {
            (Some(names), _) if self.found.reports => Ok(RecordReport(names)),
            _ if failed.is_empty() => Ok(RecordReport::default()),
            (_, Some(error)) => Err(error),
            (_, None) => Err(LayerError::Lock(LockError::partial_batch(
                failed.len(),
                self.found.records.len(),
            ))),
        }
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
