//! AWS's own emulator of Lambda's execution environments.
//!
//! `aws-lambda-rie` carries the platform's real lifecycle code: what it does at a timeout, a crash
//! or a shutdown is what Lambda does. One process of it is one environment, with the real function
//! and the real extension below it:
//!
//! ```text
//! this process ─stdin─► sh, in namespaces of its own ─► aws-lambda-rie ─┬► orders
//!              ◄────────── every line that any of them prints ──────────┴► lambda-locks-extension
//! ```
//!
//! The emulator starts whatever lies in `/opt/extensions`, so each environment has a mount
//! namespace of its own. It also has its own process namespace, which dies as a whole with its
//! first process, and that one lives no longer than its stdin: however a test ends, a `kill -9`
//! included, nothing that it started stays behind.

use std::time::Duration;

mod invoke;
mod log;
mod process;
mod sandbox;

mod environment;
mod find;
mod node;
mod python;

pub use environment::Environment;
pub use find::Emulator;
pub use log::Line;
pub use node::Node;
pub use process::{Process, Signal};
pub use python::python;

/// The longest that anything here is waited for: longer than a function may run in a test.
const PATIENCE: Duration = Duration::from_secs(30);
