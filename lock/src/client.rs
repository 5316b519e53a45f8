//! The client: it acquires locks, holds them and releases them.

pub(crate) mod settings;

pub(crate) mod memory;

pub(crate) mod shared;

pub(crate) mod driving;

pub(crate) mod leaving;

pub(crate) mod holding;

pub(crate) mod acquire;

pub(crate) mod locks;
