//! What a caller has while it holds a lock.

pub(crate) mod heartbeat;

pub(crate) mod transaction;

pub(crate) mod handle;

pub(crate) mod guard;

pub(crate) mod with;
