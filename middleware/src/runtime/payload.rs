//! An event that has not been deserialized yet, or has.

use lambda_runtime::LambdaEvent;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::error::PayloadError;

/// An event as the runtime delivers it: JSON text.
pub(super) type RawEvent = LambdaEvent<Box<RawValue>>;

/// An event on its way to the handler.
#[derive(Debug)]
#[doc(hidden)]
pub enum Payload<T> {
    /// It is deserialized when the lock is held.
    Raw(RawEvent),
    /// A closure has seen it.
    Read(LambdaEvent<T>),
}

impl<T> Payload<T> {
    /// The event with another text, if there is one.
    pub(super) fn rewritten(self, rewrite: impl FnOnce(&str) -> Option<String>) -> Self {
        let Self::Raw(LambdaEvent { payload, context }) = self else {
            return self;
        };
        let rewritten = rewrite(payload.get()).and_then(|text| RawValue::from_string(text).ok());
        Self::Raw(LambdaEvent::new(rewritten.unwrap_or(payload), context))
    }
}

impl<T: DeserializeOwned> Payload<T> {
    pub(super) fn event(self) -> Result<LambdaEvent<T>, PayloadError> {
        match self {
            Self::Raw(event) => read(event),
            Self::Read(event) => Ok(event),
        }
    }
}

/// Deserializes an event as the runtime does.
pub(super) fn read<T: DeserializeOwned>(event: RawEvent) -> Result<LambdaEvent<T>, PayloadError> {
    let LambdaEvent { payload, context } = event;
    let mut json = serde_json::Deserializer::from_str(payload.get());
    let payload = serde_path_to_error::deserialize(&mut json).map_err(PayloadError::new)?;
    Ok(LambdaEvent::new(payload, context))
}
