//! What a process keeps in mind of its locks and of those of others.

pub(crate) mod pace;

pub(crate) mod observations;

pub(crate) mod completed;

pub(crate) mod lease;

pub(crate) mod registry;

pub(crate) mod trail;
