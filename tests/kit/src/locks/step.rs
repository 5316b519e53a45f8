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
    /// Withdraw, alone in the queue.
    WithdrawAlone,
    /// Withdraw, with another before it.
    WithdrawQuietly,
    /// Withdraw, and raise the renewal time.
    WithdrawRaising,
    /// Withdraw, under a renewal time that is not before now.
    WithdrawUnder,
    /// Give a renewal.
    Heartbeat,
    /// Remove a dead holder.
    Evict,
    /// Stand in the place of the dead.
    EvictAndEnter,
    /// Keep a ticket from ever entering.
    Invalidate,
    /// Read the row.
    Poll,
    /// Keep a response in a row of its own.
    KeepResponse,
    /// Move a completion into a row of its own.
    Move,
    /// Forget what was moved.
    Forget,
    /// Read the row into which a completion may have moved.
    Check,
    /// A transaction of the work, with the completion of its operation or without.
    Transact,
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
            "GetItem" if is_of_operation(body) => Self::Check,
            "GetItem" => Self::Poll,
            "UpdateItem" if update.contains("#moved = ") => Self::Move,
            "UpdateItem" if update.contains("REMOVE #moved") => Self::Forget,
            "TransactWriteItems" => Self::Transact,
            "UpdateItem" if update.contains("ADD #queue") && condition.contains("size(") => {
                Self::Enqueue
            }
            "UpdateItem" if update.contains("ADD #queue") => Self::Try,
            "UpdateItem" if update.contains("DELETE #queue") => Self::out(update, condition),
            "UpdateItem" if update.contains("#queue = ") => Self::EvictAndEnter,
            "UpdateItem" if update.contains("#renewed_at = ") => Self::Heartbeat,
            "UpdateItem" if update.contains("#last_ticket = ") => Self::Invalidate,
            "UpdateItem" if update.contains("#r = ") => Self::KeepResponse,
            _ => Self::Strange,
        }
    }

    fn out(update: &str, condition: &str) -> Self {
        let has = |what| condition.contains(what);
        match update.contains("#renewed_at = ") {
            true if has("#renewed_at < ") => Self::WithdrawRaising,
            true if has("#renewed_at = ") || has("attribute_not_exists(#renewed_at)") => {
                Self::Evict
            }
            true => Self::Release,
            false if has("#renewed_at >= ") => Self::WithdrawUnder,
            false if has("#queue = ") => Self::WithdrawAlone,
            false => Self::WithdrawQuietly,
        }
    }
}

impl Step {
    /// Whether it takes an entry out of the queue that need not be the holder's.
    pub fn is_withdrawal(self) -> bool {
        matches!(
            self,
            Self::WithdrawAlone
                | Self::WithdrawQuietly
                | Self::WithdrawRaising
                | Self::WithdrawUnder
        )
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enqueue => "enqueue",
            Self::Try => "try",
            Self::Release => "release",
            Self::WithdrawAlone => "withdraw alone",
            Self::WithdrawQuietly => "withdraw quietly",
            Self::WithdrawRaising => "withdraw raising",
            Self::WithdrawUnder => "withdraw under",
            Self::Heartbeat => "heartbeat",
            Self::Evict => "evict",
            Self::EvictAndEnter => "evict and enter",
            Self::Invalidate => "invalidate",
            Self::Poll => "poll",
            Self::KeepResponse => "keep response",
            Self::Move => "move",
            Self::Forget => "forget",
            Self::Check => "check",
            Self::Transact => "transact",
            Self::Strange => "something strange",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a request is about an operation's own row, which has no fence in its name as that of a response has.
fn is_of_operation(body: &Value) -> bool {
    const ID: usize = 16;
    let names = body["Key"].as_object().into_iter().flatten();
    let mut names = names.filter_map(|(_, name)| name["S"].as_str()?.split_once("#once:"));
    names.any(|(_, operation)| operation.len() == ID)
}

/// What became of a request, in words: `heartbeat`, `beat refused`, `beat unheard`, `beat never arrived`.
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
    let refusals = [
        "ConditionalCheckFailedException",
        "TransactionCanceledException",
    ];
    refusals.iter().any(|refusal| kind.ends_with(refusal))
}
