//! DynamoDB, embedded.
//!
//! Real expressions and real capacity units, from the dynoxide engine, behind two fronts:
//! [`Dynamo::client`] reaches it from inside the process and needs no socket, so it runs on tokio's
//! paused clock as well; [`Dynamo::listen`] speaks DynamoDB's own protocol on the loopback address,
//! for real processes.
//!
//! ```text
//! client("a") ──► inproc ──┐
//!                          ├──► serve: fate by plan ──► engine ──► ledger ──► answer or silence
//! a process ────► wire ────┘
//! ```
//!
//! Every request of either front goes through one [`Plan`], which decides its [`Fate`], and into
//! one ledger, which counts it. A request that has left its client goes on without it: a client
//! that gives up waiting does not take back what it sent.

mod wait;

mod answered;
mod refusal;

mod plan;

mod engine;
mod versions;

mod capacity;
mod ledger;

mod serve;

mod rows;

mod inproc;
mod wire;

mod client;

#[cfg(test)]
mod tests;

pub use ledger::{Count, Counts, Logged};
pub use plan::{Fate, Plan, Request};
pub use refusal::Refusal;
pub use rows::Schema;
pub use serve::Dynamo;
pub use wait::{Gate, Wait};
pub use wire::Wire;

// What the simulation needs, which carries the requests itself.
#[doc(hidden)]
pub use {
    client::client_by,
    inproc::{Exchange, Way},
    plan::{Arrival, Hears},
    serve::Reply,
};
