//! From an event as it is delivered to its key.

use lambda_runtime::{Context, LambdaEvent};
use serde::de::DeserializeOwned;

use super::closure::{ByEvent, ByField, ByPayload, KeyFn, named};
use super::error::PayloadError;
use super::payload::{Payload, RawEvent, read};
use crate::event::invocation::Invocation;
use crate::event::key::{KeyError, KeyRule};

/// Finds the key in an event whose payload is a `T`.
pub trait KeyExtractor<T> {
    /// The key, or why it is missing; and the event, deserialized if that was needed.
    #[doc(hidden)]
    fn extract(
        &self,
        event: RawEvent,
        function: Option<&str>,
    ) -> Result<(Result<String, KeyError>, Payload<T>), PayloadError>;
}

impl<T> KeyExtractor<T> for KeyRule {
    fn extract(
        &self,
        event: RawEvent,
        function: Option<&str>,
    ) -> Result<(Result<String, KeyError>, Payload<T>), PayloadError> {
        let about = about(&event.context, function);
        let key = self.find(event.payload.get(), about);
        Ok((key, Payload::Raw(event)))
    }
}

macro_rules! by_payload {
    ($($closure:ident,)*) => {
        $(impl<T: DeserializeOwned, F> KeyExtractor<T> for $closure<F>
        where
            $closure<F>: KeyFn<T>,
        {
            fn extract(
                &self,
                event: RawEvent,
                _: Option<&str>,
            ) -> Result<(Result<String, KeyError>, Payload<T>), PayloadError> {
                let event: LambdaEvent<T> = read(event)?;
                Ok((named(self.text(&event.payload)), Payload::Read(event)))
            }
        })*
    };
}

by_payload! { ByPayload, ByField, }

impl<T: DeserializeOwned, F> KeyExtractor<T> for ByEvent<F>
where
    Self: KeyFn<LambdaEvent<T>>,
{
    fn extract(
        &self,
        event: RawEvent,
        _: Option<&str>,
    ) -> Result<(Result<String, KeyError>, Payload<T>), PayloadError> {
        let event = read(event)?;
        Ok((named(self.text(&event)), Payload::Read(event)))
    }
}

/// The metadata that the runtime has of an invocation.
pub(super) fn about<'a>(context: &'a Context, function: Option<&'a str>) -> Invocation<'a> {
    let about = Invocation {
        tenant_id: context.tenant_id.as_deref(),
        function: function.or(Some(&context.env_config.function_name)),
        request_id: Some(&context.request_id),
        ..Invocation::new()
    };
    about.deadline(context.deadline())
}
