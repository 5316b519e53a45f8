//! An event on its way to the runtime.

use std::fmt;
use std::time::{Duration, SystemTime};

use http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http::response::Parts;
use http::{HeaderMap, Response};
use http_body_util::Full;
use hyper::body::Bytes;
use serde_json::Value;

use crate::api;
use crate::context::with_custom;

/// An event, as Lambda gave it to the proxy.
pub struct Invocation {
    head: Parts,
    event: Bytes,
    /// What the runtime is given in its place.
    changed: Option<Bytes>,
}

impl Invocation {
    /// `None` if the answer has no request id that can be a part of a path: such an event could not be
    /// ended.
    pub(crate) fn new(answer: Response<Bytes>) -> Option<Self> {
        let (head, event) = answer.into_parts();
        let id = text(&head.headers, api::REQUEST_ID)?;
        let fits = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
        let changed = None;
        let usable = !id.is_empty() && id.bytes().all(fits);
        usable.then_some(Self {
            head,
            event,
            changed,
        })
    }

    /// The invocation's request id.
    #[must_use]
    pub fn request_id(&self) -> &str {
        text(&self.head.headers, api::REQUEST_ID).expect("an invocation is made with a request id")
    }

    /// When the platform ends the invocation, if it said so.
    #[must_use]
    pub fn deadline(&self) -> Option<SystemTime> {
        let ms = text(&self.head.headers, api::DEADLINE_MS)?.parse().ok()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ms))
    }

    /// The event's bytes, as Lambda gave them.
    #[must_use]
    pub fn event(&self) -> &Bytes {
        &self.event
    }

    /// Gives the runtime another event in the place of Lambda's. An event that the runtime was not given
    /// comes again as Lambda gave it.
    pub fn set_event(&mut self, event: impl Into<Bytes>) {
        self.changed = Some(event.into());
    }

    /// What Lambda says beside the event.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Shows the handler a value, as `custom[name]` of its client context. False if the event has a
    /// client context that cannot be read, or if it became longer than 8 KiB: it stays as it is.
    pub fn set_custom(&mut self, name: &str, value: &Value) -> bool {
        let headers = &mut self.head.headers;
        let context = headers.get(api::CLIENT_CONTEXT).map(HeaderValue::as_bytes);
        let Ok(context) = context.map(std::str::from_utf8).transpose() else {
            return false;
        };
        let set = with_custom(context, name, value);
        match set.and_then(|context| HeaderValue::try_from(context).ok()) {
            Some(context) => headers.insert(api::CLIENT_CONTEXT, context),
            None => return false,
        };
        true
    }

    /// The invocation with Lambda's own event.
    pub(crate) fn into_original(self) -> Self {
        let changed = None;
        Self { changed, ..self }
    }

    /// What the runtime is given.
    pub(crate) fn into_answer(self) -> Response<Full<Bytes>> {
        let mut head = self.head;
        let event = self.changed.unwrap_or(self.event);
        api::remove_hop_by_hop(&mut head.headers);
        head.headers.remove(TRANSFER_ENCODING);
        head.headers.insert(CONTENT_LENGTH, event.len().into());
        Response::from_parts(head, Full::new(event))
    }
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The event is its sender's own affair.
        let mut invocation = f.debug_struct("Invocation");
        invocation.field("request_id", &self.request_id());
        invocation.finish_non_exhaustive()
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
