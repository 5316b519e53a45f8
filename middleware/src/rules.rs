//! How invocations are locked: what the settings say, and what all of them share.

use std::sync::atomic::{AtomicBool, Ordering};

use dynamodb_locks::{Error, Locks, Vars};

use crate::deadline::Reserve;
use crate::key::OnMissing;
use crate::lane::Lanes;
use crate::metrics::Metrics;
use crate::source::Told;

/// The rules of one layer.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) locks: Locks,
    pub(crate) on_missing: OnMissing,
    pub(crate) on_busy: OnBusy,
    pub(crate) told: Told,
    pub(crate) reserve: Reserve,
    pub(crate) metrics: Metrics,
    pub(crate) lanes: Lanes,
    heeded: AtomicBool,
    ending: AtomicBool,
}

/// What becomes of an event while somebody else has its lock.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum OnBusy {
    /// It waits for its turn.
    #[default]
    Wait,
    /// It is refused at once.
    Fail,
    /// The handler does not run, and nobody is told.
    Skip,
}

impl Rules {
    pub(crate) fn new(locks: Locks, vars: &Vars) -> Result<Self, Error> {
        Ok(Self {
            locks,
            on_missing: OnMissing::from_vars(vars)?,
            on_busy: OnBusy::from_vars(vars)?,
            told: Told::from_vars(vars)?,
            reserve: Reserve::from_vars(vars)?,
            metrics: Metrics::from_vars(vars)?,
            lanes: Lanes::default(),
            heeded: AtomicBool::new(false),
            ending: AtomicBool::new(false),
        })
    }

    /// Whether nobody has waited for SIGTERM yet.
    pub(crate) fn heeds_first(&self) -> bool {
        !self.heeded.swap(true, Ordering::Relaxed)
    }

    /// The environment is shut down: from now on handlers end because of that.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }
}

impl OnBusy {
    fn from_vars(vars: &Vars) -> Result<Self, Error> {
        let words = [
            ("wait", Self::Wait),
            ("fail", Self::Fail),
            ("skip", Self::Skip),
        ];
        Ok(vars.choice("LOCKS_ON_BUSY", &words)?.unwrap_or_default())
    }
}
