//! Lambda's execution environments, simulated: small, quick, and in the platform's order.
//!
//! An [`Environment`] runs a real function and a real extension as processes of their own, behind
//! the Runtime API and the Extensions API: at its first event and, after a death, anew at the next.
//!
//! ```text
//! start    extension ─► register ─► function ─► /next
//! event    /next ─► handler ─► response or error ─► /next
//! trouble  function: SIGTERM ─ 300 ms ─► SIGKILL ─► reaped
//!          then the extension: SHUTDOWN ─ 2 s in all ─► SIGKILL
//! ```
//!
//! Both see a cleared process environment, with an endpoint on this machine and the credentials of
//! nobody: they cannot reach AWS. What happens is told as it happens, as [`Occurrence`]s.

mod occurrence;

mod api;
mod process;

mod environment;

pub use crate::answer::Answer;
pub use crate::function::Function;
pub use environment::Environment;
pub use occurrence::{Occurrence, What};
