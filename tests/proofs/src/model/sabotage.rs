//! What a mutant does differently.
//!
//! The code that ships is not touched. A mutant is a table that leaves out a condition, or stands
//! between the protocol and the system and alters what the one hears or the other is told.

use std::collections::BTreeMap;
use std::time::Duration;

use dynamodb_locks::protocol::{
    Acquisition, Action, Answer, Completions, Event, Moment, MonotonicInstant, OperationState,
    Outcome, Pause, RecoveryOutcome, RenewalUpdate, Row, Timestamp, Write,
};

use super::asking::completion;
use super::clock::Reading;
use super::mutant::Mutant;
use super::table::{Condition, operation};

/// A lease that does not end.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

impl Mutant {
    /// Whether the table does not ask this of a row.
    pub(super) fn leaves_out(self, write: &Write, asked: &Condition) -> bool {
        use Condition::{Contains, Fresh, Later, NotBegun, NotDone, Queue, Room, Unbegun, Unmoved};
        match (self, write, asked) {
            (Self::EntersUnderTheFloor, write, Fresh(_)) => write.enters().is_some(),
            (Self::EntersAFullQueue, _, Room(_))
            | (Self::BeatsBlindly, Write::Heartbeat { .. }, Later(_))
            | (Self::StealsWithoutTheAnchor, _, Unmoved(_))
            | (Self::ReleasesUnconditionally, Write::Release { .. }, Contains(_))
            | (Self::LeavesAsIfAlone, Write::Withdraw { .. }, Queue(_))
            | (Self::TakesWithoutTheQueue, Write::EvictAndEnter { .. }, Queue(_))
            | (Self::VoidLowersTheStamp, Write::Invalidate { .. }, Fresh(_))
            | (Self::BeatRevives, Write::Heartbeat { .. }, Contains(_))
            | (Self::IgnoresHeld, Write::Evict { .. } | Write::EvictAndEnter { .. }, Unbegun(_)) => {
                true
            }
            (
                Self::LeavesWithoutTheOther,
                Write::Withdraw {
                    renewal: RenewalUpdate::KeepBehind(before),
                    ..
                },
                Contains(entry),
            ) => entry == before,
            (Self::CompletesWithoutTheEntry, Write::Release { operation, .. }, Contains(_)) => {
                !operation.completes.is_empty()
            }
            (Self::IgnoresCompletions | Self::WindowEndsByLatest, _, NotDone(_))
            | (Self::IgnoresTheBegun, _, NotBegun(_)) => true,
            _ => false,
        }
    }

    /// What else a write does, or does not do, to the row.
    pub(super) fn changes(self, write: &Write, before: &Row, after: &mut Row, now: Timestamp) {
        match (self, write) {
            (Self::ReleaseKeepsTheAnchor, Write::Release { .. })
            | (Self::LeavesQuietly, Write::Withdraw { .. }) => after.renewed_at = before.renewed_at,
            (Self::BeatRevives, Write::Heartbeat { me, .. }) => {
                after.queue.insert(me.clone());
            }
            (Self::WaitersLeaseRuns, Write::Evict { .. }) => after.queue.retain(|entry| {
                let fields = entry.fields();
                fields.is_none_or(|fields| fields.own + fields.lease >= now)
            }),
            (Self::MovesInSilence, Write::Release { .. }) => {
                after.moved_until = before.moved_until;
            }
            (Self::AttemptsOverwrite, write) => {
                let said = operation(write).and_then(|said| said.attempted);
                if let Some((id, attempt)) = said {
                    let state = OperationState::Attempted(attempt);
                    after.operations.insert(id, state);
                }
            }
            (Self::RecoveryForgetsTheBegun, Write::Withdraw { .. }) => {
                let begun = |state: &OperationState| matches!(state, OperationState::Begun(_));
                after.operations.retain(|_, state| !begun(state));
            }
            (Self::ForgetsTheDone, Write::Release { operation, .. })
                if operation.completes.is_empty() =>
            {
                after.operations.clear();
            }
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
        at: Moment,
    ) -> Event {
        use Answer::{Applied, Lost, Refused, Unapplied};
        match (self, asked, event) {
            (Self::SweepReleases, _, Event::GiveUp) if heir => Event::Release,
            (
                Self::RefusedBeatCounts,
                Some(Write::Heartbeat { .. }),
                Event::Answered(Refused(row)),
            )
            | (Self::LostIsReleased, Some(Write::Release { .. }), Event::Answered(Refused(row))) => {
                Event::Answered(Applied(row.unwrap_or_default()))
            }
            (Self::BusyIsFinal, Some(write), Event::Answered(Lost)) if write.enters().is_some() => {
                Event::Answered(Unapplied)
            }
            (
                Self::RefusedVoidIsDone,
                Some(Write::Invalidate { .. }),
                Event::Answered(Refused(row)),
            )
            | (
                Self::RefusedAbandonIsDone,
                Some(Write::Withdraw { .. }),
                Event::Answered(Refused(row)),
            ) => Event::Answered(Refused(row.map(|row| without(row, it)))),
            (Self::RestampForgetsTheFloor, Some(write), Event::Answered(Refused(Some(row))))
                if write.enters().is_some() =>
            {
                Event::Answered(Refused(Some(Row { last: None, ..row })))
            }
            (Self::ChecksNothing, _, Event::Checked(_)) => Event::Checked(None),
            (Self::IgnoresCompletions, _, event) => without_operations(event),
            (Self::IgnoresCompletionsInTurn, _, event) if is_queued(&event, it) => {
                without_operations(event)
            }
            (Self::IgnoresTheBegun, _, event) => without_begun(event, it),
            (Self::WindowEndsByLatest, _, event) => hurried(event, it, at),
            (
                Self::RefusedCompletionIsDone,
                Some(Write::Release { operation, .. }),
                Event::Answered(Refused(row)),
            ) if !operation.completes.is_empty() => {
                Event::Answered(Applied(row.unwrap_or_default()))
            }
            (Self::IgnoresHeld, _, Event::Answered(Refused(Some(row)))) => {
                Event::Answered(Refused(Some(unheld(row, it))))
            }
            (Self::IgnoresHeld, _, Event::Answered(Applied(row))) => {
                Event::Answered(Applied(unheld(row, it)))
            }
            (Self::IgnoresHeld, _, Event::Polled(Some(row))) => {
                Event::Polled(Some(unheld(row, it)))
            }
            (_, _, event) => event,
        }
    }

    /// What the system gets to see of what the protocol asked for.
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
            (Self::OmitsVoid, Action::Write(Write::Invalidate { ticket, .. })) => {
                let row = Row {
                    last: Some(ticket),
                    ..Row::default()
                };
                it.step(Event::Answered(Answer::Refused(Some(row))), at)
            }
            (
                Self::SkipsClaim,
                Action::Write(Write::Heartbeat {
                    me, now, begins, ..
                }),
            ) if !begun => {
                let row = Row {
                    queue: [me].into(),
                    last: Some(it.ticket()),
                    renewed_at: Some(now),
                    hold_on_expiry: begins.is_some(),
                    pinned: begins,
                    ..Row::default()
                };
                it.step(Event::Answered(Answer::Applied(row)), at)
            }
            (
                Self::RaisesUnsure,
                Action::Write(Write::Withdraw {
                    me,
                    renewal: RenewalUpdate::KeepAlone,
                    unless,
                    operation,
                }),
            ) => Action::Write(Write::Withdraw {
                me,
                renewal: RenewalUpdate::Raise(at.now.latest),
                unless,
                operation,
            }),
            (Self::NeverSteals, Action::Write(Write::Evict { .. })) => Action::Pause(Pause::Turn {
                position: 1,
                age: Duration::ZERO,
                time_to_expiry: None,
            }),
            (Self::StaysInQueue, Action::Write(Write::Withdraw { .. })) => {
                Action::Over(Outcome::Recovered(RecoveryOutcome::Gone))
            }
            (
                Self::AbandonsTheBegun,
                Action::Write(Write::Withdraw {
                    me,
                    renewal,
                    operation,
                    ..
                }),
            ) => Action::Write(Write::Withdraw {
                me,
                renewal,
                unless: None,
                operation,
            }),
            (_, action) => action,
        }
    }

    /// What the sweep completes.
    pub(super) fn recovers(
        self,
        recorded: Completions,
        heir: &Acquisition,
        window: Duration,
        at: Moment,
    ) -> Completions {
        match self {
            Self::RecoveryForgetsTheNote => Completions::new(),
            Self::RecoveryCompletesOne => recorded.into_iter().take(1).collect(),
            Self::RecoveryCompletesAll if recorded.is_empty() => {
                let own = heir.entry().fields().and_then(|fields| fields.operation);
                own.map(|own| (own, completion(heir, window, at)))
                    .into_iter()
                    .collect()
            }
            _ => recorded,
        }
    }

    /// Whether a holder does its second operation without looking whether that is done.
    pub(super) fn ignores_the_second(self) -> bool {
        self == Self::IgnoresTheSecond
    }

    /// Whether a run that failed is completed.
    pub(super) fn completes_failures(self) -> bool {
        self == Self::FailureCompletes
    }

    /// The now from which a window counts.
    pub(super) fn dates_completions(self, mut at: Moment) -> Moment {
        if self == Self::WindowFromEarliest {
            at.now.latest = at.now.earliest;
        }
        at
    }

    pub(super) fn sweeps_the_living(self) -> bool {
        self == Self::SweepsTheLiving
    }

    /// What a client takes for the time that dates its tickets.
    pub(super) fn dates_stamps(self, mut at: Moment) -> Moment {
        if self == Self::CounterRestarts {
            at.now.likely = Timestamp(1_000_000_000_000_000);
        }
        at
    }
}

fn after(at: Moment, lease: Duration) -> MonotonicInstant {
    at.tick + lease * 9 / 10
}

fn without(row: Row, it: &Acquisition) -> Row {
    let mut row = row;
    row.queue.remove(it.entry());
    row.last = row.last.max(Some(it.ticket()));
    row
}

fn unheld(row: Row, it: &Acquisition) -> Row {
    let held = row.pinned.filter(|held| *held == it.ticket());
    Row {
        pinned: held,
        ..row
    }
}

/// Whether an event shows the entry in the queue.
fn is_queued(event: &Event, it: &Acquisition) -> bool {
    let row = match event {
        Event::Answered(Answer::Applied(row) | Answer::Refused(Some(row)))
        | Event::Polled(Some(row)) => row,
        _ => return false,
    };
    row.queue.contains(it.entry())
}

/// The event with another row.
fn changed(event: Event, change: impl FnOnce(Row) -> Row) -> Event {
    match event {
        Event::Answered(Answer::Applied(row)) => Event::Answered(Answer::Applied(change(row))),
        Event::Answered(Answer::Refused(Some(row))) => {
            Event::Answered(Answer::Refused(Some(change(row))))
        }
        Event::Polled(Some(row)) => Event::Polled(Some(change(row))),
        event => event,
    }
}

fn without_operations(event: Event) -> Event {
    changed(event, |row| Row {
        operations: BTreeMap::new(),
        ..row
    })
}

/// Nobody but us has begun.
fn without_begun(event: Event, it: &Acquisition) -> Event {
    let others = |state: &OperationState| matches!(state, OperationState::Begun(begun) if begun.fence != it.ticket());
    changed(event, |mut row| {
        row.operations.retain(|_, state| !others(state));
        row
    })
}

/// Completions are over as soon as they may be.
fn hurried(event: Event, it: &Acquisition, at: Moment) -> Event {
    let own = it.terms().operation.map(|operation| operation.id);
    changed(event, |mut row| {
        row.operations
            .retain(|id, state| Some(*id) != own || state.completed(at.now.latest).is_some());
        row
    })
}
