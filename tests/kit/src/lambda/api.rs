//! The Runtime API and the Extensions API of one environment: six routes over one state.

use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::Error;
use crate::answer::Answer;
use crate::dynamo::Wait;
use crate::loopback::{Loopback, Reply};

/// The APIs of one start; a restart has others.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) server: Loopback,
    state: Arc<watch::Sender<State>>,
}

/// What the two sides tell each other.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) registered: bool,
    pub(super) extension_waits: bool,
    pub(super) function_waits: bool,
    event: Option<Reply>,
    answer: Option<Answer>,
    shutdown: Option<Reply>,
}

impl Api {
    /// With this wait before the runtime learns that its response was accepted.
    pub(super) async fn start(accepting: Wait) -> Result<Self, Error> {
        let state = Arc::new(watch::Sender::new(State::default()));
        let shared = state.clone();
        let server =
            Loopback::start(move |request| route(shared.clone(), accepting.clone(), request))
                .await?;
        Ok(Self { server, state })
    }

    /// Waits until the state is as wanted.
    pub(super) async fn until(&self, wanted: impl FnMut(&State) -> bool) {
        until(&self.state, wanted).await;
    }

    /// Gives the function an event and waits for its answer.
    pub(super) async fn invoke(&self, id: &str, deadline_ms: u128, body: &Value) -> Answer {
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:orders";
        let event = Response::builder()
            .header("lambda-runtime-aws-request-id", id)
            .header("lambda-runtime-deadline-ms", deadline_ms.to_string())
            .header("lambda-runtime-invoked-function-arn", arn)
            .header(
                "lambda-runtime-trace-id",
                "Root=1-00000000-000000000000000000000000",
            )
            .header("content-type", "application/json");
        let event = event.body(body.to_string().into()).ok();
        self.state
            .send_modify(|state| (state.event, state.answer) = (event, None));
        self.until(|state| state.answer.is_some()).await;
        self.state
            .borrow()
            .answer
            .clone()
            .expect("it was waited for, and only `invoke` clears it")
    }

    /// Gives the extension its last event.
    pub(super) fn shut_down(&self, event: &Value) {
        let event = Response::new(event.to_string().into());
        self.state.send_modify(|state| state.shutdown = Some(event));
    }
}

async fn until(state: &watch::Sender<State>, wanted: impl FnMut(&State) -> bool) {
    // An error would say that the sender is gone, and it is here.
    let _ = state.subscribe().wait_for(wanted).await;
}

async fn route(
    state: Arc<watch::Sender<State>>,
    accepting: Wait,
    request: Request<Bytes>,
) -> Option<Reply> {
    let body = serde_json::from_slice(request.body()).unwrap_or_default();
    match (request.method().as_str(), request.uri().path()) {
        ("POST", "/2020-01-01/extension/register") => register(&state),
        ("GET", "/2020-01-01/extension/event/next") => {
            state.send_modify(|state| state.extension_waits = true);
            until(&state, |state| state.shutdown.is_some()).await;
            state.borrow().shutdown.clone()
        }
        ("GET", "/2018-06-01/runtime/invocation/next") => {
            state.send_modify(|state| state.function_waits = true);
            until(&state, |state| state.event.is_some()).await;
            state.borrow().event.clone()
        }
        ("POST", path) if path.ends_with("/response") => {
            let accepted = answered(&state, Answer::Response(body));
            accepting.over().await;
            accepted
        }
        // `/runtime/invocation/{id}/error` and `/runtime/init/error`.
        ("POST", path) if path.ends_with("/error") => answered(&state, error(&body)),
        _ => Response::builder()
            .status(404)
            .body(Bytes::new().into())
            .ok(),
    }
}

fn register(state: &watch::Sender<State>) -> Option<Reply> {
    state.send_modify(|state| state.registered = true);
    let about = json!({ "functionName": "orders", "functionVersion": "$LATEST", "handler": "" });
    let reply = Response::builder().header("lambda-extension-identifier", "extension");
    reply.body(about.to_string().into()).ok()
}

fn answered(state: &watch::Sender<State>, answer: Answer) -> Option<Reply> {
    state.send_modify(|state| {
        (state.event, state.answer, state.function_waits) = (None, Some(answer), false);
    });
    Response::builder().status(202).body("{}".into()).ok()
}

fn error(posted: &Value) -> Answer {
    let text = |field: &str| posted[field].as_str().unwrap_or_default().to_owned();
    Answer::Error {
        kind: text("errorType"),
        message: text("errorMessage"),
    }
}
