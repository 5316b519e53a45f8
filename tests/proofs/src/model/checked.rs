//! Exploring a scope, and what came of it.

use std::fmt;
use std::time::Duration;

use stateright::{Checker, HasDiscoveries, Model as _, Path};

use super::explore::Model;
use super::happening::Happening;
use super::scope::Scope;
use super::world::World;
use testkit::Clock;

/// As many explore as the machine on which the figures were taken has processors.
const THREADS: usize = 2;

/// So many steps are enough to catch a mutant, or to give it up.
const MOST: usize = 3_000_000;

/// What the exploration of a scope has found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Which scope.
    pub name: &'static str,
    /// How many different states there are.
    pub states: usize,
    /// How many steps lie between the first state and the last.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// What was to be reached, and was.
    pub reached: Vec<&'static str>,
    /// The laws that are broken and the things that are never reached, each with the way to it.
    pub wrong: Vec<Wrong>,
}

/// A law that is broken, or something that is never reached.
#[derive(Clone, Debug)]
pub struct Wrong {
    /// Which.
    pub what: &'static str,
    /// The way to it, step by step; none where there is no way.
    pub way: Vec<String>,
}

impl Checked {
    /// What stands above the lines that these are printed as.
    pub const HEAD: &str =
        "scope                                               states  depth  seconds  reached";
}

/// Visits every state of a scope, or as many as it takes to see a law broken.
pub fn check(scope: &Scope) -> Checked {
    let clock = Clock::system();
    let began = clock.now();
    let checker = Model::new(scope.clone()).checker().threads(THREADS);
    let checker = match scope.mutant {
        // Nothing says that there is an end to what a mutant can get into.
        Some(_) => checker.target_state_count(MOST),
        None => checker,
    };
    let checker = checker
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let took = clock.now().duration_since(began).unwrap_or_default();
    let found = checker.discoveries();
    let properties = checker.model().properties();
    let (mut reached, mut wrong) = (Vec::new(), Vec::new());
    for property in properties {
        let way = found.get(property.name).cloned();
        let what = property.name;
        match (property.expectation.discovery_is_failure(), way) {
            (true, Some(way)) => wrong.push(Wrong {
                what,
                way: tell(way),
            }),
            (false, None) => wrong.push(Wrong {
                what,
                way: Vec::new(),
            }),
            (false, Some(_)) => reached.push(what),
            (true, None) => {}
        }
    }
    Checked {
        name: scope.name,
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        took,
        reached,
        wrong,
    }
}

fn tell(way: Path<World, Happening>) -> Vec<String> {
    let steps = way.into_vec();
    let told = steps.windows(2).map(|pair| match pair {
        [(_, Some(happening)), (world, _)] => world.tell(*happening),
        _ => String::new(),
    });
    told.collect()
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            states,
            depth,
            took,
            ..
        } = self;
        let (took, reached) = (took.as_secs_f64(), self.reached.join(", "));
        write!(
            f,
            "{name:<46} {states:>11} {depth:>6} {took:>8.1}  {reached}"
        )?;
        for Wrong { what, way } in &self.wrong {
            write!(f, "\n  {what}:")?;
            if way.is_empty() {
                write!(f, " never")?;
            }
            for step in way {
                write!(f, "\n    {step}")?;
            }
        }
        Ok(())
    }
}
