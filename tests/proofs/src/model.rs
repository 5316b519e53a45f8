//! The model: every way in which a few clients of one lock can get in each other's way.
//!
//! A test tries one order of events; the bug is in another. Here all orders are tried, of few events.
//! That works because the protocol is pure: what happens next is a function of what was, so a state is
//! a value, two equal states have the same future, and each is visited once.
//!
//! ```text
//! Scope ──► Model ──► World ──Happening──► World ──► ...          every one of them lawful?
//!                      row, clients, copies on their way, time
//! ```
//!
//! - The clients are the very [`Acquisition`](dynamodb_locks::protocol::Acquisition)s that ship. The
//!   table is [`apply`]; that DynamoDB does the same with the real requests is a test of its own.
//! - A [`Scope`] bounds the world: two or three clients, a few units of time, and so many crashes, lost
//!   answers, drops and stale looks. Each has to say what it reaches, or it might show nothing.
//! - Between two happenings everything else can happen: requests arrive late, twice or never, clients
//!   sleep or die, and clocks are wrong, each within its bounds.
//! - The judge, not the protocol, knows the true time and who acts; it finds a [`Law`] broken. That
//!   nobody waits for ever is no matter of one state: [`live`] walks the graph backwards for it.
//! - A [`Mutant`] is the protocol with one thought left out. A model that does not catch it is too small.
//!
//! A broken law comes with the way to it, step by step. Read it as a story; it is nearly always short.

mod clock;
mod law;
mod mutant;
mod size;
mod table;

mod reached;
mod sabotage;
mod seat;

mod found;
mod scope;

mod client;
mod copies;
mod part;
mod world;

mod happening;
mod judge;
mod step;

mod explore;

mod checked;
mod liveness;

pub use checked::{Checked, Wrong, check};
pub use explore::Model;
pub use found::Found;
pub use happening::{Cue, Happening};
pub use law::Law;
pub use liveness::{Lived, live};
pub use mutant::Mutant;
pub use reached::Reached;
pub use scope::Scope;
pub use seat::Seat;
pub use size::Size;
pub use table::{Condition, apply, conditions, dates};
pub use world::World;
