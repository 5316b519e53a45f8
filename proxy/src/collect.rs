//! Collecting a response, so that another one can take its place.
//!
//! Nothing of it reaches Lambda before the service has completed, not even its head: that tells the
//! length. Of one that is longer than Lambda takes nothing is kept, and an error takes its place: passed as
//! it comes it would be a success where it is streamed, whatever the service made of it.

use std::sync::Arc;

use http::header::{CONTENT_LENGTH, TRAILER, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use tower::BoxError;

use crate::api::{self, RESPONSE_MODE};
use crate::body::HeldBack;
use crate::instead::Instead;
use crate::post::{LONGEST, Post, Wanted};
use crate::session::Session;
use crate::upstream::{Body, never};

/// A message that has arrived.
struct Collected {
    /// None if it is too long.
    body: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

/// A POST as Lambda gets it; ready when its head may reach Lambda. An error if a response that is
/// collected breaks.
pub(crate) async fn hold_back(
    request: Request<Incoming>,
    session: Arc<Session>,
    mut post: Post,
) -> Result<Request<Body>, BoxError> {
    let (mut head, mut incoming) = request.into_parts();
    api::announce_trailers(&mut head.headers);
    match session.wanted(&post.id) {
        Wanted::Whole if post.is_response() => {
            let collected = collect(&mut incoming, &mut post).await?;
            return Ok(whole(head, collected, &session, &post).await);
        }
        Wanted::Copy => post.keep(),
        _ => {}
    }
    let body = HeldBack::new(incoming, session, post).await;
    Ok(Request::from_parts(head, body.boxed_unsync()))
}

async fn collect(incoming: &mut Incoming, post: &mut Post) -> Result<Collected, BoxError> {
    post.keep();
    let mut trailers = None;
    while let Some(frame) = incoming.frame().await.transpose()? {
        post.arrives(&frame);
        trailers = frame.into_trailers().ok().or(trailers);
    }
    let body = post.body();
    Ok(Collected { body, trailers })
}

/// A collected response, or what takes its place.
async fn whole(head: Parts, collected: Collected, session: &Session, post: &Post) -> Request<Body> {
    let Collected { body, trailers } = collected;
    let posted = post.posted(body.clone());
    match (session.collected(&post.id, posted).await, body) {
        (Some(instead), _) => replaced(head, instead, post),
        (None, None) => replaced(head, too_long(), post),
        (None, Some(body)) => Request::from_parts(head, with_trailers(body, trailers)),
    }
}

fn replaced(mut head: Parts, instead: Instead, post: &Post) -> Request<Body> {
    for of_the_body in [TRANSFER_ENCODING.as_str(), TRAILER.as_str(), RESPONSE_MODE] {
        head.headers.remove(of_the_body);
    }
    let (instead, body) = instead.ending(&post.id).into_parts();
    head.uri = instead.uri;
    head.headers.extend(instead.headers);
    head.headers.insert(CONTENT_LENGTH, body.len().into());
    Request::from_parts(head, full(body))
}

/// What Lambda says itself of a response that it does not stream.
fn too_long() -> Instead {
    let message = format!("the response is longer than {LONGEST} bytes");
    Instead::error("Function.ResponseSizeTooLarge", &message)
}

fn with_trailers(body: Bytes, trailers: Option<HeaderMap>) -> Body {
    let Some(trailers) = trailers else {
        return full(body);
    };
    let trailers = async { Some(Ok(trailers)) };
    let body = Full::new(body).with_trailers(trailers);
    body.map_err(never).boxed_unsync()
}

fn full(body: Bytes) -> Body {
    Full::new(body).map_err(never).boxed_unsync()
}
