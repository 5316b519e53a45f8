//! The runtime's side: connections, and what becomes of each request.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::{Layer, Service};

use crate::answer::{ambiguous, bad_gateway, superseded};
use crate::api::{self, Call, End};
use crate::collect::hold_back;
use crate::handover::{Handover, Outcome};
use crate::invocation::Invocation;
use crate::post::Post;
use crate::run::{run, run_failed};
use crate::session::{Posting, Session};
use crate::upstream::Upstream;

type Answer = Response<Either<Incoming, Full<Bytes>>>;

/// The pause after a connection that could not be accepted, for instance because too many files are
/// open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Stands between the runtime that connects to `listener` and Lambda at `upstream`, and gives every
/// event to the service that `layer` makes around the runtime. Returns never; dropped, it closes every
/// connection.
pub async fn serve<L>(listener: TcpListener, upstream: Upstream, layer: L) -> Infallible
where
    L: Layer<Handover>,
    L::Service: Service<Invocation, Response = Outcome, Error = Infallible>,
{
    let session = Arc::<Session>::default();
    let service = layer.layer(Handover::new(Arc::clone(&session)));
    tokio::select! {
        never = listen(listener, &session, &upstream) => never,
        never = run(&session, &upstream, service) => never,
    }
}

/// Ends the initialisation of the runtime that connects to `listener` with an error: the caller gets
/// its name and message as if the runtime itself had failed. Returns never.
pub async fn fail_init(
    listener: TcpListener,
    upstream: Upstream,
    name: &str,
    message: &str,
) -> Infallible {
    let session = Arc::<Session>::default();
    tokio::select! {
        never = listen(listener, &session, &upstream) => never,
        never = run_failed(&session, &upstream, name, message) => never,
    }
}

async fn listen(listener: TcpListener, session: &Arc<Session>, upstream: &Upstream) -> Infallible {
    // Dropped with this future, and every connection with it.
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(converse(stream, Arc::clone(session), upstream.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(stream: TcpStream, session: Arc<Session>, upstream: Upstream) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let (session, upstream) = (Arc::clone(&session), upstream.clone());
        async move { Ok::<_, Infallible>(route(session, upstream, request).await) }
    });
    let served = http1::Builder::new()
        .auto_date_header(false)
        .max_buf_size(api::MAX_HEAD)
        .max_header_size(api::MAX_HEAD)
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection of the runtime broke");
    }
}

async fn route(session: Arc<Session>, upstream: Upstream, request: Request<Incoming>) -> Answer {
    match Call::of(request.method(), request.uri().path()) {
        Call::Next => next(&session, request).await.map(Either::Right),
        Call::End(id, end) => post(session, upstream, id, end, request).await,
        Call::Other => pass(upstream, request).await,
        Call::Ambiguous => ambiguous().map(Either::Right),
    }
}

/// Waits for the runtime's next event.
async fn next(session: &Session, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let asking = session.ask(request.into_parts().0.headers);
    asking.answer().await.unwrap_or_else(superseded)
}

/// Forwards a response or an error. That is not bound to the runtime's connection: what has arrived
/// here is posted, even if the runtime ends right after it.
async fn post(
    session: Arc<Session>,
    upstream: Upstream,
    id: String,
    end: End,
    request: Request<Incoming>,
) -> Answer {
    let posting = Posting::begin(&session);
    let forwarded = tokio::spawn(async move {
        let post = Post::new(id.clone(), end, request.headers());
        let answer = match hold_back(request, Arc::clone(&session), post).await {
            Ok(request) => upstream.send(request).await,
            Err(broken) => Err(broken),
        };
        if answer.is_ok() {
            session.answered(&id);
        }
        drop(posting);
        answer.map_or_else(unanswered, |answer| answer.map(Either::Left))
    });
    forwarded.await.unwrap_or_else(unanswered)
}

/// Forwards what the proxy does not know.
async fn pass(upstream: Upstream, request: Request<Incoming>) -> Answer {
    let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
    let answer = upstream.send(request).await;
    answer.map_or_else(unanswered, |answer| answer.map(Either::Left))
}

fn unanswered(why: impl std::fmt::Display) -> Answer {
    bad_gateway(why).map(Either::Right)
}
