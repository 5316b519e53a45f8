//! A proxy between a Lambda runtime and the Runtime API, with a tower service around each event.
//!
//! ```text
//! runtime ── next ──► wait for POSTs and for the service ──► next ──► Lambda
//!         ◄─ event ── Handover ◄── your service ◄── event ───────────
//!         ── POST ──► (to its end) ──► your service ends ──► POST ──►
//! ```
//!
//! The service wraps [`Handover`], which gives an event to the runtime and completes when the
//! runtime has posted its response or error (a streamed response: when its last byte has arrived).
//! What the service does after that is done before the end of the POST reaches Lambda, or after it
//! if the service asks for that with [`Finished::forward`]. A service that answers with
//! [`Outcome::Instead`] ends the invocation without waking the runtime. It may also change the event
//! ([`Invocation::set_event`]) and the response ([`Handover::collect_response`]).
//!
//! Two laws:
//!
//! - Lambda is asked for the next event only when every POST is done, the service has completed and is ready
//!   again: nothing is under way when the environment is frozen. Work that the service leaves to the time
//!   after the response belongs into its `poll_ready`.
//! - Only a POST for its request id, or the runtime's next `next`, ends an invocation. A timer, a
//!   closed connection or a broken POST does not: none of them proves that the handler has stopped.
//!
//! Everything else passes unchanged: unknown paths, statuses, bodies up to any size, streamed
//! responses with their trailers.
//!
//! # Foreign types
//!
//! This API contains `tokio`'s `TcpListener`, `tower`'s `Layer` and `Service`, `hyper`'s `Bytes` and
//! `http`'s `HeaderMap`.

// What is known.
mod api;
mod context;

mod invocation;

mod instead;

// What is outside.
mod upstream;

// What is done.
mod post;

mod delivered;
mod session;

mod body;
mod collect;
mod handover;

mod answer;
mod run;

mod serve;

pub use handover::{Finished, Handover, Outcome};
pub use instead::Instead;
pub use invocation::Invocation;
pub use post::Posted;
pub use serve::{fail_init, serve};
pub use upstream::{InvalidUpstream, Upstream};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
