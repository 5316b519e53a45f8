//! Answers that the proxy itself gives to the runtime, in the form of Lambda's own.

use std::fmt::Display;

use http::header::CONTENT_TYPE;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use serde_json::json;

/// There is no answer from Lambda, or none that can be passed on.
pub(crate) fn bad_gateway(why: impl Display) -> Response<Full<Bytes>> {
    error(StatusCode::BAD_GATEWAY, "ProxyError", why)
}

/// A request for an event, or the end of an invocation, could pass beside the service by such a path.
pub(crate) fn ambiguous() -> Response<Full<Bytes>> {
    let why = "the path contains a percent sign, or a segment of dots";
    error(StatusCode::BAD_REQUEST, "ProxyError", why)
}

/// The runtime asked for an event twice at a time.
pub(crate) fn superseded() -> Response<Full<Bytes>> {
    let why = "the next event was asked for again before this request was answered";
    error(StatusCode::FORBIDDEN, "InvalidStateTransition", why)
}

/// The initialisation has failed.
pub(crate) fn failed_init(why: impl Display) -> Response<Full<Bytes>> {
    error(StatusCode::FORBIDDEN, "InitError", why)
}

fn error(status: StatusCode, name: &str, why: impl Display) -> Response<Full<Bytes>> {
    let body = json!({"errorType": name, "errorMessage": why.to_string()});
    let answer = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json");
    let answer = answer.body(Full::new(body.to_string().into()));
    answer.expect("its parts are constants")
}
