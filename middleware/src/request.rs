//! What the layer asks of a request: its key, and when its invocation ends.

#[cfg(feature = "http")]
mod http;

use std::time::SystemTime;

use lambda_runtime::LambdaEvent;
use serde::Serialize;

use crate::key::{NoKey, Pointers};
use crate::source::Source;

#[cfg(feature = "http")]
pub(crate) use self::http::deadline;

/// A request in which the layer finds a key, `K` being where it looks.
///
/// By JSON pointer: an event whose payload is `Serialize`, and a request of `lambda_http`, which is
/// read as this event:
///
/// ```json
/// {"method": "POST", "path": "/orders", "headers": {}, "query": {}, "body": "{\"orderId\": 42}"}
/// ```
///
/// By closure: an event with any payload, and any request of `lambda_http`.
#[diagnostic::on_unimplemented(
    message = "the layer finds no key in `{Self}`",
    label = "the layer cannot look into this request",
    note = "for a key by JSON pointer the payload must be `Serialize`: derive `serde::Serialize` \
            for it, or take the payload as `serde_json::Value` or `Box<serde_json::value::RawValue>`",
    note = "requests of `lambda_http` need the feature `http` of `lambda-locks`",
    note = "for any other payload give the key by closure: \
            `LockLayer::key(|event: &Event| Some(event.id.clone()))`"
)]
pub trait LockRequest<K> {
    /// The name of the lock for this request.
    #[doc(hidden)]
    fn key(&self, keys: &K) -> Result<String, NoKey>;

    /// When the platform ends the invocation, if the request knows.
    #[doc(hidden)]
    fn deadline(&self) -> Option<SystemTime>;

    /// Who waits for the answer.
    #[doc(hidden)]
    fn source(&self) -> Source;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize> LockRequest<Pointers> for LambdaEvent<T> {
    fn key(&self, keys: &Pointers) -> Result<String, NoKey> {
        keys.key(&self.payload)
    }

    fn deadline(&self) -> Option<SystemTime> {
        Some(self.context.deadline())
    }

    fn source(&self) -> Source {
        Source::of(&self.payload)
    }
}
