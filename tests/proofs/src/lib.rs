//! The proofs of the protocol: [`model`] looks at every state that two or three clients can get into,
//! [`simulation`] runs the real client through thousands of stories on virtual time.

pub mod model;

pub mod simulation;
