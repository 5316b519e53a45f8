//! The front without sockets: the AWS SDK's HTTP client, answered in the same process.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::HttpError;
use aws_smithy_types::body::SdkBody;

use super::serve::{Dynamo, Reply};

/// How a request reaches DynamoDB, and its answer the client.
pub trait Way: Send + Sync {
    /// Carries one request there and its answer back; `None` is a connection that breaks.
    fn exchange<'a>(&'a self, from: Arc<str>, op: &'a str, body: &'a [u8]) -> Exchange<'a>;
}

/// A request on its way, and its answer.
pub type Exchange<'a> = Pin<Box<dyn Future<Output = Option<Reply>> + Send + 'a>>;

impl Way for Dynamo {
    fn exchange<'a>(&'a self, from: Arc<str>, op: &'a str, body: &'a [u8]) -> Exchange<'a> {
        Box::pin(self.serve(from, op, body))
    }
}

/// One client's way to the embedded DynamoDB.
#[derive(Clone)]
pub(super) struct InProcess {
    way: Arc<dyn Way>,
    from: Arc<str>,
}

impl InProcess {
    pub(super) fn new(way: impl Way + 'static, from: &str) -> Self {
        Self {
            way: Arc::new(way),
            from: from.into(),
        }
    }

    async fn exchange(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let body = request.body().bytes().unwrap_or_default();
        let reply = self
            .way
            .exchange(self.from.clone(), operation(target), body);
        let reply = reply.await;
        let reply = reply.ok_or_else(|| ConnectorError::io("the connection was reset".into()))?;
        response(reply).map_err(|e| ConnectorError::other(e.into(), None))
    }
}

impl HttpClient for InProcess {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().exchange(request))
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InProcess").field(&self.from).finish()
    }
}

fn response(reply: Reply) -> Result<HttpResponse, HttpError> {
    let mut response = HttpResponse::new(reply.status.try_into()?, SdkBody::from(reply.body));
    let headers = response.headers_mut();
    headers.try_insert("content-type", "application/x-amz-json-1.0")?;
    if let Some(date) = reply.date {
        headers.try_insert("date", date)?;
    }
    Ok(response)
}

/// `DynamoDB_20120810.GetItem` is `GetItem`.
pub(super) fn operation(target: &str) -> &str {
    target.rsplit('.').next().unwrap_or_default()
}
