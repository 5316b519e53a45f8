//! Answers over `lambda_http`.

use std::future::{Future, ready};
use std::pin::Pin;

use lambda_http::{Body, IntoResponse, Response};

use super::{Answer, Refused};

impl<A: IntoResponse> IntoResponse for Answer<A> {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        match self {
            Self::Handler(answer) => answer.into_response(),
            Self::Refused(refused) => Box::pin(ready(refused.into())),
            Self::Nothing => Box::pin(ready(Response::default())),
        }
    }
}

impl From<Refused> for Response<Body> {
    fn from(refused: Refused) -> Self {
        let headers = refused.headers();
        let response = Response::builder().status(refused.status);
        let response = headers
            .into_iter()
            .fold(response, |response, (name, value)| {
                response.header(name, value)
            });
        let body = Body::from(refused.body);
        response
            .body(body)
            .expect("the status and the headers are ours, and right")
    }
}
