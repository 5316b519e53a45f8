//! Mutants: the protocol with one thought left out. Each must be caught.
//!
//! The code that ships is not touched. A mutant is a table that leaves out a condition, or stands
//! between the protocol and the world and alters what the one hears or the other is told.

use std::time::Duration;

use dynamodb_locks::protocol::{
    Acquisition, Action, Answer, Departure, Ending, Event, GivenBack, Micros, Moment, Pause, Row,
    Tick, Write,
};

use super::clock::Reading;
use super::table::Condition;

/// What is left out.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Mutant {
    /// An enqueue asks for no higher stamp than the last.
    EntersUnderTheFloor,
    /// A beat asks for no lower anchor.
    BeatsBlindly,
    /// A thief does not ask whether the holder has moved.
    StealsWithoutTheAnchor,
    /// A release does not ask for the entry.
    ReleasesUnconditionally,
    /// An abandon does not ask for a lower anchor.
    AbandonLowersTheAnchor,
    /// Who takes a dead holder's place does not compare the queue.
    TakesWithoutTheQueue,
    /// A void does not ask for a lower stamp.
    VoidLowersTheStamp,
    /// A release dates the row anew.
    ReleaseSetsTtl,
    /// A release does not set the anchor.
    ReleaseKeepsTheAnchor,
    /// A thief takes the waiters for dead whose lease would be over.
    WaitersLeaseRuns,
    /// A beat puts the entry back.
    BeatRevives,
    /// The row is deleted as soon as nobody holds it.
    GraceTooShort,
    /// A thief judges by the latest possible now.
    ThiefUsesLatest,
    /// Signs of life are dated with the earliest possible now.
    WritesEarliest,
    /// What was written too early is not taken off.
    TooEarlyIsKept,
    /// Stamps do not come from the time: after a deletion they start again.
    CounterRestarts,
    /// A refused beat counts as applied.
    RefusedBeatCounts,
    /// Busy is final while a copy is on its way.
    BusyIsFinal,
    /// A void that is refused with the entry in the queue counts as done.
    RefusedVoidIsDone,
    /// An abandon that is refused counts as done.
    RefusedAbandonIsDone,
    /// A stamp that was too low is sent again.
    RestampForgetsTheFloor,
    /// Fail-closed: a thief ignores that the holder has begun.
    IgnoresHeld,
    /// The sweep releases instead of abandoning.
    SweepReleases,
    /// A release that finds the entry gone is reported as done.
    LostIsReleased,
    /// A holder never looks at the end of its lease.
    NeverChecksTheEnd,
    /// A lease counts from the answer instead of the request.
    CountsFromTheAnswer,
    /// A holder's deadline does not end its lease.
    IgnoresTheDeadline,
    /// An entry that may be on its way is not voided.
    OmitsVoid,
    /// Who is promoted does not claim.
    SkipsClaim,
    /// The next in line leaves without raising the anchor.
    LeavesQuietly,
    /// Who gives up does not leave the queue.
    StaysInQueue,
    /// The sweep gives back what had begun, fail-closed.
    AbandonsTheBegun,
    /// A dead holder is left where it is.
    NeverSteals,
    /// The sweep does not wait for the death.
    SweepsTheLiving,
}

/// A lease that does not end.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

impl Mutant {
    /// Whether the table does not ask this of a row.
    pub(super) fn leaves_out(self, write: &Write, asked: &Condition) -> bool {
        use Condition::{Contains, Fresh, Later, Queue, Unbegun, Unmoved};
        match (self, write, asked) {
            (Self::EntersUnderTheFloor, write, Fresh(_)) => write.enters().is_some(),
            (Self::BeatsBlindly, Write::Beat { .. }, Later(_))
            | (Self::StealsWithoutTheAnchor, _, Unmoved(_))
            | (Self::ReleasesUnconditionally, Write::Release { .. }, Contains(_))
            | (Self::AbandonLowersTheAnchor, Write::Abandon { .. }, Later(_))
            | (Self::TakesWithoutTheQueue, Write::Take { .. }, Queue(_))
            | (Self::VoidLowersTheStamp, Write::Void { .. }, Fresh(_))
            | (Self::BeatRevives, Write::Beat { .. }, Contains(_))
            | (Self::IgnoresHeld, Write::Steal { .. } | Write::Take { .. }, Unbegun(_)) => true,
            _ => false,
        }
    }

    /// What else a write does, or does not do, to the row.
    pub(super) fn changes(self, write: &Write, before: &Row, after: &mut Row, now: Micros) {
        match (self, write) {
            (Self::ReleaseKeepsTheAnchor, Write::Release { .. }) => after.anchor = before.anchor,
            (Self::BeatRevives, Write::Beat { me, .. }) => {
                after.queue.insert(me.clone());
            }
            (Self::WaitersLeaseRuns, Write::Steal { .. }) => after.queue.retain(|entry| {
                let fields = entry.fields();
                fields.is_none_or(|fields| fields.own + fields.lease >= now)
            }),
            _ => {}
        }
    }

    /// When the row may be swept away.
    pub(super) fn dates(self, write: &Write, ttl: Option<u64>, grace: Duration) -> Option<u64> {
        match (self, write) {
            (Self::ReleaseSetsTtl, Write::Release { now, .. }) => {
                Some((*now + grace).0 / 1_000_000)
            }
            (Self::GraceTooShort, _) => ttl.map(|ttl| ttl - grace.as_secs()),
            _ => ttl,
        }
    }

    /// How a client reads its clocks, that at first believed something else.
    pub(super) fn reads(self, reading: Reading, before: Reading) -> Reading {
        match self {
            Self::ThiefUsesLatest => Reading {
                earliest: reading.latest,
                ..reading
            },
            Self::WritesEarliest => Reading {
                latest: reading.earliest,
                likely: reading.earliest,
                ..reading
            },
            Self::TooEarlyIsKept => Reading {
                latest: before.latest,
                ..reading
            },
            _ => reading,
        }
    }

    /// What the protocol gets to hear of what happened.
    pub(super) fn hears(
        self,
        event: Event,
        asked: Option<&Write>,
        it: &Acquisition,
        heir: bool,
    ) -> Event {
        use Answer::{Applied, Lost, Refused, Unapplied};
        match (self, asked, event) {
            (Self::SweepReleases, _, Event::GiveUp) if heir => Event::Release,
            (Self::RefusedBeatCounts, Some(Write::Beat { .. }), Event::Answered(Refused(row)))
            | (Self::LostIsReleased, Some(Write::Release { .. }), Event::Answered(Refused(row))) => {
                Event::Answered(Applied(row.unwrap_or_default()))
            }
            (Self::BusyIsFinal, Some(write), Event::Answered(Lost)) if write.enters().is_some() => {
                Event::Answered(Unapplied)
            }
            (Self::RefusedVoidIsDone, Some(Write::Void { .. }), Event::Answered(Refused(row)))
            | (
                Self::RefusedAbandonIsDone,
                Some(Write::Abandon { .. }),
                Event::Answered(Refused(row)),
            ) => Event::Answered(Refused(row.map(|row| without(row, it)))),
            (Self::RestampForgetsTheFloor, Some(write), Event::Answered(Refused(Some(row))))
                if write.enters().is_some() =>
            {
                Event::Answered(Refused(Some(Row { last: None, ..row })))
            }
            (Self::IgnoresHeld, _, Event::Answered(Refused(Some(row)))) => {
                Event::Answered(Refused(Some(unheld(row, it))))
            }
            (Self::IgnoresHeld, _, Event::Answered(Applied(row))) => {
                Event::Answered(Applied(unheld(row, it)))
            }
            (Self::IgnoresHeld, _, Event::Looked(Some(row))) => {
                Event::Looked(Some(unheld(row, it)))
            }
            (_, _, event) => event,
        }
    }

    /// What the world gets to see of what the protocol asked for.
    pub(super) fn does(
        self,
        action: Action,
        it: &mut Acquisition,
        begun: bool,
        at: Moment,
    ) -> Action {
        let lease = it.terms().lease;
        match (self, action) {
            (Self::NeverChecksTheEnd, Action::Act(_)) => Action::Act(at.tick + FOR_EVER),
            (Self::CountsFromTheAnswer, Action::Act(_)) => Action::Act(at.tick + lease * 9 / 10),
            (Self::IgnoresTheDeadline, Action::Act(ends)) => {
                Action::Act(ends.max(after(at, lease)))
            }
            (Self::OmitsVoid, Action::Write(Write::Void { stamp, .. })) => {
                let row = Row {
                    last: Some(stamp),
                    ..Row::default()
                };
                it.step(Event::Answered(Answer::Refused(Some(row))), at)
            }
            (
                Self::SkipsClaim,
                Action::Write(Write::Beat {
                    me, now, begins, ..
                }),
            ) if !begun => {
                let row = Row {
                    queue: [me].into(),
                    last: Some(it.stamp()),
                    anchor: Some(now),
                    closed: begins.is_some(),
                    held: begins,
                };
                it.step(Event::Answered(Answer::Applied(row)), at)
            }
            (
                Self::LeavesQuietly,
                Action::Write(Write::Abandon {
                    me,
                    anchor: Departure::Raise(_),
                    unless,
                }),
            ) => Action::Write(Write::Abandon {
                me,
                anchor: Departure::Quiet,
                unless,
            }),
            (Self::NeverSteals, Action::Write(Write::Steal { .. })) => Action::Pause(Pause::Turn {
                rank: 1,
                age: Duration::ZERO,
                dead_in: None,
            }),
            (Self::StaysInQueue, Action::Write(Write::Abandon { .. })) => {
                Action::Over(Ending::GivenBack(GivenBack::Gone))
            }
            (Self::AbandonsTheBegun, Action::Write(Write::Abandon { me, anchor, .. })) => {
                Action::Write(Write::Abandon {
                    me,
                    anchor,
                    unless: None,
                })
            }
            (_, action) => action,
        }
    }

    pub(super) fn sweeps_the_living(self) -> bool {
        self == Self::SweepsTheLiving
    }

    /// What a client takes for the time that dates its stamps.
    pub(super) fn dates_stamps(self, mut at: Moment) -> Moment {
        if self == Self::CounterRestarts {
            at.now.likely = Micros(1_000_000_000_000_000);
        }
        at
    }
}

fn after(at: Moment, lease: Duration) -> Tick {
    at.tick + lease * 9 / 10
}

fn without(row: Row, it: &Acquisition) -> Row {
    let mut row = row;
    row.queue.remove(it.entry());
    row.last = row.last.max(Some(it.stamp()));
    row
}

fn unheld(row: Row, it: &Acquisition) -> Row {
    let held = row.held.filter(|held| *held == it.stamp());
    Row { held, ..row }
}
