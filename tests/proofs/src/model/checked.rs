//! Exploring a configuration, and the result.

use std::fmt;
use std::time::Duration;

use stateright::{Checker, HasDiscoveries, Model as _, Path};

use super::config::Config;
use super::explore::Model;
use super::system::System;
use super::transition::Transition;
use testkit::Clock;

/// As many explore as the machine on which the figures were taken has processors.
const THREADS: usize = 2;

/// So many steps are enough to catch a mutant, or to give it up.
const MOST: usize = 3_000_000;

/// What the exploration of a config has found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Which configuration.
    pub name: &'static str,
    /// How many different states there are.
    pub states: usize,
    /// How many steps lie between the first state and the last.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// The coverage that was required, and reached.
    pub coverage: Vec<&'static str>,
    /// The invariants that are broken and the coverage that is missing, each with the path to it.
    pub wrong: Vec<Wrong>,
}

/// A broken invariant, or coverage that is never reached.
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
        "config                                               states  depth  seconds  coverage";
}

/// Visits every state of a configuration, or as many as it takes to break an invariant.
pub fn check(config: &Config) -> Checked {
    let clock = Clock::system();
    let began = clock.now();
    let checker = Model::new(config.clone()).checker().threads(THREADS);
    let checker = match config.mutant {
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
    let (mut coverage, mut wrong) = (Vec::new(), Vec::new());
    for property in properties {
        let way = found.get(property.name).cloned();
        let what = property.name;
        match (property.expectation.discovery_is_failure(), way) {
            (true, Some(way)) => wrong.push(Wrong {
                what,
                way: describe(way),
            }),
            (false, None) => wrong.push(Wrong {
                what,
                way: Vec::new(),
            }),
            (false, Some(_)) => coverage.push(what),
            (true, None) => {}
        }
    }
    Checked {
        name: config.name,
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        took,
        coverage,
        wrong,
    }
}

fn describe(way: Path<System, Transition>) -> Vec<String> {
    let steps = way.into_vec();
    let path = steps.windows(2).map(|pair| match pair {
        [(_, Some(transition)), (system, _)] => system.describe(*transition),
        _ => String::new(),
    });
    path.collect()
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
        let (took, coverage) = (took.as_secs_f64(), self.coverage.join(", "));
        write!(
            f,
            "{name:<46} {states:>11} {depth:>6} {took:>8.1}  {coverage}"
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
