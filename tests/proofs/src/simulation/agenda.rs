//! What is going to happen, in the order of true time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::beings::{Being, Lock};
use super::dice::Dice;
use super::line::Answer;
use super::scenario::Mishap;
use testkit::dynamo::{Arrival, Hears, Reply, Request};

/// All that is to come.
#[derive(Debug)]
pub(super) struct Agenda {
    /// By time; what falls on the same moment comes in any order, which the seed decides.
    events: BTreeMap<(Duration, u64, u64), Event>,
    added: u64,
    dice: Dice,
}

#[derive(Debug)]
pub(super) enum Event {
    /// A copy of a request comes to the table.
    Arrives(Copy),
    /// An answer comes back; none is a connection that breaks.
    Answered {
        to: usize,
        number: u64,
        answer: Answer,
        reply: Option<Reply>,
    },
    /// Somebody begins.
    Begins(Role),
    /// A process that stood still goes on.
    GoesOn { who: usize },
    /// Something bad happens.
    Strikes(Mishap),
}

/// One copy of a request.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) request: Arc<Request>,
    pub(super) arrival: Arrival,
    pub(super) hears: Hears,
    /// How much later a second copy comes.
    pub(super) again: Option<Duration>,
    /// Who waits for the answer, if anybody does, and how long that is on its way.
    pub(super) awaited: Option<(usize, Answer, Duration)>,
}

/// Who begins.
#[derive(Clone, Debug)]
pub(super) enum Role {
    Being(Being),
    Sweep(Being),
    Person(Lock),
    Last(Lock, Duration),
}

impl Copy {
    /// One that comes after the client was answered.
    pub(super) fn second(request: Arc<Request>) -> Self {
        let (arrival, hears) = (Arrival::Applied, Hears::Nothing);
        Self {
            request,
            arrival,
            hears,
            again: None,
            awaited: None,
        }
    }
}

impl Agenda {
    pub(super) fn new(dice: Dice) -> Self {
        Self {
            events: BTreeMap::new(),
            added: 0,
            dice,
        }
    }

    pub(super) fn add(&mut self, at: Duration, event: Event) {
        self.added += 1;
        let order = (at, self.dice.up_to(1000), self.added);
        self.events.insert(order, event);
    }

    /// When something happens next.
    pub(super) fn next(&self) -> Option<Duration> {
        self.events.keys().next().map(|(at, ..)| *at)
    }

    /// When something may happen next that one process will notice.
    pub(super) fn next_for(&self, who: usize) -> Option<Duration> {
        let noticed = self
            .events
            .iter()
            .find(|(_, event)| event.is_noticed_by(who));
        noticed.map(|((at, ..), _)| *at)
    }

    pub(super) fn pop(&mut self) -> Option<(Duration, Event)> {
        self.events.pop_first().map(|((at, ..), event)| (at, event))
    }
}

impl Event {
    fn is_noticed_by(&self, process: usize) -> bool {
        match self {
            Self::Arrives(copy) => copy.awaited.as_ref().is_some_and(|(to, ..)| *to == process),
            Self::Answered { to, .. } => *to == process,
            Self::GoesOn { who } => *who == process,
            Self::Strikes(Mishap::Stop { who, .. } | Mishap::Die { who, .. }) => *who == process,
            Self::Strikes(Mishap::Delete { .. } | Mishap::Broom) | Self::Begins(_) => false,
        }
    }
}
