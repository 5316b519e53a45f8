//! Whether everybody gets on: from every state there is a way, without further faults, on which every
//! client that lives gets its turn or leaves, and everything left behind is given back.
//!
//! Stateright's `eventually` cannot tell that from a loop, so the graph is kept and walked backwards from
//! where all is well.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use stateright::Model as _;

use super::client::Stage;
use super::explore::Model;
use super::happening::{Cue, Happening};
use super::scope::Scope;
use super::world::World;

/// A graph with more states than this is not walked to its end.
const MOST: usize = 1_000_000;

/// A mutant's graph may well have no end.
const MOST_OF_A_MUTANT: usize = 100_000;

/// What the graph of a scope shows.
#[derive(Clone, Debug)]
pub struct Lived {
    /// How many states there are.
    pub states: usize,
    /// From how many of them, among those with time enough left, there is no good way on.
    pub stuck: usize,
    /// Whether they are so many that there may be no end to them.
    pub endless: bool,
    /// The way to the first that is stuck.
    pub way: Vec<String>,
}

/// How each state but the first was met.
type Told = HashMap<u32, (u32, Happening)>;

/// The graph: each state once, and for each the states from which a faultless step leads there.
#[derive(Default)]
struct Graph {
    known: HashMap<u64, u32>,
    steps: Vec<(u32, u32)>,
    well: Vec<bool>,
    due: Vec<bool>,
}

/// Walks the whole graph of a scope. A state has time enough if this many units are left of it.
pub fn live(scope: &Scope, units: u8) -> Lived {
    let model = Model::new(scope.clone());
    let most = scope.mutant.map_or(MOST, |_| MOST_OF_A_MUTANT);
    let mut graph = Graph::default();
    let first = model.init_states();
    for world in &first {
        graph.meet(world, scope, units);
    }
    let mut ahead = VecDeque::from(first.clone());
    let mut told = HashMap::new();
    while let Some(world) = ahead.pop_front().filter(|_| graph.well.len() < most) {
        let from = graph.meet(&world, scope, units).0;
        let mut happenings = Vec::new();
        model.actions(&world, &mut happenings);
        for happening in happenings {
            let Some(next) = model.next_state(&world, happening) else {
                continue;
            };
            let (to, new) = graph.meet(&next, scope, units);
            if happening.is_faultless() {
                graph.steps.push((to, from));
            }
            if new {
                told.insert(to, (from, happening));
                ahead.push_back(next);
            }
        }
    }
    let states = graph.well.len();
    let stuck = graph.stuck();
    let way = |&state| way(&model, &first, &told, state);
    Lived {
        states,
        stuck: stuck.len(),
        endless: states >= most,
        way: stuck.first().map_or(Vec::new(), way),
    }
}

impl Graph {
    /// The number of a state, and whether it is new.
    fn meet(&mut self, world: &World, scope: &Scope, units: u8) -> (u32, bool) {
        let mut hasher = DefaultHasher::new();
        world.hash(&mut hasher);
        let next = u32::try_from(self.well.len()).expect("fewer states than that fit in memory");
        let state = *self.known.entry(hasher.finish()).or_insert(next);
        if state == next {
            self.well.push(world.is_well());
            self.due.push(world.time + units <= scope.until);
        }
        (state, state == next)
    }

    /// The states from which none is reached in which all is well.
    fn stuck(mut self) -> Vec<u32> {
        self.steps.sort_unstable();
        let mut ahead: Vec<u32> = (0..)
            .zip(&self.well)
            .filter(|it| *it.1)
            .map(|it| it.0)
            .collect();
        while let Some(state) = ahead.pop() {
            let first = self.steps.partition_point(|step| step.0 < state);
            for &(_, from) in self.steps[first..]
                .iter()
                .take_while(|step| step.0 == state)
            {
                let well = &mut self.well[from as usize];
                if !std::mem::replace(well, true) {
                    ahead.push(from);
                }
            }
        }
        let states = (0..).zip(self.well.iter().zip(&self.due));
        states
            .filter(|(_, (well, due))| !**well && **due)
            .map(|it| it.0)
            .collect()
    }
}

/// How a state was met first.
fn way(model: &Model, first: &[World], told: &Told, mut state: u32) -> Vec<String> {
    let mut happenings = Vec::new();
    while let Some(&(from, happening)) = told.get(&state) {
        happenings.push(happening);
        state = from;
    }
    let mut way = Vec::new();
    // The first worlds were met first.
    let mut world = first[state as usize].clone();
    for happening in happenings.into_iter().rev() {
        if let Some(next) = model.next_state(&world, happening) {
            way.push(next.tell(happening));
            world = next;
        }
    }
    way
}

impl Happening {
    /// Whether it is no fault, and nobody's impatience.
    fn is_faultless(self) -> bool {
        match self {
            Self::Tick | Self::Delivered(_) => true,
            Self::Does(_, cue, _) => !matches!(cue, Cue::Silence | Cue::GiveUp),
            Self::Deleted | Self::Late(_) | Self::Dies(_) | Self::Dropped(_) => false,
        }
    }
}

impl World {
    /// Whether nobody is left who wants anything, but for those whom a dead fail-closed holder keeps
    /// waiting.
    fn is_well(&self) -> bool {
        let row = self.row();
        let owned = |it: &super::client::Client| it.wants() && it.entry() == row.holder();
        let orphaned = !self.clients.iter().any(|it| owned(it));
        let done = |stage: &Stage| matches!(stage, Stage::Idle | Stage::Over);
        row.is_held_for_good() && orphaned || self.clients.iter().all(|it| done(&it.stage))
    }
}
