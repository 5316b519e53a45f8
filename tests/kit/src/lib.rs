//! The world in a box: everything that surrounds lambda-locks, on one machine and without a
//! network.
//!
//! The demo, the proofs and the tests stand on it. [`dynamo`] is DynamoDB, with every answer late, lost or
//! wrong that a plan asks for; [`history`] judges what happened; [`programs`] builds the real
//! function and the real extension; [`lambda`] runs them as Lambda would; [`locks`] is the lock
//! alone, under a script of faults.

mod answer;
mod clock;
mod error;
mod function;

mod loopback;

pub mod dynamo;
pub mod history;
pub mod lambda;
pub mod locks;
pub mod programs;

pub mod emulator;

pub use clock::Clock;
pub use error::Error;
