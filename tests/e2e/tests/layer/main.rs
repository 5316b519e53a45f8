//! The layer: what it does around an invocation, the handlers that it accepts, and its settings.

mod batches;
mod dedup;
mod invocations;
mod policy;
mod settings;
mod shapes;
mod starts;
