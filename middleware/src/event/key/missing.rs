//! What becomes of an event, with a key or without one.

use dynamodb_locks::{Error, Operation, Vars};

use super::{BadKey, KeyError, Kind};

/// What happens to an event without a key.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum OnMissing {
    /// It is refused.
    #[default]
    Error,
    /// The handler runs without a lock.
    Run,
    /// The handler does not run.
    Skip,
}

/// The decision about an event.
#[derive(Debug)]
pub(crate) enum Decision {
    /// Acquire this lock first.
    Lock(String, Option<Operation>),
    /// Run without a lock.
    Run(BadKey),
    /// Do not run.
    Skip(BadKey),
    /// Refuse it.
    Bad(BadKey),
    /// Refuse it, because its handler is run again and again, in many invocations.
    Durable,
}

const ON_MISSING: &str = "LOCKS_ON_MISSING";

impl OnMissing {
    pub(crate) fn from_vars(vars: &Vars) -> Result<Option<Self>, Error> {
        let words = [
            ("error", Self::Error),
            ("run", Self::Run),
            ("skip", Self::Skip),
        ];
        vars.choice(ON_MISSING, &words)
    }

    /// The decision about an event with this key, or without one.
    pub(crate) fn decide(self, key: Result<String, KeyError>) -> Decision {
        let KeyError { kind, why } = match key {
            Ok(key) => return Decision::Lock(key, None),
            Err(none) => none,
        };
        match (kind, self) {
            (Kind::Missing, Self::Run) => Decision::Run(why),
            (Kind::Missing, Self::Skip) => Decision::Skip(why),
            (Kind::Missing, Self::Error) | (Kind::Bad, _) => Decision::Bad(why),
        }
    }

    /// The same where events are deduplicated. One without an idempotency key that is to run does so under its lock; one
    /// without the key of a lock, under `own_key`.
    pub(crate) fn decide_once(
        self,
        key: Result<String, KeyError>,
        operation: Result<Operation, KeyError>,
        own_key: Option<String>,
    ) -> Decision {
        match (self.decide(key), operation) {
            (Decision::Run(why), Ok(operation)) => match own_key {
                Some(key) => Decision::Lock(key, Some(operation)),
                None => Decision::Run(why),
            },
            (Decision::Lock(key, _), Ok(operation)) => Decision::Lock(key, Some(operation)),
            (Decision::Lock(key, _), Err(none)) => match self.decide(Err(none)) {
                Decision::Run(why) => {
                    tracing::info!(%why, "the event is not deduplicated");
                    Decision::Lock(key, None)
                }
                decision => decision,
            },
            (decision, _) => decision,
        }
    }
}
