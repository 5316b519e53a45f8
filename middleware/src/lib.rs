//! A tower layer that holds a DynamoDB lock for exactly the length of a Lambda invocation.
//!
//! ```no_run
//! use lambda_locks::LockLayer;
//! use lambda_runtime::{Error, LambdaEvent, service_fn};
//! use serde_json::Value;
//! use tower::ServiceBuilder;
//!
//! async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
//!     // No other invocation works on this order now.
//!     Ok(event.payload)
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Error> {
//!     let locked = ServiceBuilder::new().layer(LockLayer::from_env());
//!     lambda_runtime::run(locked.service(service_fn(handler))).await
//! }
//! ```
//!
//! ```text
//! JSON text ─► key ─► enqueue ─► (wait) ─► deserialize ─► handler ─► release ─► response
//! ```
//!
//! The key is found in the event's JSON text, before it is deserialized, by the rule in `LOCKS_KEY`
//! ([`KeyRule`]), or by a closure. The lock is held until the handler returns a value, an error or
//! panics, and the release is awaited before the response leaves. Shortly before the deadline, and
//! when the lease is lost, the handler's future is dropped and the invocation ends with an error
//! that names the reason.
//!
//! The companion extension releases what a dead function still held; both meet in the journal's
//! folder and in the table.

/// The README's example, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod deadline;

// What is found in an event.
mod event;

// What its source is told.
mod answer;

// What is decided for it.
mod dedup;

mod batch;

mod metrics;

mod config;

// What is done.
mod policy;

// The tower layer.
#[cfg(feature = "runtime")]
mod runtime;

pub use answer::failure::{LockError, LockErrorKind};
pub use answer::rejection::Rejection;
pub use answer::verdict::permanent;
pub use batch::{BatchReport, RecordMode};
pub use config::{ByRule, Config, OnBusy};
pub use dedup::Dedup;
pub use dynamodb_locks::{
    Error, LockHandle, Locks, Seal, Settings, TransactWriteItem, Vars, current,
};
pub use event::invocation::Invocation;
pub use event::key::{KeyError, KeyRule, KeyRuleError, OnMissing};
pub use event::pointer::PointerError;
pub use event::source::RefusalMode;
pub use policy::lock::{EndedInvocation, Finish, InvocationLock};
pub use policy::locked_batch::{BatchEnd, LockedBatch};
pub use policy::{Admission, Policy};
#[cfg(feature = "runtime")]
pub use runtime::{
    Buffered, ByEvent, ByField, ByPayload, EachRecord, KeyExtractor, KeyFn, KeyValue, LayerError,
    LockLayer, LockResponse, Locked, PayloadError, RecordReport, ResponseFuture, records,
};
#[doc(hidden)]
#[cfg(feature = "runtime")]
pub use runtime::{Call, EventCall, Payload};
#[doc(hidden)]
#[cfg(feature = "http")]
pub use runtime::{RequestCall, RequestKey};
