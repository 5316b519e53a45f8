//! The requests of the protocol, recognised by what they say.

use std::fmt;

use serde_json::Value;

use crate::dynamo::{Logged, Request};

/// One request of the protocol.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Step {
    /// Stand in the queue.
    Enqueue,
    /// Take the lock if it is free.
    Try,
    /// Hand the lock on.
    Release,
    /// Abandon, two or more before it.
    AbandonQuietly,
    /// Abandon, and raise the anchor.
    AbandonRaising,
    /// Abandon, under an anchor that is not before now.
    AbandonUnder,
    /// Give a sign of life.
    Beat,
    /// Remove a dead holder.
    Steal,
    /// Stand in the place of the dead.
    Take,
    /// Keep a stamp from ever entering.
    Void,
    /// Read the row.
    Look,
    /// Keep a response in a row of its own.
    KeepResponse,
    /// None of the protocol's.
    Strange,
}

impl Step {
    /// Which step a request is.
    pub fn of(request: &Request) -> Self {
        Self::asked(&request.op, &request.body)
    }

    /// Which step is asked for by an operation with this body.
    pub fn asked(op: &str, body: &Value) -> Self {
        let said = |what| body[what].as_str().unwrap_or_default();
        let (update, condition) = (said("UpdateExpression"), said("ConditionExpression"));
        match op {
            "GetItem" => Self::Look,
            "UpdateItem" if update.contains("ADD #q") && condition.contains("size(") => {
                Self::Enqueue
            }
            "UpdateItem" if update.contains("ADD #q") => Self::Try,
            "UpdateItem" if update.contains("DELETE #q") => Self::out(update, condition),
            "UpdateItem" if update.contains("#q = ") => Self::Take,
            "UpdateItem" if update.contains("#p = ") => Self::Beat,
            "UpdateItem" if update.contains("#f = ") => Self::Void,
            "UpdateItem" if update.contains("#r = ") => Self::KeepResponse,
            _ => Self::Strange,
        }
    }

    fn out(update: &str, condition: &str) -> Self {
        let has = |what| condition.contains(what);
        match update.contains("#p = ") {
            true if has("#p < ") => Self::AbandonRaising,
            true if has("#p = ") || has("attribute_not_exists(#p)") => Self::Steal,
            true => Self::Release,
            false if has("#p >= ") => Self::AbandonUnder,
            false => Self::AbandonQuietly,
        }
    }
}

impl Step {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enqueue => "enqueue",
            Self::Try => "try",
            Self::Release => "release",
            Self::AbandonQuietly => "abandon quietly",
            Self::AbandonRaising => "abandon raising",
            Self::AbandonUnder => "abandon under",
            Self::Beat => "beat",
            Self::Steal => "steal",
            Self::Take => "take",
            Self::Void => "void",
            Self::Look => "look",
            Self::KeepResponse => "keep response",
            Self::Strange => "something strange",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What became of a request, in words: `beat`, `beat refused`, `beat unheard`, `beat never arrived`.
pub(super) fn describe(logged: &Logged) -> String {
    let step = Step::of(&logged.request);
    let arrived = match &logged.applied {
        None => " never arrived",
        Some((200, _)) => "",
        Some((_, body)) if is_refusal(body) => " refused",
        Some(_) => " failed",
    };
    let heard = match (&logged.applied, logged.heard) {
        (Some(_), None) => " unheard",
        _ => "",
    };
    format!("{step}{arrived}{heard}")
}

fn is_refusal(body: &Value) -> bool {
    let kind = body["__type"].as_str().unwrap_or_default();
    kind.ends_with("ConditionalCheckFailedException")
}
