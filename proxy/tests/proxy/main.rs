//! The proxy between a runtime and Lambda, both played on loopback sockets.

mod log;

mod platform;
mod runtime;
mod service;
mod stage;

mod collected;
mod cuts;
mod events;
mod hostile;
mod passing;
mod random;
mod sequence;
mod streams;
mod too_long;
