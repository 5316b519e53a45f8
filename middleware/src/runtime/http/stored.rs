//! A response as JSON text, and back: for those whose request is done already.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_http::http::StatusCode;
use lambda_http::{Body, Response};
use serde::{Deserialize, Serialize};

use crate::answer::replay::Replay;

/// A response, in the form in which a proxy integration has it.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Stored<'a> {
    status_code: u16,
    /// Names and values, in their order: a name may come twice, and a value need not be text.
    #[serde(default)]
    header_list: Vec<(String, String)>,
    #[serde(default)]
    body: Cow<'a, str>,
    #[serde(default)]
    is_base64_encoded: bool,
    /// A handler that keeps a response of its own writes them as a proxy integration does.
    #[serde(default, skip_serializing)]
    headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing)]
    multi_value_headers: BTreeMap<String, Vec<String>>,
}

/// The response as text.
pub(super) fn text(response: &Response<Body>) -> String {
    let (body, is_base64_encoded) = match response.body() {
        Body::Text(text) => (Cow::Borrowed(text.as_str()), false),
        Body::Binary(bytes) => (Cow::Owned(STANDARD.encode(bytes)), true),
        _ => (Cow::Borrowed(""), false),
    };
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.as_str().to_owned(), value.into_owned())
    });
    let stored = Stored {
        status_code: response.status().as_u16(),
        header_list: headers.collect(),
        body,
        is_base64_encoded,
        headers: BTreeMap::new(),
        multi_value_headers: BTreeMap::new(),
    };
    serde_json::to_string(&stored).expect("texts and numbers are JSON")
}

/// The headers of a response that a handler has kept by itself.
fn flat<'s>(stored: &'s Stored<'_>) -> impl Iterator<Item = (&'s String, &'s String)> {
    let lists = stored.multi_value_headers.iter();
    let lists = lists.flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    let is_single = |name: &String| !stored.multi_value_headers.contains_key(name);
    let single = stored
        .headers
        .iter()
        .filter(move |(name, _)| is_single(name));
    single.chain(lists)
}

/// The response that a text was made of, with the header that tells what it is.
pub(super) fn response(replay: &Replay) -> Response<Body> {
    restored(replay).unwrap_or_else(|| {
        let mut gone = Response::new(Body::Empty);
        *gone.status_mut() = StatusCode::GONE;
        gone
    })
}

fn restored(replay: &Replay) -> Option<Response<Body>> {
    let stored: Stored<'_> = serde_json::from_str(replay.as_str()).ok()?;
    let mut response = Response::builder().status(stored.status_code);
    let listed = stored.header_list.iter().map(|(name, value)| (name, value));
    for (name, value) in listed.chain(flat(&stored)) {
        response = response.header(name, value);
    }
    let body = match (stored.is_base64_encoded, stored.body) {
        (true, body) => Body::Binary(STANDARD.decode(&*body).ok()?),
        (false, body) if body.is_empty() => Body::Empty,
        (false, body) => Body::Text(body.into_owned()),
    };
    if let Some(header) = replay.header() {
        response = response.header(header, "true");
    }
    response.body(body).ok()
}
