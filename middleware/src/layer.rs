//! The layer: what is set once, for every invocation.

use std::sync::Arc;

use dynamodb_locks::{Error, Locks, Settings, Vars};
use tower::Layer;

use crate::deadline::Reserve;
use crate::key::{OnMissing, Pointers};
use crate::service::{Locked, Rules};

/// Holds a lock for the length of each invocation of the service it wraps. `K` is where it looks for
/// the key.
#[derive(Debug)]
pub struct LockLayer<K = Pointers> {
    rules: Arc<Rules>,
    keys: Arc<K>,
}

impl LockLayer {
    /// Reads everything from the environment: `LOCKS_KEY`, and the settings of the locks.
    ///
    /// # Panics
    ///
    /// When a setting is wrong, with a message that names the variable, its value and what would be
    /// right. A function that cannot lock must not start. [`try_from_env`](Self::try_from_env)
    /// returns it.
    #[must_use]
    pub fn from_env() -> Self {
        Self::try_from_env().unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`from_env`](Self::from_env), and returns what is wrong.
    ///
    /// # Errors
    ///
    /// When a variable is missing or has a value that is not right for it, or when the journal's
    /// folder cannot be used.
    pub fn try_from_env() -> Result<Self, Error> {
        Self::from_vars(&Vars::from_env())
    }

    /// As [`try_from_env`](Self::try_from_env), from variables that were read elsewhere.
    ///
    /// # Errors
    ///
    /// As [`try_from_env`](Self::try_from_env).
    pub fn from_vars(vars: &Vars) -> Result<Self, Error> {
        Self::from_keys(pointers(vars)?, vars)
    }

    /// Uses locks of the caller's; the variables say the rest.
    ///
    /// # Errors
    ///
    /// When `LOCKS_KEY`, `LOCKS_ON_MISSING` or `LOCKS_RESERVE_MS` is not right.
    pub fn over(locks: Locks, vars: &Vars) -> Result<Self, Error> {
        Self::of(pointers(vars)?, locks, vars)
    }
}

impl<K> LockLayer<K> {
    /// Looks for keys there; the variables say the rest.
    pub(crate) fn from_keys(keys: K, vars: &Vars) -> Result<Self, Error> {
        let locks = Locks::new(Settings::from_vars(vars)?)?;
        let layer = Self::of(keys, locks, vars)?;
        layer.warm();
        Ok(layer)
    }

    /// The same, with locks of the caller's.
    pub(crate) fn of(keys: K, locks: Locks, vars: &Vars) -> Result<Self, Error> {
        let reserve = Reserve::new(vars.millis("LOCKS_RESERVE_MS", 0..=15 * 60 * 1000)?);
        let on_missing = OnMissing::from_vars(vars)?;
        Ok(Self {
            rules: Arc::new(Rules {
                locks,
                on_missing,
                reserve,
            }),
            keys: Arc::new(keys),
        })
    }

    /// Uses the time in which the function initialises anyway; the first acquisition joins in.
    fn warm(&self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let rules = Arc::clone(&self.rules);
            runtime.spawn(async move { rules.locks.connect().await });
        }
    }
}

const KEY: &str = "LOCKS_KEY";

fn pointers(vars: &Vars) -> Result<Pointers, Error> {
    let right = |why: &str| {
        vars.wrong(
            KEY,
            &format!("one JSON pointer into the event, or several with commas{why}"),
        )
    };
    let key = vars
        .text(KEY)?
        .ok_or_else(|| right(", for instance `/orderId`"))?;
    Pointers::parse(key).map_err(|error| right(&format!(" ({error})")))
}

impl<S, K> Layer<S> for LockLayer<K> {
    type Service = Locked<S, K>;

    fn layer(&self, inner: S) -> Locked<S, K> {
        Locked::new(inner, Arc::clone(&self.rules), Arc::clone(&self.keys))
    }
}

impl<K> Clone for LockLayer<K> {
    fn clone(&self) -> Self {
        Self {
            rules: Arc::clone(&self.rules),
            keys: Arc::clone(&self.keys),
        }
    }
}
