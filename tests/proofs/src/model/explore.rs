//! The model as stateright explores it.

use stateright::Property;

use super::client::{Client, Stage};
use super::happening::Happening;
use super::law::Law;
use super::reached::Reached;
use super::scope::Scope;
use super::world::World;
use dynamodb_locks::protocol::{Answer, Write};

/// A scope, to be explored.
#[derive(Clone, Debug)]
pub struct Model {
    pub(super) scope: Scope,
}

impl Model {
    /// The model of a scope.
    pub fn new(scope: Scope) -> Self {
        Self { scope }
    }
}

impl stateright::Model for Model {
    type State = World;
    type Action = Happening;

    fn init_states(&self) -> Vec<World> {
        let found = self.scope.found.iter();
        found.map(|&found| World::new(&self.scope, found)).collect()
    }

    fn actions(&self, world: &World, all: &mut Vec<Happening>) {
        world.happenings(&self.scope, all);
    }

    fn next_state(&self, world: &World, happening: Happening) -> Option<World> {
        let mut next = world.clone();
        next.happens(&self.scope, happening)?;
        next.judge_actors(&self.scope);
        next.tidy(&self.scope);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let laws = LAWS.map(|(law, keeps)| Property::always(law.name(), keeps));
        let reached = self.scope.reaches.iter();
        laws.into_iter()
            .chain(reached.map(|&it| sometimes(it)))
            .collect()
    }
}

macro_rules! laws {
    ($($law:ident),*) => { [$((Law::$law, |_, world| world.broken != Some(Law::$law))),*] };
}

/// A condition of a property: it cannot capture anything, so each law and each thing to be reached has
/// its own.
type Holds = fn(&Model, &World) -> bool;

const LAWS: [(Law, Holds); 9] = laws![
    OneActs,
    FencesRise,
    QueueOrder,
    CopiesAreNoOps,
    AnswersAreTrue,
    DeadlineEnds,
    NothingIsLeft,
    BegunStays,
    QueueIsBounded
];

macro_rules! sometimes {
    ($reached:ident: $($name:ident),*) => {
        match $reached {
            $(Reached::$name => Property::sometimes(
                Reached::$name.name(),
                |model: &Model, world: &World| world.reaches(&model.scope, Reached::$name),
            )),*
        }
    };
}

fn sometimes(reached: Reached) -> Property<Model> {
    sometimes!(reached: Acts, HandedOff, Stolen, StolenBoth, Taken, Claimed, Beaten, Voided, Restamps,
        LeftQuietly, LeftRaising, LeftUnder, Swept, Resent, Late, Stale, Full, Deleted, Kept)
}

impl World {
    fn reaches(&self, scope: &Scope, reached: Reached) -> bool {
        let any = |is: fn(&Client) -> bool| self.clients.iter().any(|it| is(it));
        match reached {
            Reached::Acts => any(|it| it.acts.is_some()),
            Reached::HandedOff => self.turn.is_some() && any(|it| it.acts.is_some()),
            Reached::Restamps => any(|it| it.stage == Stage::Paused { restamps: true }),
            Reached::Resent => {
                let lost = self.budget.losses < scope.budget.losses;
                lost && self.clients.iter().any(|it| self.asks_again(it))
            }
            Reached::Late => self.late.iter().len() > 0,
            Reached::Stale => self.budget.stale < scope.budget.stale,
            Reached::Full => self.clients.iter().any(|it| is_turned_away(scope, it)),
            Reached::Deleted => self.row.is_none() && self.fence.0 > 0,
            Reached::Kept => {
                self.row().is_held_for_good() && any(|it| it.heir && it.asks().is_some())
            }
            _ => self.clients.iter().any(|it| applied(it, reached)),
        }
    }

    /// Whether a client waits for a write of which another copy is still on its way.
    fn asks_again(&self, it: &Client) -> bool {
        let asks = it.asks();
        self.late.iter().any(|copy| Some(&copy.write) == asks)
    }
}

/// Whether a client is being told that there is no room for it.
fn is_turned_away(scope: &Scope, it: &Client) -> bool {
    match &it.stage {
        Stage::Told {
            write: Write::Enqueue { stamp, .. },
            answer: Answer::Refused(Some(row)),
        } => !row.has_passed(*stamp) && row.queue.len() >= usize::from(scope.cap),
        _ => false,
    }
}

/// Whether a client is being told that such a write of its own was applied.
fn applied(it: &Client, reached: Reached) -> bool {
    match &it.stage {
        Stage::Told {
            write,
            answer: Answer::Applied(_),
        } => reached.is(write, it.begun, it.heir),
        _ => false,
    }
}
