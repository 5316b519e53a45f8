//! The errors of a locked service.

use std::fmt;

use lambda_runtime::Diagnostic;
use tower::BoxError;

use crate::answer::failure::LockError;

/// The error of a locked service: the handler's own, or the lock's.
#[derive(Debug)]
#[non_exhaustive]
pub enum LayerError<E> {
    /// The handler failed, as it would have failed without the layer.
    Handler(E),
    /// The lock was not acquired, or not kept.
    Lock(LockError),
    /// The event does not deserialize into the handler's payload type.
    Payload(PayloadError),
}

/// Why an event does not deserialize into the handler's payload type, in the runtime's own words.
pub struct PayloadError(serde_path_to_error::Error<serde_json::Error>);

const CONTEXT: &str = "failed to deserialize the incoming data into the function's payload type";

/// What the runtime calls it where there is no layer.
const NAME: &str = "lambda_runtime::deserializer::DeserializeError";

impl PayloadError {
    pub(crate) fn new(error: serde_path_to_error::Error<serde_json::Error>) -> Self {
        Self(error)
    }
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.path().to_string().as_str() {
            "." => writeln!(f, "{CONTEXT}: {}", self.0),
            path => writeln!(f, "{CONTEXT}: [{path}] {}", self.0),
        }
    }
}

impl fmt::Debug for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for PayloadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl<E: fmt::Display> fmt::Display for LayerError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handler(error) => error.fmt(f),
            Self::Lock(failure) => failure.fmt(f),
            Self::Payload(error) => error.fmt(f),
        }
    }
}

/// For the layers of `tower` that box what fails inside them. `LayerError` itself does not implement
/// [`Error`](std::error::Error): that would conflict with this conversion, and `lambda_runtime::Error`
/// does not either.
impl<E: Into<BoxError>> From<LayerError<E>> for BoxError {
    fn from(failure: LayerError<E>) -> Self {
        match failure {
            LayerError::Handler(error) => error.into(),
            LayerError::Lock(failure) => failure.into(),
            LayerError::Payload(error) => error.into(),
        }
    }
}

impl<E: Into<Diagnostic>> From<LayerError<E>> for Diagnostic {
    fn from(failure: LayerError<E>) -> Self {
        match failure {
            LayerError::Handler(error) => error.into(),
            LayerError::Lock(failure) => failure.into(),
            LayerError::Payload(error) => Self {
                error_type: NAME.to_owned(),
                error_message: error.to_string(),
            },
        }
    }
}

impl From<LockError> for Diagnostic {
    fn from(failure: LockError) -> Self {
        Self {
            error_type: failure.name().to_owned(),
            error_message: failure.to_string(),
        }
    }
}
