//! The model as stateright explores it.

use stateright::Property;

use super::client::{Client, Stage};
use super::config::Config;
use super::coverage::Coverage;
use super::invariant::Invariant;
use super::system::System;
use super::transition::Transition;
use dynamodb_locks::protocol::{Answer, OperationState, Write};

/// A configuration, to be explored.
#[derive(Clone, Debug)]
pub struct Model {
    pub(super) config: Config,
}

impl Model {
    /// The model of a configuration.
    pub fn new(config: Config) -> Self {
        Self { config }
    }
}

impl stateright::Model for Model {
    type State = System;
    type Action = Transition;

    fn init_states(&self) -> Vec<System> {
        let found = self.config.found.iter();
        found
            .map(|&found| System::new(&self.config, found))
            .collect()
    }

    fn actions(&self, system: &System, all: &mut Vec<Transition>) {
        system.transitions(&self.config, all);
    }

    fn next_state(&self, system: &System, transition: Transition) -> Option<System> {
        let mut next = system.clone();
        next.perform(&self.config, transition)?;
        next.judge_actors(&self.config);
        next.tidy(&self.config);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let laws = INVARIANTS.map(|(invariant, keeps)| Property::always(invariant.name(), keeps));
        let coverage = self.config.covers.iter();
        laws.into_iter()
            .chain(coverage.map(|&it| sometimes(it)))
            .collect()
    }
}

macro_rules! invariants {
    ($($invariant:ident),*) => { [$((Invariant::$invariant, |_, system| system.broken != Some(Invariant::$invariant))),*] };
}

/// A condition of a property: it cannot capture anything, so each invariant and each coverage has its
/// own.
type Holds = fn(&Model, &System) -> bool;

const INVARIANTS: [(Invariant, Holds); 14] = invariants![
    OneActs,
    FencesRise,
    QueueOrder,
    CopiesAreNoOps,
    AnswersAreTrue,
    DeadlineEnds,
    NothingIsLeft,
    OwnLifeOnly,
    BegunStays,
    QueueIsBounded,
    DoneOnce,
    CompletionsAreTrue,
    AtMostOnce,
    NotedIsCompleted
];

macro_rules! sometimes {
    ($coverage:ident: $($name:ident),*) => {
        match $coverage {
            $(Coverage::$name => Property::sometimes(
                Coverage::$name.name(),
                |model: &Model, system: &System| system.covers(&model.config, Coverage::$name),
            )),*
        }
    };
}

fn sometimes(coverage: Coverage) -> Property<Model> {
    sometimes!(coverage: Acts, HandedOff, Stolen, StolenBoth, Taken, Claimed, Beaten, Voided, Restamps,
        LeftAlone, LeftQuietly, LeftRaising, LeftUnder, Swept, Resent, Late, Stale, Full, Deleted, Kept, Completed,
        Recovered, Skipped, Attempted, Moved, Interrupted)
}

impl System {
    fn covers(&self, config: &Config, coverage: Coverage) -> bool {
        let any = |is: fn(&Client) -> bool| self.clients.iter().any(|it| is(it));
        match coverage {
            Coverage::Acts => any(|it| it.acts.is_some()),
            Coverage::HandedOff => self.turn.is_some() && any(|it| it.acts.is_some()),
            Coverage::Restamps => any(|it| it.stage == Stage::Paused { restamps: true }),
            Coverage::Resent => {
                let lost = self.budget.losses < config.budget.losses;
                lost && self.clients.iter().any(|it| self.asks_again(it))
            }
            Coverage::Late => self.late.iter().len() > 0,
            Coverage::Stale => self.budget.stale < config.budget.stale,
            Coverage::Full => self.clients.iter().any(|it| is_turned_away(config, it)),
            Coverage::Deleted => self.row.is_none() && self.fence.0 > 0,
            Coverage::Kept => self.row().is_pinned() && any(|it| it.heir && it.asks().is_some()),
            Coverage::Completed => !self.done.is_empty(),
            Coverage::Interrupted => any(is_told_interrupted),
            Coverage::Skipped => any(|it| it.recorded.is_empty() && is_told_done(it)),
            _ => self.clients.iter().any(|it| applied(it, coverage)),
        }
    }

    /// Whether a client waits for a write of which another copy is still on its way.
    fn asks_again(&self, it: &Client) -> bool {
        let asks = it.asks();
        self.late.iter().any(|copy| Some(&copy.write) == asks)
    }
}

/// Whether a client is being told that there is no room for it.
fn is_turned_away(config: &Config, it: &Client) -> bool {
    match &it.stage {
        Stage::Answered {
            write: Write::Enqueue { ticket, .. },
            answer: Answer::Refused(Some(row)),
        } => !row.has_passed(*ticket) && row.queue.len() >= usize::from(config.cap),
        _ => false,
    }
}

/// Whether a client is being told, outside the queue, that its operation is done.
fn is_told_done(it: &Client) -> bool {
    matches!(told(it), Some(OperationState::Completed(_)))
}

/// Whether a client is being told, outside the queue, that a run has begun and is not at work any more.
fn is_told_interrupted(it: &Client) -> bool {
    let queued = matches!(&it.stage, Stage::Answered { answer: Answer::Refused(Some(row)), .. } if !row.queue.is_empty());
    !queued && matches!(told(it), Some(OperationState::Begun(_)))
}

/// What a refusal tells a client of its operation.
fn told(it: &Client) -> Option<&OperationState> {
    let operation = it.acquisition.as_ref().and_then(|it| it.terms().operation);
    match (&it.stage, operation) {
        (
            Stage::Answered {
                answer: Answer::Refused(Some(row)),
                ..
            },
            Some(operation),
        ) => row.operations.get(&operation.id),
        _ => None,
    }
}

/// Whether a client is being told that such a write of its own was applied.
fn applied(it: &Client, coverage: Coverage) -> bool {
    match &it.stage {
        Stage::Answered {
            write,
            answer: Answer::Applied(_),
        } => coverage.is(write, it.begun, it.heir),
        _ => false,
    }
}
