//! Answers that a mutant gives in DynamoDB's place, or alters.

use std::time::{Duration, UNIX_EPOCH};

use dynamodb_locks::protocol::{Entry, Row, Ticket};
use serde_json::{Value, json};

use super::{Mutant, Saboteur};
use crate::simulation::clocks::BEGINNING;
use testkit::dynamo::{Refusal, Reply, Request};
use testkit::locks::{Step, row_of};

/// How late the server's time is altered_reply.
const LATE: Duration = Duration::from_secs(4);

const OK: u16 = 200;
const REFUSED: u16 = 400;

impl Saboteur {
    /// An answer to a request that never gets to the table; `item` is what it would have met.
    pub(in crate::simulation) fn instead(
        &mut self,
        at: Duration,
        request: &Request,
        item: Option<Value>,
    ) -> Option<Reply> {
        use Mutant as M;
        use Step as S;
        let values = &request.body["ExpressionAttributeValues"];
        let attributes = match (self.mutant, Step::of(request)) {
            (M::BeatsInSilence, S::Heartbeat) => beaten(item, values),
            (M::SkipsClaim, S::Heartbeat) => {
                let me = values[":me"]["S"].as_str().unwrap_or_default();
                if !self.claimed.insert(me.to_owned()) {
                    return None;
                }
                beaten(item, values)
            }
            (M::NeverSteals, S::Evict | S::EvictAndEnter) => {
                return Some(Reply::refusing(Refusal::Throttled, time(at)));
            }
            (M::ReleasesInSilence, S::Release) => json!({}),
            (M::StaysInQueue, step) if step.is_withdrawal() => json!({}),
            (M::ChecksNothing, S::Check) => return Some(Reply::of(OK, json!({}), time(at))),
            (M::DropsBeforeTheMove, S::Move) | (M::ForgetsInTheRowOnly, S::Forget) => json!({}),
            (M::OmitsVoid, S::Invalidate) => json!({ "last_ticket": values[":ticket"] }),
            _ => return None,
        };
        Some(Reply::of(OK, json!({ "Attributes": attributes }), time(at)))
    }

    /// What the client gets to hear; tells whether that is another thing.
    pub(in crate::simulation) fn retells(
        &self,
        at: Duration,
        request: &Request,
        reply: Reply,
    ) -> (Reply, bool) {
        let altered_reply = self.altered_reply(at, request, &reply);
        let altered = altered_reply.is_some();
        (altered_reply.unwrap_or(reply), altered)
    }

    fn altered_reply(&self, at: Duration, request: &Request, reply: &Reply) -> Option<Reply> {
        use Mutant as M;
        use Step as S;
        let (step, mut body) = (Step::of(request), reply.json());
        let of = |status, body| Some(Reply::of(status, body, time(at)));
        let refused = reply.status == REFUSED && body.get("Item").is_some();
        match (self.mutant, step) {
            (M::LostIsReleased | M::RefusedCompletionIsDone, S::Release) if refused => {
                of(OK, json!({ "Attributes": body["Item"] }))
            }
            (M::RefusedVoidIsDone, S::Invalidate) if refused => {
                let ticket = request.body["ExpressionAttributeValues"][":ticket"]["N"].as_str();
                let ticket = ticket.and_then(|ticket| ticket.parse().ok()).map(Ticket);
                keep(&mut body["Item"], |entry| entry.ticket() != ticket)
                    .then(|| Reply::of(REFUSED, body, time(at)))
            }
            (M::RefusedAbandonIsDone, step) if refused && step.is_withdrawal() => {
                let me = request.body["ExpressionAttributeValues"][":me"]["S"].as_str();
                keep(&mut body["Item"], |entry| Some(entry.as_str()) != me)
                    .then(|| Reply::of(REFUSED, body, time(at)))
            }
            (M::LooksPastTheOthers, S::Poll) => {
                let row = row_of(&body["Item"]);
                let mine = row
                    .queue
                    .iter()
                    .find(|entry| owner(entry) == Some(&*request.from))?;
                keep(&mut body["Item"], |entry| entry >= mine)
                    .then(|| Reply::of(OK, body, time(at)))
            }
            (M::IgnoresHeld, _) => {
                let part = ["Attributes", "Item"]
                    .into_iter()
                    .find(|part| body.get(part).is_some())?;
                unheld(&mut body[part], &request.from)
                    .then(|| Reply::of(reply.status, body, time(at)))
            }
            (M::IgnoresCompletions, step) if step != S::Release => {
                hides(&mut body, |line| line.starts_with("done "))
                    .then(|| Reply::of(reply.status, body, time(at)))
            }
            (M::IgnoresCompletionsInTurn, S::Poll | S::Heartbeat | S::Evict) => {
                hides(&mut body, |line| line.starts_with("done "))
                    .then(|| Reply::of(reply.status, body, time(at)))
            }
            (M::IgnoresTheBegun, _) => {
                let own = fences(&body, &request.from);
                let of_another = |line: &str| {
                    let own = own.iter().any(|own| line.contains(own.as_str()));
                    line.starts_with("begun ") && !own
                };
                hides(&mut body, of_another).then(|| Reply::of(reply.status, body, time(at)))
            }
            // One of them is told the time by a front end of its own.
            (M::ThiefUsesLatest, _) if request.from.starts_with('b') => {
                Some(Reply::of(reply.status, body, time(at + LATE)))
            }
            _ => None,
        }
    }
}

/// What the row would be after a heartbeat that was applied.
fn beaten(item: Option<Value>, values: &Value) -> Value {
    let mut item = item.unwrap_or_else(|| json!({}));
    item["renewed_at"] = values[":now"].clone();
    if let Some(ticket) = values.get(":ticket") {
        item["pinned"] = ticket.clone();
    }
    item
}

/// Leaves these in the queue; tells whether there were others.
fn keep(item: &mut Value, these: impl Fn(&Entry) -> bool) -> bool {
    let row: Row = row_of(item);
    let kept: Vec<_> = row.queue.iter().filter(|entry| these(entry)).collect();
    let fewer = kept.len() < row.queue.len();
    let kept: Vec<_> = kept.into_iter().map(Entry::as_str).collect();
    match item.as_object_mut() {
        Some(item) if kept.is_empty() => drop(item.remove("queue")),
        Some(item) => item["queue"] = json!({ "SS": kept }),
        None => {}
    }
    fewer
}

/// Hides that another has begun.
fn unheld(item: &mut Value, from: &str) -> bool {
    let holder = row_of(item).holder().and_then(owner).map(str::to_owned);
    let hidden = item.get("pinned").is_some() && holder.as_deref() != Some(from);
    if hidden {
        item.as_object_mut().and_then(|item| item.remove("pinned"));
    }
    hidden
}

/// Hides lines of operations; tells whether there were any.
fn hides(body: &mut Value, which: impl Fn(&str) -> bool) -> bool {
    let part = ["Attributes", "Item"]
        .into_iter()
        .find(|part| body.get(part).is_some());
    let Some(item) = part.and_then(|part| body[part].as_object_mut()) else {
        return false;
    };
    let before = item.len();
    item.retain(|name, value| !(name.starts_with('@') && value["S"].as_str().is_some_and(&which)));
    item.len() < before
}

/// The tickets of a process that are in the queue.
fn fences(body: &Value, from: &str) -> Vec<String> {
    let items = ["Attributes", "Item"].map(|part| row_of(&body[part]));
    let entries = items.iter().flat_map(|row| &row.queue);
    let own = entries.filter(|entry| owner(entry) == Some(from));
    own.filter_map(|entry| entry.ticket().map(|ticket| format!("{:016}", ticket.0)))
        .collect()
}

fn owner(entry: &Entry) -> Option<&str> {
    entry.fields().map(|fields| fields.owner.as_str())
}

fn time(at: Duration) -> std::time::SystemTime {
    UNIX_EPOCH + BEGINNING + at
}
