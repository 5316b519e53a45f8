//! Liveness: from every state there is a path without further faults on which every living client gets
//! its turn or leaves, and every orphan is given back.
//!
//! Stateright's `eventually` cannot tell that from a loop, so the graph is kept and walked backwards from
//! where all is well.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use stateright::Model as _;

use super::client::Stage;
use super::config::Config;
use super::explore::Model;
use super::system::System;
use super::transition::{Transition, Trigger};

/// A graph with more states than this is not walked to its end.
const MOST: usize = 1_000_000;

/// A mutant's graph may well have no end.
const MOST_OF_A_MUTANT: usize = 100_000;

/// What the graph of a configuration shows.
#[derive(Clone, Debug)]
pub struct Liveness {
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
type Predecessors = HashMap<u32, (u32, Transition)>;

/// The graph: each state once, and for each the states from which a faultless step leads there.
#[derive(Default)]
struct Graph {
    known: HashMap<u64, u32>,
    steps: Vec<(u32, u32)>,
    well: Vec<bool>,
    due: Vec<bool>,
}

/// Walks the whole graph of a configuration. A state has time enough if this many units are left of it.
pub fn check_liveness(config: &Config, units: u8) -> Liveness {
    let model = Model::new(config.clone());
    let most = config.mutant.map_or(MOST, |_| MOST_OF_A_MUTANT);
    let mut graph = Graph::default();
    let first = model.init_states();
    for system in &first {
        graph.meet(system, config, units);
    }
    let mut ahead = VecDeque::from(first.clone());
    let mut predecessors = HashMap::new();
    while let Some(system) = ahead.pop_front().filter(|_| graph.well.len() < most) {
        let from = graph.meet(&system, config, units).0;
        let mut transitions = Vec::new();
        model.actions(&system, &mut transitions);
        for transition in transitions {
            let Some(next) = model.next_state(&system, transition) else {
                continue;
            };
            let (to, new) = graph.meet(&next, config, units);
            if transition.is_faultless() {
                graph.steps.push((to, from));
            }
            if new {
                predecessors.insert(to, (from, transition));
                ahead.push_back(next);
            }
        }
    }
    let states = graph.well.len();
    let stuck = graph.stuck();
    let way = |&state| way(&model, &first, &predecessors, state);
    Liveness {
        states,
        stuck: stuck.len(),
        endless: states >= most,
        way: stuck.first().map_or(Vec::new(), way),
    }
}

impl Graph {
    /// The number of a state, and whether it is new.
    fn meet(&mut self, system: &System, config: &Config, units: u8) -> (u32, bool) {
        let mut hasher = DefaultHasher::new();
        system.hash(&mut hasher);
        let next = u32::try_from(self.well.len()).expect("fewer states than that fit in memory");
        let state = *self.known.entry(hasher.finish()).or_insert(next);
        if state == next {
            self.well.push(system.is_well());
            self.due.push(system.time + units <= config.until);
        }
        (state, state == next)
    }

    /// The states from which no state is reached in which all is well.
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
fn way(
    model: &Model,
    first: &[System],
    predecessors: &Predecessors,
    mut state: u32,
) -> Vec<String> {
    let mut transitions = Vec::new();
    while let Some(&(from, transition)) = predecessors.get(&state) {
        transitions.push(transition);
        state = from;
    }
    let mut way = Vec::new();
    // The chain of predecessors ends at an initial state.
    let mut system = first[state as usize].clone();
    for transition in transitions.into_iter().rev() {
        if let Some(next) = model.next_state(&system, transition) {
            way.push(next.describe(transition));
            system = next;
        }
    }
    way
}

impl Transition {
    /// Whether it is no fault, and nobody's impatience.
    fn is_faultless(self) -> bool {
        match self {
            Self::Tick | Self::Delivered(_) => true,
            Self::Does(_, trigger, _) => !matches!(
                trigger,
                Trigger::Silence | Trigger::CompleteUnmoved | Trigger::GiveUp
            ),
            Self::Deleted
            | Self::Late(_)
            | Self::LateMove(_)
            | Self::Dies(_)
            | Self::Dropped(_) => false,
        }
    }
}

impl System {
    /// Whether nobody is left who wants anything, but for those whom a dead fail-closed holder keeps
    /// waiting.
    fn is_well(&self) -> bool {
        let row = self.row();
        let owned = |it: &super::client::Client| it.wants() && it.entry() == row.holder();
        let orphaned = !self.clients.iter().any(|it| owned(it));
        let done = |stage: &Stage| matches!(stage, Stage::Idle | Stage::Over);
        row.is_pinned() && orphaned || self.clients.iter().all(|it| done(&it.stage))
    }
}
