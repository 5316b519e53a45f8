//! The Runtime API: its paths and headers, as far as a proxy acts on them.

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, Method};

/// The version of the API that the proxy itself speaks.
pub(crate) const NEXT: &str = "/2018-06-01/runtime/invocation/next";
pub(crate) const INIT_ERROR: &str = "/2018-06-01/runtime/init/error";

pub(crate) const REQUEST_ID: &str = "lambda-runtime-aws-request-id";
pub(crate) const DEADLINE_MS: &str = "lambda-runtime-deadline-ms";
pub(crate) const CLIENT_CONTEXT: &str = "lambda-runtime-client-context";
pub(crate) const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const ERROR_TRAILERS: &str =
    "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body";
pub(crate) const RESPONSE_MODE: &str = "lambda-runtime-function-response-mode";

/// The largest head of a request or response. Runtimes put the cause of an error, up to 1 MB, into
/// one header, or into one trailer of a streamed response.
pub(crate) const MAX_HEAD: usize = 2 * 1024 * 1024;

/// Headers that concern one connection, and not the message.
const HOP_BY_HOP: [HeaderName; 6] = [
    CONNECTION,
    EXPECT,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    UPGRADE,
];

/// How an invocation is ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Response,
    Error,
}

/// What a request of the runtime asks for.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Call {
    /// Its next event.
    Next,
    /// To end the invocation with this request id.
    End(String, End),
    /// Something that the proxy does not know, and passes on.
    Other,
    /// What Lambda may read in another way than the proxy.
    Ambiguous,
}

impl Call {
    /// Empty segments do not count, and neither does the version: what Lambda may take for a request
    /// for an event must not pass beside the service.
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        if path.contains('%')
            || path
                .split('/')
                .any(|segment| [".", ".."].contains(&segment))
        {
            return Self::Ambiguous;
        }
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        let [_version, runtime, invocation, third, fourth] =
            std::array::from_fn(|_| segments.next().unwrap_or_default());
        if (runtime, invocation) != ("runtime", "invocation") || segments.next().is_some() {
            return Self::Other;
        }
        match (method, third, fourth) {
            (&Method::GET, "next", "") => Self::Next,
            (&Method::POST, id, "response") => Self::End(id.to_owned(), End::Response),
            (&Method::POST, id, "error") => Self::End(id.to_owned(), End::Error),
            _ => Self::Other,
        }
    }
}

/// Removes what concerns the connection that a message came by. Its length and its trailers stay.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Announces the trailers with which a runtime tells that a stream has failed. A runtime need not announce them, but
/// what is not announced is not sent on.
pub(crate) fn announce_trailers(headers: &mut HeaderMap) {
    let streams = headers
        .get(RESPONSE_MODE)
        .is_some_and(|mode| mode == "streaming");
    if streams && headers.contains_key(TRANSFER_ENCODING) && !headers.contains_key(TRAILER) {
        headers.insert(TRAILER, HeaderValue::from_static(ERROR_TRAILERS));
    }
}

/// Removes what describes a body that is not sent on.
pub(crate) fn remove_body(headers: &mut HeaderMap) {
    for name in [CONTENT_LENGTH, TRAILER, TRANSFER_ENCODING] {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> Call {
        Call::of(&Method::GET, path)
    }

    fn post(path: &str) -> Call {
        Call::of(&Method::POST, path)
    }

    #[test]
    fn events_are_asked_for_and_ended_by_path() {
        assert_eq!(get(NEXT), Call::Next);
        let ends = |end| Call::End("8476-a".to_owned(), end);
        let response = post("/2018-06-01/runtime/invocation/8476-a/response");
        assert_eq!(response, ends(End::Response));
        let error = post("/2018-06-01/runtime/invocation/8476-a/error");
        assert_eq!(error, ends(End::Error));
    }

    #[test]
    fn another_version_and_empty_segments_ask_for_the_same() {
        assert_eq!(get("//2018-06-01//runtime/invocation/next/"), Call::Next);
        assert_eq!(get("/2031-01-01/runtime/invocation/next"), Call::Next);
    }

    #[test]
    fn a_path_that_can_be_read_in_two_ways_is_ambiguous() {
        for path in [
            "/2018-06-01/runtime/invocation/%6eext",
            "/2018-06-01/runtime/invocation/%31/response",
            "/2018-06-01/runtime/init/../invocation/next",
            "/./2018-06-01/runtime/invocation/1/error",
        ] {
            assert_eq!((get(path), post(path)), (Call::Ambiguous, Call::Ambiguous));
        }
    }

    #[test]
    fn all_other_paths_pass() {
        for path in ["/", "", INIT_ERROR, "/2018-06-01/runtime/restore/next", "*"] {
            assert_eq!((get(path), post(path)), (Call::Other, Call::Other));
        }
        assert_eq!(post(NEXT), Call::Other);
        assert_eq!(
            get("/2018-06-01/runtime/invocation/1/response"),
            Call::Other
        );
        assert_eq!(get("/2018-06-01/runtime/invocation/next/1/2"), Call::Other);
    }
}
