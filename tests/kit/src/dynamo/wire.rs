//! The front for real processes: DynamoDB's own protocol over HTTP.

use http::{Request, Response};
use hyper::body::Bytes;

use super::inproc::operation;
use super::serve::{Dynamo, Reply};
use crate::Error;
use crate::loopback::{self, Loopback};

/// An embedded DynamoDB that listens on the loopback address. Dropped, it is gone, and its
/// connections break.
#[derive(Debug)]
#[must_use]
pub struct Wire(Loopback);

impl Wire {
    /// What the AWS SDK calls the endpoint: `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address())
    }
}

impl Dynamo {
    /// Listens on a port that the system chooses.
    pub async fn listen(&self) -> Result<Wire, Error> {
        let dynamo = self.clone();
        Loopback::start(move |request| exchange(dynamo.clone(), request))
            .await
            .map(Wire)
    }
}

async fn exchange(dynamo: Dynamo, request: Request<Bytes>) -> Option<loopback::Reply> {
    let target = request
        .headers()
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    let op = operation(target.unwrap_or_default());
    dynamo
        .serve("wire".into(), op, request.body())
        .await
        .and_then(response)
}

fn response(reply: Reply) -> Option<loopback::Reply> {
    let response = Response::builder().status(reply.status);
    let response = match reply.date {
        Some(date) => response.header("date", date),
        None => response,
    };
    let response = response.header("content-type", "application/x-amz-json-1.0");
    response.body(reply.body.into()).ok()
}
