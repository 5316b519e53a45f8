//! The main loop: one event after the other.

use std::convert::Infallible;

use http::StatusCode;
use http_body_util::Full;
use tower::{Service, ServiceExt};

use crate::answer::{bad_gateway, failed_init};
use crate::handover::Outcome;
use crate::instead::Instead;
use crate::invocation::Invocation;
use crate::session::Session;
use crate::upstream::Upstream;

/// Gives every event to the service. Returns never.
pub(crate) async fn run<S>(session: &Session, upstream: &Upstream, mut service: S) -> Infallible
where
    S: Service<Invocation, Response = Outcome, Error = Infallible>,
{
    let mut kept = None;
    loop {
        // It may have work left of the last event, and Lambda freezes the environment when it is asked.
        let Ok(_) = service.ready().await;
        session.asked().await;
        let event = match kept.take() {
            Some(event) => Some(event),
            None => fetch(session, upstream).await,
        };
        let Some(event) = event else { continue };
        let (id, deadline) = (event.request_id().to_owned(), event.deadline());
        match outcome(session, &mut service, event).await {
            Outcome::Finished(_) => session.forward(),
            Outcome::Undelivered(event) => kept = Some(event),
            Outcome::Instead(instead) => {
                if end(session, upstream, &id, instead).await {
                    session.ended_instead(&id, deadline);
                }
            }
        }
    }
}

/// Ends the initialisation with an error, as soon as the runtime is there. Returns never.
pub(crate) async fn run_failed(
    session: &Session,
    upstream: &Upstream,
    name: &str,
    message: &str,
) -> Infallible {
    loop {
        session.asked().await;
        tracing::error!(name, why = message, "the function does not start");
        let error = Instead::error(name, message);
        if let Err(error) = upstream.post(error.ending_init()).await {
            tracing::error!(%error, "Lambda does not accept the error of the initialisation");
        }
        // The runtime takes that for its end.
        session.answer(failed_init(message));
    }
}

/// The next event. Whatever else Lambda answers goes to the runtime as it is.
async fn fetch(session: &Session, upstream: &Upstream) -> Option<Invocation> {
    let answer = match upstream.next(session.headers()).await {
        Ok(answer) if answer.status() == StatusCode::OK => answer,
        Ok(other) => {
            session.answer(other.map(Full::new));
            return None;
        }
        Err(error) => {
            session.answer(bad_gateway(error));
            return None;
        }
    };
    let event = Invocation::new(answer);
    if event.is_none() {
        session.answer(bad_gateway("the event has no usable request id"));
    }
    event
}

async fn outcome<S>(session: &Session, service: &mut S, event: Invocation) -> Outcome
where
    S: Service<Invocation, Response = Outcome, Error = Infallible>,
{
    if session.has_delivered(&event) {
        // The runtime could not post its response and went on. Its handler has run already.
        let message = "the runtime was given this event before and did not end it";
        return Outcome::Instead(Instead::error("Runtime.EventRepeated", message));
    }
    let Ok(outcome) = service.call(event).await;
    outcome
}

/// Ends an invocation without the runtime. Where Lambda does not accept that, the runtime is told: it
/// would be given the same event again and again.
async fn end(session: &Session, upstream: &Upstream, id: &str, instead: Instead) -> bool {
    let ended = upstream.post(instead.ending(id)).await;
    if let Err(error) = &ended {
        tracing::error!(id, %error, "the invocation could not be ended");
        session.answer(bad_gateway(error));
    }
    ended.is_ok()
}
