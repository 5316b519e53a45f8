//! How entries leave their queues when no guard sees to it.

pub(crate) mod release;

pub(crate) mod cleanup;
