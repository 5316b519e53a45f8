//! Distributed locks on DynamoDB: fenced, fair, and two writes each.
//!
//! ```no_run
//! # async fn example() -> Result<(), dynamodb_locks::Error> {
//! let locks = dynamodb_locks::Locks::from_env()?;
//! let guard = locks.acquire("order/42").await?;
//! // Nobody else works on order 42 now; `guard.fence()` proves it to whoever stores the result.
//! guard.release().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Words
//!
//! - **lock**: one row in the table, named by a **key**.
//! - **entry**: one line in the row's queue: somebody who holds the lock, or waits for it.
//! - **holder**: the owner of the smallest entry. Its **position** is 0; the others have 1, 2, ...
//! - **ticket**: the number that orders entries. The holder's is its **fence**.
//! - **lease**: how long a holder counts as alive without a renewal; the **renewal time** is the time
//!   of its last one. A **heartbeat** is such a sign, a **claim** is a heartbeat before acting.
//! - **evict**: remove a dead holder's entry. **withdraw**: take one's own entry out of the queue.
//!   **invalidate**: make sure that an entry that may still be on its way can no longer enter.
//! - **journal**: the records, on local disk, of entries that this machine has written or may have
//!   written. **sweep**: give back what the journal lists and no living process owns.
//!
//! # How it works
//!
//! The queue is the lock. One conditional write puts an entry into the row's queue; whose entry is
//! the smallest holds the lock; one conditional write takes it out, and that is the hand-off to the
//! next. An uncontended lock costs two writes and no read. Waiting costs eventually consistent
//! reads only. Every write is conditional on something that its own success destroys, so a copy
//! that arrives late or twice does nothing; and the answer, yes or no, shows the row, so a lost
//! answer is settled by sending the same write again.
//!
//! # Foreign types
//!
//! The only foreign type in this API is the AWS SDK's [`Client`], which [`Locks::with_client`]
//! takes.

#[cfg(not(unix))]
compile_error!("dynamodb-locks runs on Linux and macOS: its journal needs a Unix file system");

/// The README's example, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

// What is known.
mod attributes;
mod key;
mod nonce;
mod time;

mod entry;
mod row;
mod write;

// What is decided.
mod messages;

mod liveness;
mod observations;
mod pace;
pub mod protocol;
mod wait;

// What is outside.
mod counters;
mod error;

mod table;

mod journal;
mod vars;

mod lease;

mod registry;
mod settings;

mod trail;

mod shared;

// What is done.
mod driver;

mod release;

mod heartbeat;
mod recovery;

mod cleanup;

mod handle;

mod guard;

mod acquire;
mod force;
mod status;
mod with;

mod locks;

pub use acquire::AcquireOptions;
pub use attributes::Attribute;
pub use error::{Error, ErrorKind};
pub use guard::LockGuard;
pub use handle::{LockHandle, current};
#[doc(hidden)]
pub use journal::{Intent, Journal, ReadIntent};
pub use key::Key;
pub use lease::{Lease, LeaseHealth};
pub use locks::Locks;
pub use messages::{OnExpiry, RecoveryOutcome};
#[doc(hidden)]
pub use nonce::Nonces;
pub use recovery::{Recovered, Recovery};
pub use settings::Settings;
pub use status::{ListLocks, LockStatus, QueueEntry};
pub use table::{Client, KeyKind};
pub use time::{Expiry, WallClock};
pub use vars::Vars;
