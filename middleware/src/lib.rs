//! A tower layer that holds a DynamoDB lock for exactly the length of a Lambda invocation.
//!
//! ```no_run
//! use lambda_locks::LockLayer;
//! use lambda_runtime::{Error, LambdaEvent, service_fn};
//! use serde_json::Value;
//! use tower::ServiceBuilder;
//!
//! async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
//!     // Nobody else works on this order now.
//!     Ok(event.payload)
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Error> {
//!     let locked = ServiceBuilder::new().layer(LockLayer::from_env());
//!     lambda_runtime::run(locked.service(service_fn(handler))).await
//! }
//! ```
//!
//! ```text
//! event ─► key ─► journal.note ─► enqueue ─► (wait) ─► handler ─► release ─► forget ─► response
//! ```
//!
//! The key is found in the event by the JSON pointer in `LOCKS_KEY`. The lock is held until the
//! handler is done, be it with a value, an error or a panic, and the release is awaited before the
//! response leaves. At the deadline's margin, and when the lease is lost, the handler's future is
//! dropped and the invocation ends with an error that says so.
//!
//! What a dead function still held is given back by the companion extension; both meet in the
//! journal's folder and in the table.

/// The README's example, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod deadline;
mod pointer;

mod name;

mod key;

mod failure;
mod source;

mod request;

mod complete;

mod answer;

mod lane;
mod metrics;
mod rules;

mod hold;
mod service;

mod sigterm;

mod layer;

mod closure;

pub use answer::{Answer, Refused};
pub use closure::ByClosure;
pub use complete::{Complete, Whole};
pub use dynamodb_locks::{Error, Holding, Locks, Settings, Vars, current};
pub use failure::{Failure, LockFailure};
pub use key::{NoKey, Pointers};
pub use layer::LockLayer;
pub use pointer::PointerError;
pub use request::LockRequest;
pub use service::{Locked, ResponseFuture};
