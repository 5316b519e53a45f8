//! Lambda's side: the Runtime API itself, or another proxy.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Request, Response, Uri, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::BoxError;

use crate::api;

/// Where the proxy forwards to. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Upstream {
    authority: Authority,
    host: HeaderValue,
    client: Client<HttpConnector, Body>,
}

/// Memory for so much of an event is taken before it arrives.
const LONGEST_EVENT: usize = 8 * 1024 * 1024;

/// The body of a request to Lambda.
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// A text that is not the address of a Runtime API.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvalidUpstream(String);

impl FromStr for Upstream {
    type Err = InvalidUpstream;

    /// Reads `host:port`, as it stands in `AWS_LAMBDA_RUNTIME_API`.
    fn from_str(text: &str) -> Result<Self, InvalidUpstream> {
        let invalid = || InvalidUpstream(text.to_owned());
        let authority: Authority = text.parse().map_err(|_| invalid())?;
        Ok(Self {
            host: HeaderValue::try_from(text).map_err(|_| invalid())?,
            authority,
            client: client(),
        })
    }
}

/// Connections are kept without a timer: `next` stays open for hours, and an environment that is
/// thawed finds every timer expired.
fn client() -> Client<HttpConnector, Body> {
    let mut connector = HttpConnector::new();
    // Nagle's algorithm together with delayed acknowledgements costs 40 ms on loopback.
    connector.set_nodelay(true);
    let mut client = Client::builder(TokioExecutor::new());
    client
        .pool_idle_timeout(None)
        .http1_max_buf_size(api::MAX_HEAD)
        .http1_preserve_header_case(true);
    client.build(connector)
}

impl Upstream {
    /// Asks for the next event, with the headers of the runtime's own request.
    pub(crate) async fn next(&self, headers: HeaderMap) -> Result<Response<Bytes>, BoxError> {
        let mut request =
            Request::get(api::NEXT).body(Empty::new().map_err(never).boxed_unsync())?;
        *request.headers_mut() = headers;
        // That of the runtime's request, if it had one, stays here.
        api::remove_body(request.headers_mut());
        let (head, body) = self.send(request).await?.into_parts();
        Ok(Response::from_parts(head, collected(body).await?))
    }

    /// Posts something of the proxy's own. An answer that does not accept it is an error.
    pub(crate) async fn post(&self, request: Request<Bytes>) -> Result<(), BoxError> {
        let request = request.map(|body| Full::new(body).map_err(never).boxed_unsync());
        let path = request.uri().path().to_owned();
        let (head, body) = self.send(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        match head.status.is_success() {
            true => Ok(()),
            false => {
                let body = String::from_utf8_lossy(&body);
                Err(format!("POST {path} was answered with {}: {body}", head.status).into())
            }
        }
    }

    /// Sends a request, and completes when the head of the answer is there.
    pub(crate) async fn send(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, BoxError> {
        let (mut head, body) = request.into_parts();
        head.uri = self.uri(head.uri)?;
        head.version = Version::HTTP_11;
        api::remove_hop_by_hop(&mut head.headers);
        head.headers.insert(HOST, self.host.clone());
        let answer = self.client.request(Request::from_parts(head, body)).await;
        let mut answer =
            answer.inspect_err(|error| tracing::warn!(%error, "no answer from Lambda"))?;
        api::remove_hop_by_hop(answer.headers_mut());
        Ok(answer)
    }

    fn uri(&self, uri: Uri) -> Result<Uri, BoxError> {
        let mut parts = uri.into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.authority.clone());
        let root = || PathAndQuery::from_static("/");
        parts.path_and_query = Some(parts.path_and_query.unwrap_or_else(root));
        Ok(Uri::from_parts(parts)?)
    }
}

/// A body in one piece. Each part is copied and let go as it comes, so that the next one is read into the same memory: the
/// parts of a long event would each be read into new pages, and then be copied all the same.
async fn collected(mut body: Incoming) -> Result<Bytes, BoxError> {
    let length = body.size_hint().exact().unwrap_or_default();
    let length = usize::try_from(length).unwrap_or(LONGEST_EVENT);
    let mut collected = Vec::with_capacity(length.min(LONGEST_EVENT));
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            collected.extend_from_slice(&data);
        }
    }
    Ok(collected.into())
}

pub(crate) fn never(never: std::convert::Infallible) -> BoxError {
    match never {}
}

impl fmt::Display for InvalidUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "invalid address of a Runtime API `{}`: expected `host:port`",
            self.0
        )
    }
}

impl Error for InvalidUpstream {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_host_and_port() {
        assert!("127.0.0.1:9001".parse::<Upstream>().is_ok());
        let invalid = "not an address"
            .parse::<Upstream>()
            .expect_err("it has spaces");
        let text = "invalid address of a Runtime API `not an address`: expected `host:port`";
        assert_eq!(invalid.to_string(), text);
    }
}
