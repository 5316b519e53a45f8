//! Running the records of one batch.

use std::fmt;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dynamodb_locks::{LockHandle, LockScope};
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use lambda_runtime::LambdaEvent;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tower::{Service, ServiceExt};

use super::super::error::LayerError;
use super::super::payload::{RawEvent, read};
use super::lanes::{Lane, lanes};
use super::{Answered, RecordReport};
use crate::answer::failure::LockError;
use crate::batch::named;
use crate::deadline::{Deadline, Reserve};
use crate::event::records::Records;
use crate::policy::batch_scope::BatchScope;

/// Calls the handler of one record.
pub(super) async fn run<S, T>(service: S, record: RawEvent) -> Result<(), LayerError<S::Error>>
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
pub(super) struct Batch {
    pub(super) event: RawEvent,
    pub(super) found: Records,
    pub(super) scope: Option<Arc<BatchScope>>,
}

/// What has become of the records so far.
struct Progress<E> {
    done: Vec<bool>,
    /// The first error of a handler.
    error: Option<LayerError<E>>,
}

impl Batch {
    pub(super) async fn run<S, T>(self, service: S, at_once: NonZeroUsize) -> Answered<S::Error>
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
        let lock = self.scope.as_ref()?.locks.get(record)?.as_ref()?;
        Some(&lock.handle)
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
