//! Operations that this client knows to be done: their duplicates need no request.
//!
//! Only what the table has said enters, an entry never lengthens a window, and none is older than a minute: an
//! operation that was forgotten in the table is forgotten everywhere a minute later.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::idempotency::{Completed, Response};
use crate::key::Key;
use crate::protocol::operation_id::OperationId;
use crate::protocol::time::{Clock, Mark, Timestamp};

/// The completed operations of one client, as long as there is room.
#[derive(Debug, Default)]
pub(crate) struct CompletedCache(Mutex<ByOperation>);

#[derive(Debug, Default)]
struct ByOperation {
    bytes: usize,
    added: u64,
    known: HashMap<(Arc<str>, OperationId), Known>,
}

#[derive(Debug)]
struct Known {
    completed: Completed,
    since: Mark,
    number: u64,
}

/// How long it is known.
const AGE: Duration = Duration::from_secs(60);

const MOST: usize = 256;
const MOST_BYTES: usize = 1024 * 1024;

/// A longer response would displace too many others.
const LONGEST_RESPONSE: usize = 64 * 1024;

impl CompletedCache {
    /// What is known of an operation, if that was learnt within the last minute.
    pub(crate) fn get(&self, key: &Key, id: OperationId, clock: &Clock) -> Option<Completed> {
        let mut cache = self.lock();
        let name = (Arc::from(key.as_str()), id);
        let known = cache.known.get(&name)?;
        let age = clock.tick().since(known.since.tick()) + clock.missed_since(known.since);
        let until = Timestamp(known.completed.completion().until * 1_000_000);
        if age < AGE && !clock.has_gone_back(known.since) && clock.moment().now.latest <= until {
            return Some(known.completed.clone());
        }
        cache.remove(&name);
        None
    }

    /// The table has said that an operation is done.
    pub(crate) fn add(&self, key: &Key, id: OperationId, completed: Completed, clock: &Clock) {
        if bytes(&completed) > LONGEST_RESPONSE {
            return;
        }
        let mut cache = self.lock();
        let name = (Arc::from(key.as_str()), id);
        cache.remove(&name);
        cache.bytes += bytes(&completed);
        cache.added += 1;
        let known = Known {
            completed,
            since: clock.mark(),
            number: cache.added,
        };
        cache.known.insert(name, known);
        while cache.known.len() > MOST || cache.bytes > MOST_BYTES {
            cache.remove_oldest();
        }
    }

    /// An operation is forgotten.
    pub(crate) fn remove(&self, key: &Key, id: OperationId) {
        self.lock().remove(&(Arc::from(key.as_str()), id));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ByOperation> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ByOperation {
    fn remove(&mut self, name: &(Arc<str>, OperationId)) {
        if let Some(known) = self.known.remove(name) {
            self.bytes -= bytes(&known.completed);
        }
    }

    fn remove_oldest(&mut self) {
        let oldest = self.known.iter().min_by_key(|(_, known)| known.number);
        if let Some(name) = oldest.map(|(name, _)| name.clone()) {
            self.remove(&name);
        }
    }
}

fn bytes(completed: &Completed) -> usize {
    match completed.response() {
        Response::Text(text) => text.len(),
        Response::None | Response::Gone => 0,
    }
}
