//! The effects of transactions under a lock: each happens once, while the lock is held, and with its completion.

use std::time::Duration;

use dynamodb_locks::protocol::{Entry, OperationState, Row, Ticket};
use serde_json::Value;

use super::Rows;
use crate::simulation::transactions::EFFECTS;
use testkit::dynamo::{Dynamo, Request};
use testkit::locks::row_of;

/// An effect that a transaction had.
#[derive(Clone, Copy, Debug)]
pub(in crate::simulation) struct Effect {
    pub(in crate::simulation) at: Duration,
    pub(in crate::simulation) fence: u64,
}

/// Whose lock a transaction is fenced by, or completes.
pub(super) fn me(request: &Request) -> Option<&str> {
    last(request)?["ExpressionAttributeValues"][":me"]["S"].as_str()
}

/// What a transaction says about the row of its lock, which is its last item.
fn last(request: &Request) -> Option<&Value> {
    let item = request.body["TransactItems"].as_array()?.last()?;
    item.as_object()?.values().next()
}

/// How often a transaction was applied.
pub(in crate::simulation) fn applied(dynamo: &Dynamo, table: &str, request: &Request) -> u64 {
    let name = request.body["TransactItems"][0]["Update"]["Key"]["id"]["S"].as_str();
    let row = name.and_then(|name| dynamo.row(table, name, EFFECTS));
    let applied = row.and_then(|row| row["applied"]["N"].as_str()?.parse().ok());
    applied.unwrap_or_default()
}

impl Rows {
    /// Looks at what a transaction has done to its effect and to the row of its lock, before the row is looked at.
    pub(in crate::simulation) fn transact(
        &mut self,
        at: Duration,
        request: &Request,
        [before, after]: [u64; 2],
        item: impl Fn(&str) -> Option<Value>,
    ) {
        let told = last(request).and_then(|last| last["Key"]["id"]["S"].as_str());
        let Some((key, me)) = told.zip(me(request)) else {
            return;
        };
        let completes = request.body["TransactItems"]
            .as_array()
            .and_then(|items| items.last()?.get("Update"));
        let Some(watched) = self.rows.get_mut(key) else {
            return;
        };
        let (entry, happened) = (Entry::read(me), after > before);
        let fence = entry.ticket().unwrap_or_default();
        let row = item(key).as_ref().map(row_of).unwrap_or_default();
        let is_done = |row: &Row| {
            let mut states = row.operations.values();
            states.any(|state| is_of(state, fence))
        };
        let completed = !is_done(&watched.row) && is_done(&row);
        let holds = watched.row.holder() == Some(&entry);
        let by = format!("#{} of {}", request.number, request.from);
        let wrong = [
            (happened && !holds).then(|| format!("law 13: {by} has an effect without the lock")),
            (after > 1).then(|| format!("law 4: {by} has its effect {after} times")),
            (completes.is_some() && happened != completed)
                .then(|| format!("law 12: {by} is applied in part: {happened}, {completed}")),
        ];
        let wrong = wrong.into_iter().flatten();
        self.trace
            .wrong(wrong.map(|wrong| format!("{wrong}, of {key} at {at:?}")));
        if happened && completes.is_some() {
            watched.effects.push(Effect { at, fence: fence.0 });
        }
        match completes {
            _ if happened || holds => {}
            Some(_) => self.trace.done("transaction came too late"),
            None => self.trace.done("fenced transaction came too late"),
        }
    }
}

fn is_of(state: &OperationState, fence: Ticket) -> bool {
    matches!(state, OperationState::Completed(done) if done.fence == fence)
}
