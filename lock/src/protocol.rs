//! The protocol: what a lock's row and its entries say, and what a client does about it. Pure.
//!
//! The package `heart` builds these files alone, without the SDK; the model and the simulation run them as they ship.

pub(crate) mod nonce;
pub(crate) mod time;

pub(crate) mod operation_id;

pub(crate) mod entry;
pub(crate) mod operation;
pub(crate) mod row;
pub(crate) mod write;

pub(crate) mod messages;

pub(crate) mod liveness;

pub(crate) mod acquisition;

pub use self::acquisition::Acquisition;
pub use self::entry::{Entry, Fields, Owner, Ticket};
pub use self::messages::{
    Action, Answer, Event, OnExpiry, Outcome, Pause, RecoveryOutcome, Refusal, RefusalReason,
    Terms, WaitMode,
};
pub use self::nonce::Nonce;
pub use self::operation::{
    Attempt, Begun, Completion, Completions, Kept, OperationState, OperationTerms, OperationUpdate,
    UnlessDone, done_until,
};
pub use self::operation_id::{Fingerprint, OperationId};
pub use self::row::Row;
pub use self::time::{Moment, MonotonicInstant, TimeInterval, Timestamp};
pub use self::write::{RenewalUpdate, RowLifetime, Write};
