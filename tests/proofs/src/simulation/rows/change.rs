//! The laws of one change: what a write, a person or the TTL may make of a row.

use std::fmt;
use std::time::Duration;

use dynamodb_locks::protocol::{Entry, OperationState, Row, Timestamp};

use super::{Beside, Completed, Entered, effect};
use crate::simulation::clocks::BEGINNING;
use crate::simulation::trace::Trace;
use testkit::dynamo::Request;
use testkit::locks::Step;

/// What became of a row.
#[derive(Debug)]
pub(super) struct Change<'a> {
    pub(super) at: Duration,
    pub(super) by: By<'a>,
    pub(super) before: &'a Row,
    pub(super) after: &'a Row,
    /// Before and after.
    pub(super) ttls: [Option<u64>; 2],
    /// For how long the holder and the renewal time had been the same.
    pub(super) still_for: Duration,
}

/// Who or what changes a row.
#[derive(Clone, Copy, Debug)]
pub(in crate::simulation) enum By<'a> {
    Request(&'a Request),
    /// An operator, who deletes it.
    Operator,
    /// Its TTL.
    TtlDeletion,
}

/// DynamoDB's clock and a process's run apart by no more than this in a lease.
const DRIFT: f64 = 0.999_8;

/// How long after its deadline a client may still be on its way out.
const MARGIN: Duration = Duration::from_secs(2);

/// An operator who forces a lock has looked before.
const PERSON: &str = "person";

impl<'a> Change<'a> {
    /// Everything that is wrong with it, by any client.
    pub(super) fn wrongs(&self) -> impl Iterator<Item = String> {
        let wrong = [
            self.falls(),
            self.lowers_the_anchor(),
            self.releases_for_another(),
            self.lengthens_another_life(),
            self.hands_on_an_old_renewal_time(),
            self.moves_the_ttl(),
            self.sweeps_the_living(),
            self.overfills(),
            self.doubles(),
            self.removes_the_begun(),
            self.dates_the_row_too_early(),
        ];
        wrong.into_iter().flatten()
    }

    /// Who left the queue, and from which rank.
    pub(super) fn left(&self) -> impl Iterator<Item = (usize, &'a Entry)> {
        let ranked = self.before.queue.iter().enumerate();
        ranked.filter(|(_, entry)| !self.after.queue.contains(*entry))
    }

    /// Whether another client took an entry out.
    pub(super) fn is_stolen(&self, entry: &Entry) -> bool {
        let Some((request, step)) = self.request() else {
            return false;
        };
        let itself = me(request) == Some(entry.as_str()) && step != Step::Evict;
        !itself && &*request.from != PERSON
    }

    /// Whether the client that left did so as a waiter; what people force is told by its mark.
    pub(super) fn is_an_abandon(&self) -> bool {
        self.request()
            .is_some_and(|(request, step)| step.is_withdrawal() && &*request.from != PERSON)
    }

    /// Whether the renewal time is what the request says, and not only by chance.
    pub(super) fn sets_the_anchor(&self) -> bool {
        let now = self.request().and_then(|(request, _)| {
            let now = request.body["ExpressionAttributeValues"][":now"]["N"].as_str();
            now?.parse().ok().map(Timestamp)
        });
        now.is_some() && self.after.renewed_at == now
    }

    /// Laws 3 and 8: nobody is taken out by others but the dead.
    pub(super) fn steals(&self, rank: usize, entry: &Entry) -> Option<String> {
        let (fields, now) = (entry.fields()?, self.now());
        let ended = fields
            .deadline
            .is_some_and(|deadline| deadline + MARGIN <= now);
        let lease_over = self.before.alive_at(fields) + fields.lease <= now;
        let stood_still = self.still_for >= fields.lease.mul_f64(DRIFT);
        let by = self.by;
        match rank {
            0 if lease_over || stood_still || ended => None,
            0 => Some(format!("law 8: {by} takes out `{entry}`, whose lease runs")),
            _ if ended => None,
            _ => Some(format!(
                "law 3: {by} takes out `{entry}`, who waits and is alive"
            )),
        }
    }

    /// Laws 12 and 13: the completions that come with it, and what is wrong with each.
    pub(super) fn completes(&self, era: usize) -> Vec<(Completed, Option<String>)> {
        let at = self.at;
        let new = self
            .after
            .operations
            .iter()
            .filter_map(|(id, state)| match state {
                OperationState::Completed(done)
                    if self.before.operations.get(id) != Some(state) =>
                {
                    Some(done)
                }
                _ => None,
            });
        let judged = new.map(|done| {
            let of = |entry: &&Entry| entry.ticket() == Some(done.fence);
            let owner = self.before.queue.iter().find(of);
            let leaves = owner.is_some_and(|owner| !self.after.queue.contains(owner));
            let transacts = self.request().and_then(|(request, step)| {
                let own = effect::me(request).filter(|_| step == Step::Transact);
                own.filter(|me| owner.is_some_and(|owner| owner.as_str() == *me))
            });
            let by_transaction = transacts.is_some();
            let strange = (!leaves && !by_transaction).then(|| {
                let fence = done.fence.0;
                format!(
                    "law 13: {} completes {fence}, which does not leave with it",
                    self.by
                )
            });
            let (fence, until) = (done.fence.0, done.until);
            let completed = Completed {
                at,
                era,
                fence,
                until,
                by_transaction,
            };
            (completed, strange)
        });
        judged.collect()
    }

    /// Laws 13, 14 and 15: within its window nothing but a person takes a completion away, unless it stands beside the lock,
    /// and the row says so.
    pub(super) fn drops_a_completion(
        &self,
        forgotten: impl Fn(u64) -> bool,
        beside: &Beside<'_>,
    ) -> Option<String> {
        if matches!(self.by, By::Operator) {
            return None;
        }
        let (before, after) = (self.before.moved_until, self.after.moved_until);
        let over = before.is_none_or(|until| until < (BEGINNING + self.at).as_secs());
        if before > after && !over {
            return Some(format!(
                "law 14: {} lowers the end of what was moved",
                self.by
            ));
        }
        let live = self.before.operations.iter().find(|(id, state)| {
            let stays = matches!(
                self.after.operations.get(id),
                Some(OperationState::Completed(_))
            );
            let Some(done) = state.completed(self.now()).filter(|_| !stays) else {
                return false;
            };
            let moved = after >= Some(done.until)
                && matches!(beside(id), Some(OperationState::Completed(there)) if there.until >= done.until);
            !moved && !forgotten(done.fence.0)
        });
        live.map(|(id, state)| format!("law 14: {} takes {id} away: {state:?}", self.by))
    }

    /// Law 17: the sweep after a death completes what the dead run has noted as done.
    pub(super) fn forgets_the_note(&self, noted: impl Fn(u64) -> bool) -> Option<String> {
        let (request, _) = self.request()?;
        let mut gone = self.left().filter_map(|(_, entry)| entry.ticket());
        let own = |state: &OperationState, fence| matches!(state, OperationState::Completed(done) if done.fence == fence);
        let forgotten = gone.find(|fence| {
            let mut states = self.after.operations.values();
            noted(fence.0) && !states.any(|state| own(state, *fence))
        })?;
        let swept = request.from.starts_with("sweep") && me(request).is_some();
        swept.then(|| {
            format!(
                "law 17: {} removes {}, whose work is noted as done",
                self.by, forgotten.0
            )
        })
    }

    /// Who came into the queue.
    pub(super) fn enters(&self, era: usize) -> Option<(&'a Entry, Entered)> {
        let entry = self.after.queue.difference(&self.before.queue).next()?;
        let (at, fence) = (self.at, entry.ticket()?.0);
        Some((entry, Entered { at, era, fence }))
    }

    /// Law 8: what is settled is out, and never comes back.
    pub(super) fn settled(&self, trace: &Trace) -> Option<String> {
        let settled = &trace.open().settled;
        let over = |entry: &&Entry| {
            let nonce = entry.fields().map(|fields| fields.nonce.to_string());
            nonce.is_some_and(|nonce| settled.get(&nonce).is_some_and(|over| *over < self.at))
        };
        // What had begun, fail-closed, stays for a person to see, whatever becomes of its owner.
        let begun =
            |entry: &&Entry| self.after.pinned.is_some() && entry.ticket() == self.after.pinned;
        let mut left = self.after.queue.iter().filter(|entry| !begun(entry));
        let entry = left.find(over)?;
        Some(format!(
            "law 8: `{entry}` is settled, and stands in the queue"
        ))
    }

    /// Law 2: tickets rise, and each is the last when it enters.
    fn falls(&self) -> Option<String> {
        let (before, after) = (self.before, self.after);
        if matches!(self.by, By::Operator | By::TtlDeletion) {
            return None;
        }
        let mut new = after.queue.difference(&before.queue);
        let (entry, others) = (new.next(), new.count());
        let ticket = entry.and_then(Entry::ticket);
        match entry {
            _ if after.last < before.last => Some("law 2: the last ticket falls".into()),
            Some(_) if others > 0 => Some("law 4: two come in at once".into()),
            Some(entry) if ticket != after.last => {
                Some(format!("law 2: `{entry}` is not the last ticket"))
            }
            Some(entry) if before.last >= ticket => {
                Some(format!("law 2: `{entry}` comes in below the last ticket"))
            }
            _ => None,
        }
    }

    /// Law 1: under a holder the renewal time only rises.
    fn lowers_the_anchor(&self) -> Option<String> {
        let stays = self.before.holder().is_some() && self.before.holder() == self.after.holder();
        let lower = self.after.renewed_at < self.before.renewed_at;
        (stays && lower).then(|| {
            format!(
                "law 1: {} lowers the renewal time under its holder",
                self.by
            )
        })
    }

    /// Law 1: a client that is not the holder never releases.
    fn releases_for_another(&self) -> Option<String> {
        let (request, _) = self.request().filter(|(_, step)| *step == Step::Release)?;
        let me = me(request);
        let holder = self.before.holder().map(Entry::as_str);
        (me != holder).then(|| format!("law 1: {} releases and is not the holder", self.by))
    }

    /// Law 8: a client that is not the holder never lengthens the holder's life.
    fn lengthens_another_life(&self) -> Option<String> {
        let (request, step) = self.request()?;
        let (before, after) = (self.before, self.after);
        let stays = before.holder().is_some() && before.holder() == after.holder();
        let renewed = before.renewed_at != after.renewed_at;
        let itself = me(request) == before.holder().map(Entry::as_str) && step == Step::Heartbeat;
        let wrong = stays && renewed && !itself;
        wrong.then(|| format!("law 8: {} lengthens the life of its holder", self.by))
    }

    /// Law 8: the next one has a whole lease, from its turn on.
    fn hands_on_an_old_renewal_time(&self) -> Option<String> {
        let (_, step) = self.request()?;
        let raises = matches!(step, Step::Release | Step::Evict);
        let hands_on = raises || step.is_withdrawal() && step != Step::WithdrawUnder;
        let promoted = self.after.holder().is_some() && self.before.holder() != self.after.holder();
        let wrong = hands_on && promoted && !self.sets_the_anchor();
        wrong.then(|| format!("law 8: {} hands on an old renewal time", self.by))
    }

    /// Law 8: a row is dated by what issues a ticket, and by a heartbeat when it has grown old.
    fn moves_the_ttl(&self) -> Option<String> {
        let (_, step) = self.request()?;
        let [before, after] = self.ttls;
        // A completion that the row would not outlive dates it anew, and only ahead.
        let completes = after > before && self.before.operations != self.after.operations;
        let issued = self.before.last != self.after.last;
        // The release after a transaction completes once more what that has done; law 15 bounds the date.
        let again = self.request().is_some_and(|(request, _)| {
            let line = request.body["ExpressionAttributeValues"][":done"]["S"].as_str();
            let mut states = self.before.operations.values();
            line.is_some_and(|line| {
                states.any(|state| matches!(state, OperationState::Completed(done) if done.to_string() == line))
            })
        });
        let completes = completes || again;
        let dated = before == after || issued || step == Step::Heartbeat || completes;
        (!dated).then(|| format!("law 8: {} dates the row, and issues no ticket", self.by))
    }

    /// Law 8: a row with a living holder never comes near its ttl.
    fn sweeps_the_living(&self) -> Option<String> {
        let holder = self.before.holder()?.fields()?;
        let alive = self.before.alive_at(holder) + holder.lease > self.now();
        let swept = matches!(self.by, By::TtlDeletion) && self.after.queue.is_empty();
        (swept && alive).then(|| "law 8: the row of a living holder expires".into())
    }

    /// Law 10: no queue is longer than the client that joins it allows.
    fn overfills(&self) -> Option<String> {
        let (request, _) = self.request().filter(|(_, step)| *step == Step::Enqueue)?;
        let cap = request.body["ExpressionAttributeValues"][":cap"]["N"].as_str()?;
        let full = self.after.queue.len() > cap.parse().unwrap_or(usize::MAX);
        full.then(|| format!("law 10: {} joins a queue that is full", self.by))
    }

    /// Law 4: an acquisition has one entry at a time.
    fn doubles(&self) -> Option<String> {
        let nonces = self.after.queue.iter().filter_map(Entry::fields);
        let mut nonces: Vec<_> = nonces.map(|fields| fields.nonce.to_string()).collect();
        let many = nonces.len();
        nonces.sort();
        nonces.dedup();
        (nonces.len() < many).then(|| "law 4: one acquisition stands in the queue twice".into())
    }

    /// Law 8: who has begun, fail-closed, is given back by itself or by a person.
    fn removes_the_begun(&self) -> Option<String> {
        let (request, step) = self.request()?;
        let removed = self.before.is_pinned() && self.before.holder() != self.after.holder();
        // A client that took the lock too late to act on it has not begun, whatever `pinned` says.
        let itself = self.before.holder().and_then(Entry::fields);
        let itself = itself.is_some_and(|holder| holder.owner.as_str() == &*request.from);
        let allowed = step == Step::Release || itself || &*request.from == PERSON;
        (removed && !allowed).then(|| format!("law 8: {} takes out who has begun", self.by))
    }

    /// Law 15: a row that expires outlives its completions by a day.
    fn dates_the_row_too_early(&self) -> Option<String> {
        const DAY: u64 = 24 * 60 * 60;
        let (_, after) = (self.request()?, self.ttls[1]?);
        let states = self.after.operations.values();
        let ends = states.filter_map(|state| Some(state.completed(self.now())?.until));
        let early = ends.max().is_some_and(|until| after < until + DAY);
        early.then(|| {
            format!(
                "law 15: {} leaves a row that does not outlive what is done",
                self.by
            )
        })
    }

    fn request(&self) -> Option<(&'a Request, Step)> {
        match self.by {
            By::Request(request) => Some((request, Step::of(request))),
            By::Operator | By::TtlDeletion => None,
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp((BEGINNING + self.at).as_micros() as u64)
    }
}

/// Whose entry a request is about.
fn me(request: &Request) -> Option<&str> {
    request.body["ExpressionAttributeValues"][":me"]["S"].as_str()
}

impl fmt::Display for By<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(request) => write!(f, "{} with #{}", request.from, request.number),
            Self::Operator => f.write_str("an operator"),
            Self::TtlDeletion => f.write_str("the broom"),
        }
    }
}
