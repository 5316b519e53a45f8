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
    /// None of the protocol's.
    Strange,
}

const MINE: &str = "contains(#q, :me)";

impl Step {
    /// Which step a request is.
    pub fn of(request: &Request) -> Self {
        let update = request.body["UpdateExpression"]
            .as_str()
            .unwrap_or_default();
        let condition = request.body["ConditionExpression"]
            .as_str()
            .unwrap_or_default();
        match (&*request.op, update) {
            ("GetItem", _) => Self::Look,
            ("UpdateItem", "SET #f = :s, #t = :t ADD #q :in") if condition.contains("size(") => {
                Self::Enqueue
            }
            ("UpdateItem", "SET #f = :s, #t = :t ADD #q :in") => Self::Try,
            ("UpdateItem", "SET #q = :in, #f = :s, #p = :now, #t = :t ") => Self::Take,
            ("UpdateItem", "SET #f = :s, #t = :t ") => Self::Void,
            ("UpdateItem", "SET #p = :now " | "SET #p = :now, #t = :t ") => Self::Beat,
            ("UpdateItem", "DELETE #q :out") if condition == MINE => Self::AbandonQuietly,
            ("UpdateItem", "DELETE #q :out") => Self::AbandonUnder,
            ("UpdateItem", "SET #p = :now DELETE #q :out") => Self::out(condition),
            _ => Self::Strange,
        }
    }

    fn out(condition: &str) -> Self {
        match condition {
            MINE => Self::Release,
            _ if condition.contains("#p < :now") => Self::AbandonRaising,
            _ => Self::Steal,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
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
            Self::Strange => "something strange",
        })
    }
}

/// What became of a request, in words: `beat`, `beat refused`, `beat unheard`, `beat never arrived`.
pub(super) fn tell(logged: &Logged) -> String {
    let step = Step::of(&logged.request);
    let arrived = match &logged.applied {
        None => " never arrived",
        Some((200, _)) => "",
        Some((_, body)) if is_refusal(body) => " refused",
        Some(_) => " failed",
    };
    let heard = match (&logged.applied, logged.told) {
        (Some(_), None) => " unheard",
        _ => "",
    };
    format!("{step}{arrived}{heard}")
}

fn is_refusal(body: &Value) -> bool {
    let kind = body["__type"].as_str().unwrap_or_default();
    kind.ends_with("ConditionalCheckFailedException")
}
