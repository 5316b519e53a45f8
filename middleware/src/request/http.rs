//! A request of `lambda_http` as an event, without the dependency: it is `http`'s own type.

use std::str::from_utf8;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, Request};
use lambda_runtime::Context;
use serde::ser::{Error, SerializeMap};
use serde::{Serialize, Serializer};

use super::LockRequest;
use crate::key::{NoKey, Pointers};
use crate::source::Source;

#[diagnostic::do_not_recommend]
impl<B: AsRef<[u8]>> LockRequest<Pointers> for Request<B> {
    fn key(&self, keys: &Pointers) -> Result<String, NoKey> {
        keys.key(&Event(self))
    }

    fn deadline(&self) -> Option<SystemTime> {
        deadline(self)
    }

    fn source(&self) -> Source {
        Source::Http
    }
}

/// When the platform ends the invocation that a request came with.
pub(crate) fn deadline<B>(request: &Request<B>) -> Option<SystemTime> {
    request.extensions().get().map(Context::deadline)
}

/// What pointers lead into. A part that none leads into is not even looked at.
struct Event<'a, B>(&'a Request<B>);

struct Headers<'a>(&'a HeaderMap);

struct Header<'a>(&'a HeaderMap, &'a HeaderName);

struct Query<'a>(&'a str);

struct Parameter<'a> {
    query: &'a str,
    name: &'a str,
    value: &'a str,
}

struct Body<'a>(&'a [u8]);

impl<B: AsRef<[u8]>> Serialize for Event<'_, B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let request = self.0;
        let mut event = serializer.serialize_map(None)?;
        event.serialize_entry("method", request.method().as_str())?;
        event.serialize_entry("path", request.uri().path())?;
        event.serialize_entry("headers", &Headers(request.headers()))?;
        event.serialize_entry("query", &Query(request.uri().query().unwrap_or_default()))?;
        event.serialize_entry("body", &Body(request.body().as_ref()))?;
        event.end()
    }
}

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let headers = self.0.keys();
        serializer.collect_map(headers.map(|name| (name.as_str(), Header(self.0, name))))
    }
}

impl Serialize for Header<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(headers, name) = self;
        let mut values = headers.get_all(*name).iter();
        // Which of several the handler goes by is not known here.
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(S::Error::custom(format!("there are several `{name}`")));
        };
        text(value.as_bytes(), serializer)
    }
}

impl Serialize for Query<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let query = self.0;
        let mut parameters = serializer.serialize_map(None)?;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let (name, value) = (&*name, &*value);
            parameters.serialize_entry(name, &Parameter { query, name, value })?;
        }
        parameters.end()
    }
}

impl Serialize for Parameter<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = self.name;
        let same = form_urlencoded::parse(self.query.as_bytes()).filter(|(other, _)| other == name);
        if same.count() > 1 {
            return Err(S::Error::custom(format!("there are several `{name}`")));
        }
        // That is what is put in the place of bytes that are no text.
        if self.value.contains(char::REPLACEMENT_CHARACTER) {
            return Err(S::Error::custom("it is not text"));
        }
        serializer.serialize_str(self.value)
    }
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        text(self.0, serializer)
    }
}

fn text<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let text = from_utf8(bytes).map_err(|_| S::Error::custom("it is not text"))?;
    serializer.serialize_str(text)
}
