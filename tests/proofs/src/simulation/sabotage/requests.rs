//! Requests that a mutant rewrites before they leave.

use std::time::Duration;

use dynamodb_locks::protocol::{Entry, Fields, Row, Ticket};
use serde_json::{Value, json};

use super::{Mutant, Saboteur};
use crate::simulation::clocks::BEGINNING;
use testkit::locks::Step;

const FRESH: &str = "(attribute_not_exists(#last_ticket) OR #last_ticket < :ticket)";
const LATER: &str = "(attribute_not_exists(#renewed_at) OR #renewed_at < :now)";
const ROOM: &str = "(attribute_not_exists(#queue) OR size(#queue) < :cap)";
const UNBEGUN: &str = "(attribute_not_exists(#pinned) OR #pinned <> :pinned)";
const MINE: &str = "contains(#queue, :me)";
const ALONE: &str = "#queue = :out";
const BEHIND: &str = "contains(#queue, :before)";
const UNMOVED: &str = "#renewed_at = :seen";

mod operations;

/// A request on its way out.
pub(in crate::simulation) struct Leaving<'a> {
    pub(in crate::simulation) at: Duration,
    pub(in crate::simulation) from: &'a str,
    pub(in crate::simulation) step: Step,
    pub(in crate::simulation) body: &'a mut Value,
    /// The row as it is.
    pub(in crate::simulation) row: &'a Row,
}

impl Saboteur {
    /// Rewrites a request before it leaves; tells whether it did.
    pub(in crate::simulation) fn rewrites(&mut self, mut request: Leaving<'_>) -> bool {
        use Mutant as M;
        use Step as S;
        let enters = matches!(request.step, S::Enqueue | S::Try | S::EvictAndEnter);
        let steals = matches!(request.step, S::Evict | S::EvictAndEnter);
        let swept = request.from.starts_with("sweep");
        match (self.mutant, request.step) {
            (M::EntersUnderTheFloor, _) if enters => request.waive(FRESH),
            (M::EntersAFullQueue, S::Enqueue) => request.waive(ROOM),
            (M::EntersWithoutATrace, S::Enqueue) => request.updates("#last_ticket = :ticket, ", ""),
            (M::RepeatsWithAnotherStamp, S::Enqueue) => self.restamps(&mut request),
            (M::BeatsBlindly, S::Heartbeat) => request.waive(LATER),
            (M::BeatRevives, S::Heartbeat) => request.waive(MINE) && request.revives(),
            (M::StealsWithoutTheAnchor, _) if steals => request.waive(UNMOVED),
            (M::WaitersLeaseRuns, S::Evict) => request.steals_the_waiters(),
            (M::ReleasesUnconditionally, S::Release) => request.waive(MINE),
            (M::ReleaseSetsTtl, S::Release) => request.dates(),
            (M::ReleaseKeepsTheAnchor, S::Release) => request.keeps_the_anchor(),
            (M::LeavesAsIfAlone, S::WithdrawAlone) => request.waive(ALONE),
            (M::LeavesWithoutTheOther, S::WithdrawQuietly) => request.waive(BEHIND),
            (M::VoidLowersTheStamp, S::Invalidate) => request.waive(FRESH),
            (M::GraceTooShort, _) => request.expires(),
            (M::WritesEarliest, S::Heartbeat | S::Evict) => request.antedates(),
            (M::IgnoresHeld, _) if steals => request.waive(UNBEGUN),
            (M::AbandonsTheBegun, step) if step.is_withdrawal() => request.waive(UNBEGUN),
            (M::SweepReleases, S::WithdrawAlone) if swept => request.releases(),
            (M::MovesInSilence, S::Release) => request.omits_the_end_of_what_was_moved(),
            _ => self.mutant.rewrites_operations(&mut request, enters),
        }
    }

    /// The first copy of an entry goes as it is.
    fn restamps(&mut self, request: &mut Leaving<'_>) -> bool {
        let entry = request.values()[":in"]["SS"][0].as_str().map(Entry::read);
        let Some(fields) = entry.as_ref().and_then(Entry::fields) else {
            return false;
        };
        let copies = self.copies.entry(fields.to_string()).or_default();
        *copies += 1;
        if *copies == 1 {
            return false;
        }
        let ticket = Ticket(fields.ticket.0 + *copies);
        let (own, other) = (fields.own, fields.clone());
        let other = Fields {
            ticket,
            own,
            ..other
        };
        request.values()[":in"] = json!({ "SS": [other.to_string()] });
        request.values()[":ticket"] = number(ticket.0);
        true
    }
}

impl Leaving<'_> {
    fn values(&mut self) -> &mut Value {
        &mut self.body["ExpressionAttributeValues"]
    }

    fn time(&self) -> Duration {
        BEGINNING + self.at
    }

    fn replace(&mut self, which: &str, this: &str, that: &str) -> bool {
        let text = self.body[which].as_str().unwrap_or_default();
        let found = text.contains(this);
        let text = text.replacen(this, that, 1);
        if found {
            self.body[which] = text.into();
        }
        found
    }

    fn condition(&mut self, this: &str, that: &str) -> bool {
        self.replace("ConditionExpression", this, that)
    }

    fn updates(&mut self, this: &str, that: &str) -> bool {
        self.replace("UpdateExpression", this, that)
    }

    /// Asks something that always holds instead. All names and values are still used, or DynamoDB would
    /// refuse.
    fn waive(&mut self, condition: &str) -> bool {
        self.condition(condition, &format!("({condition} OR NOT {condition})"))
    }

    fn revives(&mut self) -> bool {
        let me = self.values()[":me"]["S"].clone();
        self.values()[":revived"] = json!({ "SS": [me] });
        let update = self.body["UpdateExpression"].as_str().unwrap_or_default();
        self.body["UpdateExpression"] = format!("{update} ADD #queue :revived").into();
        true
    }

    fn steals_the_waiters(&mut self) -> bool {
        let now = self.time().as_micros() as u64;
        let waiters = self.row.queue.iter().skip(1).filter_map(Entry::fields);
        let over = waiters.filter(|waiter| (waiter.own + waiter.lease).0 < now);
        let over: Vec<_> = over.map(ToString::to_string).collect();
        let Some(out) = self.values()[":out"]["SS"].as_array_mut() else {
            return false;
        };
        let over: Vec<Value> = over.into_iter().map(Value::from).collect();
        let more: Vec<_> = over
            .into_iter()
            .filter(|entry| !out.contains(entry))
            .collect();
        let any = !more.is_empty();
        out.extend(more);
        any
    }

    fn dates(&mut self) -> bool {
        let now = self.time().as_secs();
        self.values()[":t"] = number(now);
        self.body["ExpressionAttributeNames"]["#t"] = "ttl".into();
        self.updates("SET ", "SET #t = :t, ")
    }

    fn expires(&mut self) -> bool {
        let now = self.time().as_secs();
        let dated = self.values().get(":t").is_some();
        if dated {
            self.values()[":t"] = number(now);
        }
        dated
    }

    fn keeps_the_anchor(&mut self) -> bool {
        for (part, name) in [
            ("ExpressionAttributeNames", "#renewed_at"),
            ("ExpressionAttributeValues", ":now"),
        ] {
            let part = self.body[part].as_object_mut();
            part.and_then(|part| part.remove(name));
        }
        self.updates("SET #renewed_at = :now ", "")
    }

    /// Raises the renewal time, without asking whether it is the holder that is dead.
    fn releases(&mut self) -> bool {
        let now = self.time().as_micros() as u64;
        self.values()[":now"] = number(now);
        self.body["ExpressionAttributeNames"]["#renewed_at"] = "renewed_at".into();
        let update = self.body["UpdateExpression"].as_str().unwrap_or_default();
        let set = match update.strip_prefix("SET ") {
            Some(others) => format!("SET #renewed_at = :now, {others}"),
            None => format!("SET #renewed_at = :now {update}"),
        };
        self.body["UpdateExpression"] = set.into();
        self.waive(ALONE)
    }

    fn omits_the_end_of_what_was_moved(&mut self) -> bool {
        for (part, name) in [
            ("ExpressionAttributeNames", "#moved_until"),
            ("ExpressionAttributeValues", ":moved_until"),
        ] {
            let part = self.body[part].as_object_mut();
            part.and_then(|part| part.remove(name));
        }
        self.updates(", #moved_until = :moved_until", "")
    }

    fn antedates(&mut self) -> bool {
        const EARLY: u64 = 3_000_000;
        let now = self.values()[":now"]["N"].as_str();
        let Some(now) = now.and_then(|now| now.parse::<u64>().ok()) else {
            return false;
        };
        self.values()[":now"] = number(now - EARLY);
        true
    }
}

fn number(number: u64) -> Value {
    json!({ "N": number.to_string() })
}
