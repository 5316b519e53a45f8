//! The layer: what is set once, for every invocation.

use std::sync::Arc;

use dynamodb_locks::{Error, Locks, Settings, Vars};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;
use tower::Layer;

use crate::key::Pointers;
use crate::rules::Rules;
use crate::service::Locked;
use crate::sigterm;

/// Holds a lock for the length of each invocation of the service it wraps. `K` is where it looks for
/// the key.
#[derive(Debug)]
pub struct LockLayer<K = Pointers> {
    rules: Arc<Rules>,
    keys: Arc<K>,
    heeds: Heeds,
}

/// Who does what SIGTERM asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Heeds {
    Layer,
    Caller,
}

impl LockLayer {
    /// Reads everything from the environment: `LOCKS_KEY`, and the settings of the locks. On a runtime
    /// of several threads it waits until the connection to DynamoDB is open, for a second at most.
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

    /// As [`from_env`](Self::from_env), and waits until the connection to DynamoDB is open on a
    /// runtime of one thread as well: no invocation pays for it then, not even the first one in an
    /// environment that was frozen right after its start.
    ///
    /// # Panics
    ///
    /// As [`from_env`](Self::from_env).
    pub async fn connect() -> Self {
        let layer = Self::from_env();
        let connected = layer.connected().await;
        connected.unwrap_or_else(|error| panic!("{error}"));
        layer
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
        let layer = Self {
            heeds: Heeds::Layer,
            ..Self::of(keys, locks, vars)?
        };
        for name in vars.unknown() {
            tracing::warn!(name, "unknown setting");
        }
        layer.warm()?;
        Ok(layer)
    }

    /// The same, with locks of the caller's.
    pub(crate) fn of(keys: K, locks: Locks, vars: &Vars) -> Result<Self, Error> {
        Ok(Self {
            rules: Arc::new(Rules::new(locks, vars)?),
            keys: Arc::new(keys),
            heeds: Heeds::Caller,
        })
    }

    /// The locks, for whatever else needs one.
    #[must_use]
    pub fn locks(&self) -> &Locks {
        &self.rules.locks
    }

    /// Waits until the connection to DynamoDB is open.
    ///
    /// # Errors
    ///
    /// When there is no AWS region, or there are no credentials.
    pub async fn connected(&self) -> Result<(), Error> {
        self.rules.locks.connect().await
    }

    /// Leaves SIGTERM to a hook of the caller's, which gives the locks back with
    /// [`Locks::release_all`]; what it does not give back the extension does. Default: the layer
    /// stops the handlers, gives their locks back and ends the process.
    #[must_use]
    pub fn without_sigterm(self) -> Self {
        let heeds = Heeds::Caller;
        Self { heeds, ..self }
    }

    /// Opens the connection in the time in which the function initialises anyway. Where other threads
    /// can do it this one waits for it; else the first acquisition does, if it comes so early.
    fn warm(&self) -> Result<(), Error> {
        let Ok(runtime) = Handle::try_current() else {
            return Ok(());
        };
        if runtime.runtime_flavor() == RuntimeFlavor::MultiThread {
            return block_in_place(|| runtime.block_on(self.connected()));
        }
        let rules = Arc::clone(&self.rules);
        runtime.spawn(async move {
            if let Err(error) = rules.locks.connect().await {
                tracing::error!(%error, "no invocation will get a lock");
            }
        });
        Ok(())
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
        if self.heeds == Heeds::Layer && self.rules.heeds_first() {
            sigterm::heed(&self.rules);
        }
        Locked::new(inner, Arc::clone(&self.rules), Arc::clone(&self.keys))
    }
}

impl<K> Clone for LockLayer<K> {
    fn clone(&self) -> Self {
        Self {
            rules: Arc::clone(&self.rules),
            keys: Arc::clone(&self.keys),
            heeds: self.heeds,
        }
    }
}
