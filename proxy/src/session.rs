//! What the runtime is doing: the state that every connection and the main loop share.
//!
//! A runtime is one loop, so there is at most one pending `next` and one delivered event. A runtime
//! that asks again on another connection has given up on the first one.

use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, Response};
use http_body_util::Full;
use hyper::body::Bytes;
use tokio::sync::{oneshot, watch};
use tokio::task::yield_now;

use crate::delivered::{Delivered, Stage};
use crate::instead::Instead;
use crate::invocation::Invocation;
use crate::post::{Posted, Wanted};

/// The shared state.
#[derive(Debug, Default)]
pub(crate) struct Session(watch::Sender<State>);

/// In so many turns of the runtime's loop a connection is accepted, and the head of a request read.
const TURNS: usize = 8;

/// What a pending `next` is answered with.
pub(crate) type Answer = Response<Full<Bytes>>;

#[derive(Debug, Default)]
struct State {
    /// How often the runtime has asked for an event.
    asked: u64,
    next: Option<Next>,
    delivered: Option<Delivered>,
    /// How many POSTs are in progress that may end an invocation.
    posts: usize,
}

/// A `next` that waits for its event.
#[derive(Debug)]
struct Next {
    number: u64,
    headers: HeaderMap,
    answer: oneshot::Sender<Answer>,
}

/// A pending `next`; dropped when its connection closes.
pub(crate) struct Asking<'a> {
    session: &'a Session,
    number: u64,
    answer: oneshot::Receiver<Answer>,
}

/// A POST in progress: dropped when Lambda has answered, or when there will be no answer.
#[derive(Debug)]
pub(crate) struct Posting(Arc<Session>);

impl Session {
    /// The runtime asks for its next event.
    pub(crate) fn ask(&self, headers: HeaderMap) -> Asking<'_> {
        let (sender, answer) = oneshot::channel();
        let mut number = 0;
        self.0.send_modify(|state| {
            state.asked += 1;
            number = state.asked;
            state.next = Some(Next {
                number,
                headers,
                answer: sender,
            });
        });
        Asking {
            session: self,
            number,
            answer,
        }
    }

    /// Waits until the runtime asks for an event and has no POST in progress. A runtime may ask before
    /// its POST is done, and Lambda refuses what comes after the next event was asked for.
    pub(crate) async fn asked(&self) {
        self.until(State::is_idle).await;
    }

    /// The headers of the pending `next`.
    pub(crate) fn headers(&self) -> HeaderMap {
        let state = self.0.borrow();
        let next = state.next.as_ref();
        next.map(|next| next.headers.clone()).unwrap_or_default()
    }

    /// Answers the pending `next` with something that is no event; there may be none any more.
    pub(crate) fn answer(&self, answer: Answer) {
        self.0.send_modify(|state| {
            if let Some(next) = state.next.take() {
                // The connection may close at this very moment.
                let _ = next.answer.send(answer);
            }
        });
    }

    /// Gives the runtime its event. Gives it back if no `next` is pending.
    pub(crate) fn deliver(&self, invocation: Invocation, wanted: Wanted) -> Option<Invocation> {
        let mut invocation = Some(invocation);
        self.0.send_modify(|state| {
            let Some(next) = state.next.take_if(|next| !next.answer.is_closed()) else {
                return;
            };
            if let Some(invocation) = invocation.take() {
                state.delivered = Some(Delivered::new(&invocation, wanted));
                let _ = next.answer.send(invocation.into_answer());
            }
        });
        invocation
    }

    /// Whether the runtime was given this event before. Lambda repeats an event that was not ended; a
    /// retry of an asynchronous invocation has the same request id, but a later deadline.
    pub(crate) fn has_delivered(&self, invocation: &Invocation) -> bool {
        let state = self.0.borrow();
        let delivered = state.delivered.as_ref();
        let same = delivered.filter(|delivered| delivered.id == invocation.request_id());
        same.is_some_and(|same| !same.answered || same.deadline == invocation.deadline())
    }

    /// Waits until the delivered event is done: its POST has arrived to its end, or the runtime asks
    /// for another event.
    pub(crate) async fn done(&self) {
        loop {
            self.until(|state| state.is_idle() || state.is_at(Stage::Posted))
                .await;
            if self.0.borrow().is_at(Stage::Posted) {
                return;
            }
            // A POST that was sent before the request may have arrived by another connection, and not have been read.
            for _ in 0..TURNS {
                yield_now().await;
            }
            if self.0.borrow().is_idle() {
                return;
            }
        }
    }

    /// Lets the end of the delivered event's POST reach Lambda.
    pub(crate) fn forward(&self) {
        self.0.send_modify(|state| {
            if let Some(delivered) = &mut state.delivered {
                delivered.stage = Stage::Forwarded;
            }
        });
    }

    /// The last byte of a POST for this id has arrived. Completes when it may reach Lambda: at once,
    /// unless it ends the invocation of the delivered event.
    pub(crate) async fn ended(&self, id: &str, posted: Posted) {
        self.0.send_modify(|state| {
            if let Some(delivered) = state.delivered(id) {
                delivered.posted = posted;
                delivered.stage = delivered.stage.max(Stage::Posted);
            }
        });
        let other = |delivered: &Delivered| delivered.id != id;
        let is_other = |state: &State| state.delivered.as_ref().is_none_or(other);
        self.until(|state| is_other(state) || state.is_at(Stage::Forwarded))
            .await;
    }

    /// The same for a response of which nothing has reached Lambda. Completes with what takes its place.
    pub(crate) async fn collected(&self, id: &str, posted: Posted) -> Option<Instead> {
        self.0.send_modify(|state| {
            if let Some(delivered) = state.delivered(id) {
                delivered.collected = matches!(posted, Posted::Response(_));
            }
        });
        self.ended(id, posted).await;
        let state = self.0.borrow();
        let delivered = state
            .delivered
            .as_ref()
            .filter(|delivered| delivered.id == id);
        delivered.and_then(|delivered| delivered.replacement.clone())
    }

    /// What the service wants of the response to this id.
    pub(crate) fn wanted(&self, id: &str) -> Wanted {
        let state = self.0.borrow();
        let delivered = state
            .delivered
            .as_ref()
            .filter(|delivered| delivered.id == id);
        delivered
            .map(|delivered| delivered.wanted)
            .unwrap_or_default()
    }

    /// Puts an answer in the place of a response of which nothing has reached Lambda. False if there is
    /// none.
    pub(crate) fn replace(&self, instead: Instead) -> bool {
        let mut replaced = false;
        self.0.send_modify(|state| {
            let delivered = state.delivered.as_mut();
            replaced = delivered.is_some_and(|delivered| delivered.replace(instead));
        });
        replaced
    }

    /// What the runtime has posted for the delivered event.
    pub(crate) fn take_posted(&self) -> Posted {
        let mut posted = Posted::Nothing;
        self.0.send_modify(|state| {
            if let Some(delivered) = &mut state.delivered {
                posted = std::mem::take(&mut delivered.posted);
            }
        });
        posted
    }

    /// Lambda has answered a POST for this id.
    pub(crate) fn answered(&self, id: &str) {
        self.0.send_modify(|state| {
            if let Some(delivered) = state.delivered(id) {
                delivered.answered = true;
            }
        });
    }

    /// The proxy has ended the invocation with this id, of which Lambda may have moved the deadline. A later one is
    /// that of a retry.
    pub(crate) fn ended_instead(&self, id: &str, deadline: Option<SystemTime>) {
        self.0.send_modify(|state| {
            if let Some(delivered) = state.delivered(id) {
                delivered.answered = true;
                delivered.deadline = deadline;
            }
        });
    }

    /// Waits until no POST is in progress.
    pub(crate) async fn posts_done(&self) {
        self.until(|state| state.posts == 0).await;
    }

    async fn until(&self, reached: impl FnMut(&State) -> bool) {
        // An error would say that the sender is dropped, and this is the sender.
        let _ = self.0.subscribe().wait_for(reached).await;
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.next.is_some() && self.posts == 0
    }

    /// Whether the delivered event has come as far as this.
    fn is_at(&self, stage: Stage) -> bool {
        let delivered = self.delivered.as_ref();
        delivered.is_none_or(|delivered| delivered.stage >= stage)
    }

    fn delivered(&mut self, id: &str) -> Option<&mut Delivered> {
        let delivered = self.delivered.as_mut();
        delivered.filter(|delivered| delivered.id == id)
    }
}

impl Asking<'_> {
    /// The answer; `None` if the runtime has asked again meanwhile.
    pub(crate) async fn answer(mut self) -> Option<Answer> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.session.0.send_modify(|state| {
            state.next.take_if(|next| next.number == self.number);
        });
    }
}

impl Posting {
    pub(crate) fn begin(session: &Arc<Session>) -> Self {
        session.0.send_modify(|state| state.posts += 1);
        Self(Arc::clone(session))
    }
}

impl Drop for Posting {
    fn drop(&mut self) {
        self.0.0.send_modify(|state| state.posts -= 1);
    }
}

#[cfg(test)]
mod tests;
