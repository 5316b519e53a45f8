//! What is found in an event, without what is decided for it: its source, its records, its key, its fingerprint.

pub(crate) mod invocation;
pub(crate) mod pointer;

pub(crate) mod name;

pub(crate) mod source;

mod lookup;

pub(crate) mod records;

pub(crate) mod key;

pub(crate) mod fingerprint;

pub(crate) use self::lookup::{Event, RecordEvent};
