//! What the source of an event is told: a handler's response or an error, a refusal, a replay.

pub(crate) mod failure;
pub(crate) mod verdict;

pub(crate) mod replay;

pub(crate) mod rejection;
