//! A test kit for lambda-locks: everything that surrounds it, on one machine and without a network.
//!
//! To test a program that uses locks, begin with [`EmbeddedTable`]. The demo, the proofs and the tests of
//! lambda-locks itself stand on the rest: [`dynamo`] is DynamoDB, with every answer late, lost or
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

mod table;

pub mod emulator;
pub mod language;

pub use clock::Clock;
pub use error::Error;
pub use table::EmbeddedTable;
