//! Which holders are dead, and how long we ourselves may act. Pure.
//!
//! Others are judged by the earliest possible now, ourselves by the latest. A time in the row that
//! no correct clock can have written is not believed; the lease is then counted by watching.
//!
//! Whether a time is believed follows from the judged entry alone, so a holder knows how all others
//! judge it, whatever their settings are.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::protocol::entry::{Entry, Fields};
use crate::protocol::messages::Terms;
use crate::protocol::row::{DEADLINE_MARGIN, Row};
use crate::protocol::time::{Expiry, Moment, MonotonicInstant, Timestamp};

/// How long the holder and its renewal time have been unchanged.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Watch {
    head: Option<Entry>,
    renewed_at: Option<Timestamp>,
    since: MonotonicInstant,
    /// Since when this has been the holder, whatever renewals it sent.
    held_since: MonotonicInstant,
}

impl Watch {
    /// Records a row that was seen at a tick, after its answer had come.
    pub(crate) fn see(&mut self, row: &Row, tick: MonotonicInstant) {
        if self.head.as_ref() != row.holder() {
            self.head = row.holder().cloned();
            (self.since, self.held_since) = (tick, tick);
        } else if self.renewed_at != row.renewed_at {
            self.since = tick;
        }
        self.renewed_at = row.renewed_at;
    }
}

/// Each later waiter leaves the one before it this much time to evict, so that they do not all try
/// at once.
const STAGGER: Duration = Duration::from_millis(200);

/// How long a silent holder of another expiry mode is left in the queue, beyond its lease.
const FOREIGN: Duration = Duration::from_secs(60 * 60);

/// However small the skew is, the latest possible now of a correct clock may lie this far ahead: a
/// `Date` names a second, and an answer takes its time.
const INTERVAL: Duration = Duration::from_secs(2);

/// How far ahead of its writer's now a predecessor's release may lie without a confirming
/// heartbeat.
const AHEAD: Duration = Duration::from_secs(1);

/// Whether the holder's lease is counted from the time in the row.
pub(crate) fn believes(terms: &Terms, row: &Row, holder: &Fields, at: Moment) -> bool {
    terms.expiry != Expiry::Observe && is_honest(terms, row, holder, at)
}

/// Whether a correct clock can have written the time that the holder's lease is counted from.
fn is_honest(terms: &Terms, row: &Row, holder: &Fields, at: Moment) -> bool {
    // A local clock may be late, whatever it takes for the latest possible now.
    let late = match terms.expiry {
        Expiry::Clock => terms.skew,
        Expiry::Verified | Expiry::Observe => Duration::ZERO,
    };
    row.alive_at(holder) <= at.now.latest + late + reach(holder)
}

/// Whether all clients believe a time that we write now: none of them takes now for earlier than we do.
pub(crate) fn is_believed_by_all(written: Timestamp, me: &Fields, at: Moment) -> bool {
    written <= at.now.earliest + reach(me)
}

/// How far beyond now this entry's times are believed.
fn reach(holder: &Fields) -> Duration {
    (2 * holder.skew).max(INTERVAL)
}

/// By how much longer an entry lives than its times say, because clocks differ: two local ones by the
/// larger skew, and a local one from DynamoDB's by its own.
fn allowance(terms: &Terms, judged: &Fields) -> Duration {
    let local = |expiry| expiry == Expiry::Clock;
    match (local(terms.expiry), local(judged.expiry)) {
        // What is ours is a part of the earliest possible now.
        (true, true) => judged.skew.saturating_sub(terms.skew),
        (false, true) => judged.skew,
        (_, false) => Duration::ZERO,
    }
}

/// About how long the holder has held: a guess for the polling only.
pub(crate) fn age(row: &Row, watch: &Watch, at: Moment) -> Duration {
    let watched = at.tick.since(watch.held_since);
    let Some(holder) = row.holder().and_then(Entry::fields) else {
        return watched;
    };
    // A ticket is a guess of the time, and the times in the row are the latest possible ones.
    let since = row.renewed_at.unwrap_or(Timestamp(holder.ticket.0));
    watched.max(at.now.likely.since(since))
}

/// How long until a waiter at this position may find the holder dead: zero if it is dead, `None` if
/// never.
pub(crate) fn time_to_expiry(
    terms: &Terms,
    row: &Row,
    watch: &Watch,
    position: usize,
    at: Moment,
) -> Option<Duration> {
    let holder = row.holder()?.fields().filter(|_| !row.is_pinned())?;
    let stagger = STAGGER * u32::try_from(position.saturating_sub(1)).unwrap_or(u32::MAX / 1000);
    // A holder of another expiry mode cannot know that it has to renew for us, so it gets much
    // longer. That is long enough for an observer, too, which would otherwise be refused before it
    // has watched anything.
    let foreign = row.conflicting_expiry(terms.expiry) == row.holder();
    let by_time = match foreign {
        true => is_honest(terms, row, holder, at),
        false => believes(terms, row, holder, at),
    };
    let (ends, now) = if by_time {
        let lease = row.alive_at(holder) + holder.lease;
        let ends = holder
            .deadline
            .map_or(lease, |end| lease.min(end + DEADLINE_MARGIN));
        let ends = if foreign { ends + FOREIGN } else { ends } + allowance(terms, holder);
        (
            Duration::from_micros(ends.0),
            Duration::from_micros(at.now.earliest.0),
        )
    } else {
        ((watch.since + holder.lease).0, at.tick.0)
    };
    // At the very end a lease still runs.
    let first = Duration::from_micros(1);
    Some((ends + stagger + first).saturating_sub(now))
}

/// The dead entries, if the holder is dead: the holder, and the waiters past their deadline.
pub(crate) fn dead(
    terms: &Terms,
    row: &Row,
    watch: &Watch,
    position: usize,
    at: Moment,
) -> Option<(Entry, Vec<Entry>)> {
    let dead = time_to_expiry(terms, row, watch, position, at).is_some_and(|left| left.is_zero());
    let behind = || dead_waiters(terms, row, at);
    dead.then(|| row.holder().cloned().map(|head| (head, behind())))
        .flatten()
}

/// The waiters who are past their deadline for certain.
pub(crate) fn dead_waiters(terms: &Terms, row: &Row, at: Moment) -> Vec<Entry> {
    let now = |waiter: &Fields| at.now.earliest - allowance(terms, waiter);
    row.dead_waiters(now).cloned().collect()
}

/// The part of a lease that its holder uses: a timer may be late, and the next holder punctual.
/// Over a long lease two monotonic clocks run apart by 400 ppm: 200 ppm each, the holder's and that
/// of a client that watches it.
pub(crate) fn safe_lease(lease: Duration) -> Duration {
    let apart = lease / 2500 + Duration::from_millis(100);
    lease - (lease / 20).min(apart.max(Duration::from_millis(250)))
}

/// Until when a renewal proves its holder alive, if it was written with this time at this tick. If
/// the server has since shown that the time was too early, the difference is subtracted.
pub(crate) fn proven_by(
    terms: &Terms,
    written: Timestamp,
    since: MonotonicInstant,
    at: Moment,
) -> MonotonicInstant {
    since + safe_lease(terms.lease).saturating_sub(too_early(written, since, at))
}

/// Our own deadline, as the table shows it: it is stored by the time that we wrote, and if that was
/// too early, the difference is subtracted.
pub(crate) fn deadline(
    terms: &Terms,
    own: Timestamp,
    ticketed: MonotonicInstant,
    at: Moment,
) -> Option<MonotonicInstant> {
    // Others allow DEADLINE_MARGIN before they evict us; half of it covers a late platform kill.
    let early = too_early(own, ticketed, at).saturating_sub(DEADLINE_MARGIN / 2);
    terms.deadline.map(|deadline| deadline - early)
}

/// By how much a time was written too early at a tick, as far as the server has shown since.
fn too_early(written: Timestamp, since: MonotonicInstant, at: Moment) -> Duration {
    let latest_then = at.now.latest - at.tick.since(since);
    latest_then.since(written)
}

/// Whether the renewal time that a predecessor left proves us alive to all others. At least until
/// `behind`, another entry stood before ours.
///
/// Clients that do not believe the renewal time count our lease by watching, from our turn on, and
/// an eviction that they have decided on may still be in flight when the renewal time has become
/// believable. So it counts only if no client can have watched it for a lease: it was believable by
/// then, even to the latest clock.
pub(crate) fn is_proven_by_renewal(
    terms: &Terms,
    row: &Row,
    me: &Fields,
    behind: MonotonicInstant,
    at: Moment,
) -> bool {
    let alive = row.alive_at(me);
    // Half of the lease allows for reads that were staler than they should be.
    let watched = at.now.earliest - at.tick.since(behind) + terms.lease / 2;
    let believed = alive <= at.now.earliest.min(watched) + reach(me);
    let near = alive <= at.now.latest + AHEAD;
    terms.expiry != Expiry::Observe && believed && near
}

/// Until when such a renewal time proves us alive.
pub(crate) fn proven_by_renewal(
    terms: &Terms,
    renewed_at: Timestamp,
    at: Moment,
) -> MonotonicInstant {
    at.tick + (renewed_at + safe_lease(terms.lease)).since(at.now.latest)
}
