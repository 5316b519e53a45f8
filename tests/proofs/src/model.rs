//! The model: every interleaving of a few clients of one lock.
//!
//! A test tries one order of events; the bug is in another. Here all orders of a few events are tried.
//! That works because the protocol is pure: the next state is a function of the state, two equal states
//! have the same future, and each is visited once.
//!
//! ```text
//! Config ──► Model ──► System ──Transition──► System ──► ...      does each keep all invariants?
//!                      row, clients, copies in flight, time
//! ```
//!
//! - The clients are the very [`Acquisition`](dynamodb_locks::protocol::Acquisition)s that ship. The
//!   table is [`apply`]; that DynamoDB does the same with the real requests is a test of its own.
//! - A [`Config`] bounds the system: two or three clients, a few units of time, and a number of crashes,
//!   lost answers, drops and stale reads. It names the [`Coverage`] that it must reach, or it might
//!   show nothing.
//! - Between two transitions anything else can happen: requests arrive late, twice or never, clients
//!   sleep or die, and clocks are wrong, each within its bounds.
//! - The judge knows the true time and who acts, the protocol does not; it finds a broken
//!   [`Invariant`]. Liveness is not a property of one state: [`check_liveness`] walks the graph backwards
//!   for it.
//! - A [`Mutant`] is the protocol with one step left out. A model that does not catch it is too small.
//!
//! A broken invariant comes with the path to it, step by step. Read that first; it is nearly always short.

mod clock;
mod invariant;
mod moved;
mod mutant;
mod size;
mod table;

mod coverage;
mod sabotage;
mod seat;

mod config;
mod found;

mod client;
mod copies;
mod part;
mod system;

mod transition;

mod asking;
mod judge;

mod step;

mod explore;

mod checked;
mod liveness;

pub use checked::{Checked, Wrong, check};
pub use config::Config;
pub use coverage::Coverage;
pub use explore::Model;
pub use found::Found;
pub use invariant::Invariant;
pub use liveness::{Liveness, check_liveness};
pub use mutant::Mutant;
pub use seat::Seat;
pub use size::Size;
pub use system::System;
pub use table::{Condition, apply, conditions, dates, operation, unless_done};
pub use transition::{Transition, Trigger};
