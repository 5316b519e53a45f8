//! Who is dead, and how long we ourselves may act. Pure.
//!
//! Others are judged by the earliest possible now, ourselves by the latest. A time in the row that
//! no honest clock can have written is not believed; then the lease is counted by watching.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::entry::{Entry, Fields};
use crate::row::{DEADLINE_MARGIN, Row};
use crate::terms::Terms;
use crate::time::{Expiry, Micros, Moment, Tick};

/// How long the holder and its anchor have stood unchanged before our eyes.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Watch {
    head: Option<Entry>,
    anchor: Option<Micros>,
    since: Tick,
    /// Since when the holder has been this one, whatever signs of life it gave.
    held_since: Tick,
}

impl Watch {
    /// Takes note of a row that was seen at a tick, after its answer had come.
    pub(crate) fn see(&mut self, row: &Row, tick: Tick) {
        if self.head.as_ref() != row.holder() {
            self.head = row.holder().cloned();
            (self.since, self.held_since) = (tick, tick);
        } else if self.anchor != row.anchor {
            self.since = tick;
        }
        self.anchor = row.anchor;
    }
}

/// A later waiter leaves each one before it this much time to steal, so that they do not all try at
/// once.
const STAGGER: Duration = Duration::from_millis(200);

/// How long a silent holder of another expiry mode is left in the queue, beyond its lease.
const FOREIGN: Duration = Duration::from_secs(60 * 60);

/// Whether the holder's lease is counted from the time in the row.
pub(crate) fn believes(terms: &Terms, row: &Row, holder: &Fields, at: Moment) -> bool {
    terms.expiry != Expiry::Observe && is_honest(terms, row, holder, at)
}

/// Whether an honest clock can have written the time that the holder's lease is counted from.
fn is_honest(terms: &Terms, row: &Row, holder: &Fields, at: Moment) -> bool {
    row.alive_at(holder) <= at.now.latest + 2 * terms.skew
}

/// For how long the holder has held, about: a guess for the polling, on which nothing else rests.
pub(crate) fn age(row: &Row, watch: &Watch, at: Moment) -> Duration {
    let watched = at.tick.since(watch.held_since);
    let Some(holder) = row.holder().and_then(Entry::fields) else {
        return watched;
    };
    // A stamp is a guess of the time, and the times in the row are the latest possible ones.
    let since = row.anchor.unwrap_or(Micros(holder.stamp.0));
    watched.max(at.now.likely.since(since))
}

/// In how long the holder will be dead to the one with this rank: zero if it is, none if never.
pub(crate) fn dead_in(
    terms: &Terms,
    row: &Row,
    watch: &Watch,
    rank: usize,
    at: Moment,
) -> Option<Duration> {
    let holder = row.holder()?.fields().filter(|_| !row.is_held_for_good())?;
    let stagger = STAGGER * u32::try_from(rank.saturating_sub(1)).unwrap_or(u32::MAX / 1000);
    // Whoever judges in another way cannot be told to beat for us: it gets much longer. That is long
    // enough for an observer, too, who would otherwise be refused before it has watched anything.
    let foreign = row.mixes(terms.expiry) == row.holder();
    let by_time = match foreign {
        true => is_honest(terms, row, holder, at),
        false => believes(terms, row, holder, at),
    };
    let (ends, now) = if by_time {
        let lease = row.alive_at(holder) + holder.lease;
        let ends = holder
            .deadline
            .map_or(lease, |end| lease.min(end + DEADLINE_MARGIN));
        let ends = if foreign { ends + FOREIGN } else { ends };
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

/// Everybody who is dead, if the holder is: it, and the waiters who are past their deadline.
pub(crate) fn dead(
    terms: &Terms,
    row: &Row,
    watch: &Watch,
    rank: usize,
    at: Moment,
) -> Option<(Entry, Vec<Entry>)> {
    let dead = dead_in(terms, row, watch, rank, at).is_some_and(|left| left.is_zero());
    let behind = || row.dead_waiters(at.now).cloned().collect();
    dead.then(|| row.holder().cloned().map(|head| (head, behind())))
        .flatten()
}

/// How much of a lease is used: a timer may be late, and the next holder punctual.
pub(crate) fn usable(lease: Duration) -> Duration {
    lease - (lease / 20).min(Duration::from_millis(250))
}

/// Until when a sign of life proves its holder alive, if it was written with this time at this
/// tick. What the server has since shown us to have written too early is taken off.
pub(crate) fn proven_by(terms: &Terms, written: Micros, since: Tick, at: Moment) -> Tick {
    since + usable(terms.lease).saturating_sub(too_early(written, since, at))
}

/// When our own deadline comes as the table shows it: it stands there by the time that we wrote, and
/// what was too early of that is taken off.
pub(crate) fn deadline(terms: &Terms, own: Micros, stamped: Tick, at: Moment) -> Option<Tick> {
    // Whoever finds us past it allows a margin. Half of it is left to a platform that is late.
    let early = too_early(own, stamped, at).saturating_sub(DEADLINE_MARGIN / 2);
    terms.deadline.map(|deadline| deadline - early)
}

/// How much too early a time was written at a tick, as far as the server has shown it since.
fn too_early(written: Micros, since: Tick, at: Moment) -> Duration {
    let latest_then = at.now.latest - at.tick.since(since);
    latest_then.since(written)
}

/// Until when the anchor that a predecessor left proves us alive; none if it is not believed.
pub(crate) fn proven_by_anchor(terms: &Terms, row: &Row, me: &Fields, at: Moment) -> Option<Tick> {
    let ends = row.alive_at(me) + usable(terms.lease);
    // Others may know the time better: only what they are certain to believe counts for us.
    let strict = row.alive_at(me) <= at.now.earliest + 2 * terms.skew;
    (strict && believes(terms, row, me, at)).then(|| at.tick + ends.since(at.now.latest))
}
