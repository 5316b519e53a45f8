//! A POST's body, whose end is held back until the service has completed.
//!
//! All before the end passes as it comes, so a streamed response is streamed. Lambda takes a response
//! for complete at its last byte, so where the length is known that byte is a part of the end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use pin_project_lite::pin_project;
use tower::BoxError;

use crate::post::Post;
use crate::session::Session;

type Ended = Pin<Box<dyn Future<Output = ()> + Send>>;

pin_project! {
    /// The body.
    pub(crate) struct HeldBack {
        #[pin]
        incoming: Incoming,
        session: Arc<Session>,
        post: Post,
        end: End,
    }
}

/// How far the end has come.
enum End {
    NotYet,
    Arrived(Ended, Option<Frame<Bytes>>),
    Passed,
}

impl HeldBack {
    /// The body of a POST.
    pub(crate) async fn new(incoming: Incoming, session: Arc<Session>, mut post: Post) -> Self {
        // A message without a body ends with its head.
        if incoming.is_end_stream() {
            ended(&session, &mut post).await;
        }
        Self {
            incoming,
            session,
            post,
            end: End::NotYet,
        }
    }
}

impl Body for HeldBack {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        loop {
            match this.end {
                End::NotYet => {
                    match arrived(ready!(this.incoming.as_mut().poll_frame(cx)), this.post)? {
                        Some(frame) if frame.is_data() && !this.incoming.is_end_stream() => {
                            return Poll::Ready(Some(Ok(frame)));
                        }
                        last => *this.end = End::Arrived(ended(this.session, this.post), last),
                    }
                }
                End::Arrived(ended, last) => {
                    ready!(ended.as_mut().poll(cx));
                    let last = last.take();
                    *this.end = End::Passed;
                    return Poll::Ready(last.map(Ok));
                }
                End::Passed => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.end, End::Passed)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.end {
            End::NotYet => self.incoming.size_hint(),
            End::Arrived(_, Some(last)) => {
                SizeHint::with_exact(last.data_ref().map_or(0, |data| data.len() as u64))
            }
            End::Arrived(_, None) | End::Passed => SizeHint::with_exact(0),
        }
    }
}

type Arrived = Option<Result<Frame<Bytes>, hyper::Error>>;

fn arrived(frame: Arrived, post: &mut Post) -> Result<Option<Frame<Bytes>>, hyper::Error> {
    let frame = frame.transpose()?;
    frame.iter().for_each(|frame| post.arrives(frame));
    Ok(frame)
}

fn ended(session: &Arc<Session>, post: &mut Post) -> Ended {
    let (session, id) = (Arc::clone(session), post.id.clone());
    let body = post.body();
    let posted = post.posted(body);
    Box::pin(async move { session.ended(&id, posted).await })
}
