//! Distributed locks on DynamoDB: fenced, fair, and two writes each.
//!
//! ```no_run
//! # async fn example() -> Result<(), dynamodb_locks::Error> {
//! let locks = dynamodb_locks::Locks::from_env()?;
//! let guard = locks.acquire("order/42").await?;
//! // No other client works on order 42 now; store `guard.fence()` with the result.
//! guard.release().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Words
//!
//! - **lock**: one row in the table, named by a **key**.
//! - **entry**: one line in the row's queue: its owner holds the lock, or waits for it.
//! - **holder**: the owner of the smallest entry. Its **position** is 0, the head of the queue;
//!   waiters have 1, 2, ...
//! - **ticket**: the number that orders the entries of a key. The holder's ticket is its **fencing
//!   token**.
//! - **lease**: how long a holder counts as alive after its last renewal. A **heartbeat** renews
//!   the lease; the row stores the time of the last renewal. A waiter that may have been found dead
//!   **confirms** with a heartbeat before it acts.
//! - **evict**: remove a dead holder's entry. **withdraw**: remove one's own entry from the queue.
//!   **invalidate**: make sure that an entry whose write may still be in flight can no longer
//!   enter.
//! - **journal**: records on local disk, one for each entry that this machine has written or may
//!   have written. **Recovery** removes the entries that the journal lists and no living process
//!   owns.
//!
//! # How it works
//!
//! The queue is the lock. One conditional write adds an entry to the row's queue, and the smallest
//! entry holds the lock; one conditional write removes it, which hands the lock to the next waiter.
//! An uncontended lock costs two writes and no read. Waiting costs eventually consistent reads
//! only. Every write is conditional on something that its own success destroys, so a copy that
//! arrives late or twice does nothing; and the answer shows the row whether the write was applied
//! or refused, so a lost answer is settled by sending the same write again.
//!
//! # Foreign types
//!
//! The only foreign types in this API are the AWS SDK's: [`Client`], which [`Locks::with_client`] takes, and
//! [`TransactWriteItem`], of which [`LockHandle::complete_with`] and [`LockHandle::check`] make transactions.

#[cfg(not(unix))]
compile_error!("dynamodb-locks runs on Linux and macOS: its journal needs a Unix file system");

/// The README's example, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

pub mod protocol;

mod attributes;
mod key;

mod idempotency;

mod error;

mod table;

mod journal;
mod vars;

mod client;

mod recovery;

mod admin;

pub use admin::status::{ListLocks, LockStatus, QueueEntry};
pub use attributes::Attribute;
pub use client::acquire::AcquireOptions;
pub use client::holding::guard::LockGuard;
#[doc(hidden)]
pub use client::holding::handle::LockScope;
pub use client::holding::handle::{LockHandle, current};
pub use client::locks::{Locks, Once};
pub use client::memory::lease::{Lease, LeaseHealth};
pub use client::settings::Settings;
pub use client::settings::seal::Seal;
pub use error::{Error, ErrorKind};
pub use idempotency::{Completed, Operation, Response};
#[doc(hidden)]
pub use journal::{Intent, Journal, ReadIntent};
pub use key::{IntoKey, InvalidKey, Key};
pub use protocol::messages::{OnExpiry, RecoveryOutcome};
#[doc(hidden)]
pub use protocol::nonce::Nonces;
pub use protocol::time::{Expiry, WallClock};
pub use recovery::{Recovered, Recovery};
pub use table::{Client, KeyKind, TransactWriteItem};
pub use vars::Vars;
