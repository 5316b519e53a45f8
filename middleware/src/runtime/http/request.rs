//! A request as an event: its method, path, headers, query and body.

use std::borrow::Cow;
use std::str::from_utf8;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_http::{Body, Request, RequestExt as _};

use crate::event::Event;
use crate::event::pointer::{Found, Pointer, Value};
use crate::event::source::Source;

/// A text in a request; none if it is not there; or why it cannot be read.
type Text<'a> = Result<Option<Cow<'a, str>>, String>;

impl Event for Request {
    fn find<'p>(&self, pointer: &'p Pointer) -> Found<'p> {
        let tokens: Vec<_> = pointer.tokens().iter().map(String::as_str).collect();
        let (text, behind, parent) = match tokens[..] {
            ["method", ..] => (present(self.method().as_str()), 1, ""),
            ["path", ..] => (present(self.uri().path()), 1, ""),
            ["body", ..] => (text(bytes(self.body())), 1, ""),
            ["headers", name, ..] => (header(self, name), 2, "/headers"),
            ["query", name, ..] => (parameter(self, name), 2, "/query"),
            ["requestContext", _, ..] => (context(self), 1, ""),
            ["headers" | "query"] => (Err("it has several; name one".to_owned()), 1, ""),
            _ => (Ok(None), 1, ""),
        };
        match text {
            Ok(Some(text)) => pointer.find_inside(&text, behind),
            Ok(None) => Value::Missing {
                at: parent,
                there: "an object",
            }
            .into(),
            Err(why) => Value::Unreadable(why).into(),
        }
    }

    fn origin(&self) -> Option<String> {
        None
    }

    fn is_durable(&self) -> bool {
        false
    }

    fn source(&self) -> Source {
        Source::Http
    }

    fn discards_responses(&self) -> bool {
        false
    }

    fn request(&self) -> Option<Vec<String>> {
        let (uri, body) = (self.uri(), STANDARD.encode(bytes(self.body())));
        let (method, path) = (self.method().as_str(), uri.path());
        let query = uri.query().unwrap_or_default();
        Some([method, path, query, &body].map(str::to_owned).to_vec())
    }

    fn is_record(&self, pointer: &Pointer) -> bool {
        !pointer.is_through_records()
    }
}

/// What the gateway says of the request.
fn context(request: &Request) -> Text<'_> {
    let context = request.request_context_ref().map(serde_json::to_string);
    let context = context.transpose().map_err(|error| error.to_string())?;
    Ok(context.map(Cow::Owned))
}

fn bytes(body: &Body) -> &[u8] {
    body.as_ref()
}

fn present(text: &str) -> Text<'_> {
    Ok(Some(Cow::Borrowed(text)))
}

fn text(bytes: &[u8]) -> Text<'_> {
    let text = from_utf8(bytes).map_err(|_| "it is not text".to_owned())?;
    present(text)
}

fn header<'a>(request: &'a Request, name: &str) -> Text<'a> {
    let mut values = request.headers().get_all(name.to_ascii_lowercase()).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => text(value.as_bytes()),
        // Which of several the handler goes by is not known here.
        _ => Err(several(name)),
    }
}

fn parameter<'a>(request: &'a Request, name: &str) -> Text<'a> {
    let query = request.uri().query().unwrap_or_default();
    let named = form_urlencoded::parse(query.as_bytes()).filter(|(other, _)| other == name);
    let mut values = named.map(|(_, value)| value);
    match (values.next(), values.next()) {
        // That is what is put in the place of bytes that are no text.
        (Some(value), None) if value.contains(char::REPLACEMENT_CHARACTER) => {
            Err("it is not text".to_owned())
        }
        (value, None) => Ok(value),
        _ => Err(several(name)),
    }
}

fn several(name: &str) -> String {
    format!("there are several `{name}`")
}
