//! The metadata of an invocation.

use std::time::SystemTime;

/// The metadata of an invocation, which the Runtime API sends in headers.
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct Invocation<'a> {
    pub(crate) deadline: Option<SystemTime>,
    pub(crate) tenant_id: Option<&'a str>,
    pub(crate) function: Option<&'a str>,
    pub(crate) request_id: Option<&'a str>,
}

impl<'a> Invocation<'a> {
    /// An invocation without metadata.
    pub fn new() -> Self {
        Self::default()
    }

    /// When the platform ends the invocation. Default: unknown, and nothing is bounded by it.
    pub fn deadline(self, deadline: SystemTime) -> Self {
        let deadline = Some(deadline);
        Self { deadline, ..self }
    }

    /// The tenant on whose behalf the function is invoked: the key `@tenant`.
    pub fn tenant_id(self, tenant_id: &'a str) -> Self {
        let tenant_id = Some(tenant_id);
        Self { tenant_id, ..self }
    }

    /// The id of the invocation, which Lambda's own retries of an asynchronous event share: the key `@request-id`.
    pub fn request_id(self, request_id: &'a str) -> Self {
        let request_id = Some(request_id);
        Self { request_id, ..self }
    }

    /// The function's name: the key `@function`. Default: the environment's.
    pub fn function(self, function: &'a str) -> Self {
        let function = Some(function);
        Self { function, ..self }
    }
}
