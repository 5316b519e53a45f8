//! The event that the runtime was given last, and what has become of it.

use std::time::SystemTime;

use crate::instead::Instead;
use crate::invocation::Invocation;
use crate::post::{Posted, Wanted};

/// The event.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) id: String,
    pub(crate) deadline: Option<SystemTime>,
    pub(crate) stage: Stage,
    /// Whether Lambda has answered a POST for it.
    pub(crate) answered: bool,
    pub(crate) wanted: Wanted,
    pub(crate) posted: Posted,
    /// Whether nothing of its response has reached Lambda, so that another can take its place.
    pub(crate) collected: bool,
    pub(crate) replacement: Option<Instead>,
}

/// How far its invocation has come.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Stage {
    /// The handler may be running.
    Running,
    /// The last byte of the response has arrived.
    Posted,
    /// The end of the POST may reach Lambda.
    Forwarded,
}

impl Delivered {
    pub(crate) fn new(invocation: &Invocation, wanted: Wanted) -> Self {
        Self {
            id: invocation.request_id().to_owned(),
            deadline: invocation.deadline(),
            stage: Stage::Running,
            answered: false,
            wanted,
            posted: Posted::Nothing,
            collected: false,
            replacement: None,
        }
    }

    /// Puts an answer in the place of the response, unless some of that may have reached Lambda.
    pub(crate) fn replace(&mut self, instead: Instead) -> bool {
        let waits = self.collected && self.stage == Stage::Posted;
        self.replacement = waits.then_some(instead).or(self.replacement.take());
        waits
    }
}
