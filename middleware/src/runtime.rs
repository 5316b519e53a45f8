//! The tower layer, for the Rust runtime for Lambda.

mod answer;
mod error;
mod sigterm;

mod payload;

mod closure;

mod extract;

mod held;

mod response;

mod service;

mod each_record;

#[cfg(feature = "http")]
mod http;

mod start;

mod layer;

pub use self::answer::{Buffered, LockResponse};
pub use self::closure::{ByEvent, ByField, ByPayload, KeyFn, KeyValue};
pub use self::each_record::{EachRecord, RecordReport, records};
pub use self::error::{LayerError, PayloadError};
pub use self::extract::KeyExtractor;
#[cfg(feature = "http")]
pub use self::http::{RequestCall, RequestKey};
pub use self::layer::LockLayer;
pub use self::payload::Payload;
pub use self::response::{Call, ResponseFuture};
pub use self::service::{EventCall, Locked};
