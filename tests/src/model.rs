//! The model: every way in which a few clients of one lock can get in each other's way.
//!
//! It drives the very [`Acquisition`](dynamodb_locks::protocol::Acquisition) that ships, in a world
//! of one row, two or three clients and a few points in time, and leaves nothing out: requests are
//! delivered, lost, late and doubled, clients are slow, dropped or dead, clocks are wrong within
//! their bounds, reads are stale. Stateright visits every state that can come of it, and holds each
//! against the laws of DESIGN.md.
//!
//! ```text
//! Scope ──► Model ──► World ──Happening──► World ──► ...          every one of them lawful?
//!                      row, clients, copies on their way, time
//! ```
//!
//! A [`Mutant`] is a protocol with one thought left out. A model that does not catch it is too small.

mod clock;
mod law;
mod table;

mod reached;
mod sabotage;

mod scope;

mod client;
mod copies;
mod world;

mod happening;
mod judge;
mod step;

mod explore;

mod checked;
mod liveness;

pub use checked::{Checked, Wrong, check};
pub use explore::Model;
pub use happening::{Cue, Happening};
pub use law::Law;
pub use liveness::{Lived, live};
pub use reached::Reached;
pub use sabotage::Mutant;
pub use scope::{Scope, Seat, Size};
pub use table::{Condition, apply, conditions, dates};
pub use world::World;
