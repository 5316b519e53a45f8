//! What a caller wants to be done once, and what a caller learns whose operation is done.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use crate::protocol::entry::Ticket;
use crate::protocol::operation::{Completion, Kept, LONGEST_WINDOW, OperationTerms, done_until};
use crate::protocol::operation_id::{Fingerprint, OperationId};
use crate::protocol::time::Timestamp;

/// Something that is to be done once, however often it is asked for.
///
/// It is named by an idempotency key within a scope: the function whose operation it is, for instance, so that two
/// functions that share a lock do not take each other's work for their own.
///
/// ```
/// use std::time::Duration;
///
/// use dynamodb_locks::Operation;
///
/// let operation = Operation::new("orders", "message-7f3a").window(Duration::from_secs(3600));
/// # let _ = operation;
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub struct Operation {
    id: OperationId,
    window: Duration,
    fingerprint: Option<Fingerprint>,
    pub(crate) replays: bool,
    at_most_once: bool,
}

/// The operation is done; this is known of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Completed {
    completion: Completion,
    response: Response,
}

/// The response of the run that has done an operation.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Response {
    /// None was kept, or none was asked for.
    None,
    /// It is this text.
    Text(Arc<str>),
    /// It was too large to be kept, could not be stored, or is gone.
    Gone,
}

/// How long an operation counts as done, unless the caller says otherwise.
const WINDOW: Duration = Duration::from_secs(2 * 24 * 60 * 60);

impl Operation {
    /// The longest window. The table keeps the rows of locks a day longer than this.
    pub const LONGEST_WINDOW: Duration = LONGEST_WINDOW;

    /// The operation with this idempotency key, within this scope.
    pub fn new(scope: &str, key: &str) -> Self {
        // Any character may be part of both.
        let length = u64::try_from(scope.len()).unwrap_or(u64::MAX);
        let hash = Sha256::new()
            .chain_update(length.to_be_bytes())
            .chain_update(scope)
            .chain_update(key)
            .finalize();
        Self {
            id: OperationId::of(first(&hash)),
            window: WINDOW,
            fingerprint: None,
            replays: false,
            at_most_once: false,
        }
    }

    /// How long it counts as done, from the end of the work. Default: two days. At most
    /// [`LONGEST_WINDOW`](Self::LONGEST_WINDOW); a longer one is cut to it.
    pub fn window(self, window: Duration) -> Self {
        let window = window.min(LONGEST_WINDOW);
        Self { window, ..self }
    }

    /// What the request was, as text that is the same for each delivery of it. The same idempotency key with
    /// another request is refused, with an error that [`is_key_reused`](crate::Error::is_key_reused).
    pub fn fingerprint(self, request: &str) -> Self {
        let hash = Sha256::digest(request);
        let fingerprint = Some(Fingerprint::of(first(&hash)));
        Self {
            fingerprint,
            ..self
        }
    }

    /// Keeps the response of the run, and reads it for later callers. To encrypt it where it is stored, see
    /// [`Settings::seal`](crate::Settings::seal).
    pub fn replays(self) -> Self {
        Self {
            replays: true,
            ..self
        }
    }

    /// Whether both have the same idempotency key and scope, whatever else was asked for.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.id == other.id
    }

    /// Never runs it a second time when it is not known how the first run ended: after a panic, a lost lease, the death
    /// of the process or a dropped future the next caller gets an error that
    /// [`is_interrupted`](crate::Error::is_interrupted), for the length of the window, or until
    /// [`Locks::forget`](crate::Locks::forget) is called. A run that fails and says so may be repeated. Default: it is done
    /// at least once, and a run of which nothing is known is repeated.
    ///
    /// A run that had to wait for the lock costs one more write. All callers of an operation have to ask for this:
    /// another one does not mind that a run has begun.
    pub fn at_most_once(self) -> Self {
        Self {
            at_most_once: true,
            ..self
        }
    }

    pub(crate) fn is_at_most_once(&self) -> bool {
        self.at_most_once
    }

    pub(crate) fn id(&self) -> OperationId {
        self.id
    }

    /// Its completion by the run with this fence, whose work has ended now at the latest.
    pub(crate) fn completion(&self, fence: u64, latest: Timestamp) -> Completion {
        Completion {
            until: done_until(latest, self.window),
            fence: Ticket(fence),
            fingerprint: self.fingerprint,
            response: Kept::None,
        }
    }

    pub(crate) fn terms(&self) -> OperationTerms {
        OperationTerms {
            id: self.id,
            fingerprint: self.fingerprint,
            at_most_once: self.at_most_once.then_some(self.window),
        }
    }
}

fn first<const LENGTH: usize>(hash: &[u8]) -> [u8; LENGTH] {
    let mut first = [0; LENGTH];
    first.copy_from_slice(&hash[..LENGTH]);
    first
}

impl Completed {
    pub(crate) fn new(completion: Completion, response: Response) -> Self {
        Self {
            completion,
            response,
        }
    }

    /// What the completion itself tells of the response; none if that is in another row, or sealed.
    pub(crate) fn told(completion: &Completion) -> Option<Response> {
        match &completion.response {
            Kept::None => Some(Response::None),
            Kept::Text(text) => Some(Response::Text(Arc::clone(text))),
            Kept::Lost => Some(Response::Gone),
            Kept::Row(_) | Kept::Sealed(_) | Kept::SealedRow(_) => None,
        }
    }

    /// As a person sees it, without a response that is in another row.
    pub(crate) fn inspected(completion: &Completion) -> Self {
        let response = Self::told(completion).unwrap_or(Response::None);
        Self::new(completion.clone(), response)
    }

    pub(crate) fn completion(&self) -> &Completion {
        &self.completion
    }

    /// Whether it stays as it is when the same run is completed again with this response: a response in a row of its own is
    /// never replaced.
    pub(crate) fn stands_against(&self, response: &Option<String>) -> bool {
        response.is_none() || matches!(self.completion.response, Kept::Row(_) | Kept::SealedRow(_))
    }

    /// The fencing token of the run that has done it.
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.completion.fence.0
    }

    /// Until when the operation counts as done.
    #[must_use]
    pub fn until(&self) -> SystemTime {
        Timestamp(self.completion.until * 1_000_000).to_system_time()
    }

    /// The response of that run.
    #[must_use]
    pub fn response(&self) -> &Response {
        &self.response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_named_by_its_scope_and_its_key() {
        let id = |scope, key| Operation::new(scope, key).id();
        assert_eq!(id("orders", "42"), id("orders", "42"));
        assert_ne!(id("orders", "42"), id("orders", "43"));
        assert_ne!(id("orders", "42"), id("mails", "42"));
        assert_ne!(id("a", "bc"), id("ab", "c"));
        assert_ne!(id("a\0b", "c"), id("a", "b\0c"));
    }

    #[test]
    fn a_window_has_a_bound() {
        let operation = Operation::new("", "42");
        assert_eq!(operation.window, WINDOW);
        assert_eq!(operation.window(Duration::MAX).window, LONGEST_WINDOW);
    }
}
