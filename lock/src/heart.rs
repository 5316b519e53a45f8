//! The files that decide, as a crate of their own: without the SDK they build and are tested in seconds,
//! which mutation testing needs. Not a part of the lock: the package `heart` in `tests/heart` has it.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "the rest of the lock uses what is unused here"
)]

pub mod protocol;
