//! Collecting a response, so that another one can take its place.
//!
//! Nothing of it reaches Lambda before the service has completed, not even its head: that tells the
//! length. Only what is longer than Lambda takes passes as it comes.

use std::sync::Arc;

use http::header::{CONTENT_LENGTH, TRAILER, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use tower::BoxError;

use crate::api::RESPONSE_MODE;
use crate::body::HeldBack;
use crate::post::{Post, Wanted};
use crate::session::Session;
use crate::upstream::{Body, never};

/// A body that has arrived.
enum Collected {
    Whole(Bytes, Option<HeaderMap>),
    /// It is too long, and this is its beginning.
    TooLong(Bytes),
}

/// A POST as Lambda gets it; ready when its head may reach Lambda. An error if a response that is
/// collected breaks.
pub(crate) async fn hold_back(
    request: Request<Incoming>,
    session: Arc<Session>,
    mut post: Post,
) -> Result<Request<Body>, BoxError> {
    let (head, mut incoming) = request.into_parts();
    let mut begun = None;
    match session.wanted(&post.id) {
        Wanted::Whole if post.is_response() => match collect(&mut incoming, &mut post).await? {
            Collected::Whole(body, trailers) => {
                return Ok(whole(head, body, trailers, &session, &post).await);
            }
            Collected::TooLong(beginning) => begun = Some(beginning),
        },
        Wanted::Copy => post.keep(),
        _ => {}
    }
    let body = HeldBack::new(begun, incoming, session, post).await;
    Ok(Request::from_parts(head, body.boxed_unsync()))
}

async fn collect(incoming: &mut Incoming, post: &mut Post) -> Result<Collected, BoxError> {
    post.keep();
    let mut trailers = None;
    while let Some(frame) = incoming.frame().await.transpose()? {
        if let Some(beginning) = post.arrives(&frame) {
            return Ok(Collected::TooLong(beginning.into()));
        }
        trailers = frame.into_trailers().ok().or(trailers);
    }
    Ok(Collected::Whole(post.body().unwrap_or_default(), trailers))
}

/// A collected response, or what the service has put in its place.
async fn whole(
    mut head: Parts,
    body: Bytes,
    trailers: Option<HeaderMap>,
    session: &Session,
    post: &Post,
) -> Request<Body> {
    let posted = post.posted(Some(body.clone()));
    if let Some(instead) = session.collected(&post.id, posted).await {
        for of_the_body in [TRANSFER_ENCODING.as_str(), TRAILER.as_str(), RESPONSE_MODE] {
            head.headers.remove(of_the_body);
        }
        let (instead, body) = instead.ending(&post.id).into_parts();
        head.uri = instead.uri;
        head.headers.extend(instead.headers);
        head.headers.insert(CONTENT_LENGTH, body.len().into());
        return Request::from_parts(head, full(body));
    }
    let body = match trailers {
        Some(trailers) => {
            let trailers = async { Some(Ok(trailers)) };
            let body = Full::new(body).with_trailers(trailers);
            body.map_err(never).boxed_unsync()
        }
        None => full(body),
    };
    Request::from_parts(head, body)
}

fn full(body: Bytes) -> Body {
    Full::new(body).map_err(never).boxed_unsync()
}
