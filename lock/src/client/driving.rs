//! What takes an acquisition through its steps: requests, and the time between them.

pub(crate) mod counters;

pub(crate) mod wait;

pub(crate) mod driver;

pub(crate) mod once;
