//! A plan that is written step by step.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::step::Step;
use crate::dynamo::{Fate, Gate, Plan, Request};

/// Whose request, which step, and the how-manieth of these.
type Occasion = (String, Step, usize);

/// The fates of single requests; all others are delivered. Clones are the same script.
#[derive(Clone, Default)]
pub(super) struct Script(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    fates: HashMap<Occasion, Fate>,
    sent: HashMap<(String, Step), usize>,
    passed: HashMap<(String, Step), Gate>,
}

impl Script {
    pub(super) fn add(&self, occasion: Occasion, fate: Fate) {
        self.lock().fates.insert(occasion, fate);
    }

    /// What the delivered requests of one kind pass on their way back.
    pub(super) fn passed(&self, from: &str, step: Step) -> Gate {
        let mut inner = self.lock();
        let gate = inner.passed.entry((from.to_owned(), step));
        let gate = gate.or_insert_with(Gate::closed).clone();
        gate.open();
        gate
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan for Script {
    fn fate(&self, request: &Request) -> Fate {
        let (from, step) = (request.from.to_string(), Step::of(request));
        let gate = self.passed(&from, step);
        let mut inner = self.lock();
        let sent = inner.sent.entry((from.clone(), step)).or_default();
        *sent += 1;
        let occasion = (from, step, *sent);
        let fate = inner.fates.remove(&occasion);
        fate.unwrap_or_else(|| Fate::delivered().after(&gate))
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").finish_non_exhaustive()
    }
}
