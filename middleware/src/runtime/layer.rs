//! The layer: what is set once, for every invocation.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use dynamodb_locks::{Error, Locks};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;
use tower::Layer;

use super::closure::{ByEvent, ByField, ByPayload};
use super::service::Locked;
use super::sigterm;
use super::start;
use crate::config::{ByRule, Client, Config, SigtermMode};
use crate::dedup::Dedup;
use crate::event::key::KeyRule;
use crate::policy::shared::Shared;

/// Holds a lock for the length of each invocation of the service it wraps.
///
/// `T` is the payload of the events that the inner service takes, which the compiler infers; `K` is what finds the
/// key. The layer's own service takes events as JSON text: `LambdaEvent<Box<RawValue>>`.
pub struct LockLayer<T, K = KeyRule> {
    shared: Arc<Shared>,
    keys: Arc<K>,
    sigterm: SigtermMode,
    payload: PhantomData<fn(T)>,
}

impl LockLayer<()> {
    /// A configuration in code, with defaults for everything but the key; see [`Config`].
    ///
    /// ```
    /// # use lambda_locks::{Error, LockLayer, OnBusy};
    /// # use lambda_runtime::{LambdaEvent, service_fn};
    /// # use serde_json::Value;
    /// # use tower::ServiceBuilder;
    /// # async fn handler(event: LambdaEvent<Value>) -> Result<Value, lambda_runtime::Error> {
    /// #     Ok(event.payload)
    /// # }
    /// # fn build() -> Result<(), Error> {
    /// let layer = LockLayer::builder()
    ///     .env()
    ///     .key("/orderId")
    ///     .on_busy(OnBusy::Fail)
    ///     .build()?;
    /// let locked = ServiceBuilder::new().layer(layer).service(service_fn(handler));
    /// # drop(lambda_runtime::run(locked));
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder() -> Config {
        Config::new()
    }
}

impl<T> LockLayer<T> {
    /// Reads everything from the environment: `LOCKS_KEY`, and the settings of the locks. On a runtime
    /// of several threads it waits until the table was read, for a second at most; see
    /// [`connected`](Self::connected).
    ///
    /// # Panics
    ///
    /// If a setting is invalid: the message names the variable, its value and what was expected. If the
    /// table cannot be used. A function that cannot lock must not start. Lambda is told before, so that a caller gets
    /// the error with its name. [`try_from_env`](Self::try_from_env) returns it instead.
    #[must_use]
    pub fn from_env() -> Self {
        Self::try_from_env().unwrap_or_else(|error| start::fail(error))
    }

    /// As [`from_env`](Self::from_env), but returns the error.
    ///
    /// # Errors
    ///
    /// If a variable is missing or invalid, or if the table or the journal's folder cannot be used.
    pub fn try_from_env() -> Result<Self, Error> {
        Config::from_env()?.build()
    }
}

impl Config<ByRule> {
    /// Checks the configuration, and makes the layer.
    ///
    /// # Errors
    ///
    /// When a setting is wrong, there is no key, or the journal's folder cannot be used.
    pub fn build<T>(mut self) -> Result<LockLayer<T>, Error> {
        self.checked()?;
        let rule = self.ruled()?;
        LockLayer::new(self.finds(rule))
    }
}

macro_rules! build {
    ($($closure:ident,)*) => {
        $(impl<F> Config<$closure<F>> {
            /// Checks the configuration, and makes the layer.
            ///
            /// # Errors
            ///
            /// When a setting is wrong, or the journal's folder cannot be used.
            pub fn build<T>(mut self) -> Result<LockLayer<T, $closure<F>>, Error> {
                self.checked()?;
                self.only_whole_events()?;
                if self.rule.take().is_some() {
                    tracing::warn!("LOCKS_KEY is not used: the key comes from the closure");
                }
                LockLayer::new(self)
            }
        })*
    };
}

build! { ByPayload, ByField, ByEvent, }

impl<T, K> LockLayer<T, K> {
    fn new(config: Config<K>) -> Result<Self, Error> {
        let sigterm = config.sigterm;
        let own_client = matches!(config.client, Client::Own(_));
        config.dedup.iter().try_for_each(Dedup::without_names)?;
        let (shared, keys) = Shared::new(config)?;
        let layer = Self {
            shared,
            keys: Arc::new(keys),
            sigterm,
            payload: PhantomData,
        };
        if !own_client {
            layer.prewarm()?;
        }
        Ok(layer)
    }

    /// The locks, for everything else that needs one.
    #[must_use]
    pub fn locks(&self) -> &Locks {
        &self.shared.locks
    }

    /// Waits until the table was read, once: on a runtime of one thread no invocation waits for the connection then,
    /// not even the first one in an environment that was frozen right after its start. Under SnapStart it does
    /// nothing.
    ///
    /// # Errors
    ///
    /// What no later request can repair: there is no AWS region, there are no credentials, the table does not exist,
    /// has other keys, or may not be read. A table that does not answer now is no error.
    pub async fn connected(&self) -> Result<(), Error> {
        self.shared.checked().await
    }

    /// Reads the table in the time in which the function initialises anyway. Where other threads can do it
    /// this one waits for it; else the first acquisition does, if it comes so early.
    fn prewarm(&self) -> Result<(), Error> {
        let Ok(runtime) = Handle::try_current() else {
            return Ok(());
        };
        if runtime.runtime_flavor() == RuntimeFlavor::MultiThread {
            return block_in_place(|| runtime.block_on(self.connected()));
        }
        let shared = Arc::clone(&self.shared);
        runtime.spawn(async move {
            // A failure is logged, and each invocation fails with it.
            drop(shared.checked().await);
        });
        Ok(())
    }
}

impl<S, T, K> Layer<S> for LockLayer<T, K> {
    type Service = Locked<S, T, K>;

    fn layer(&self, inner: S) -> Locked<S, T, K> {
        if self.sigterm == SigtermMode::Layer && self.shared.claims_sigterm() {
            sigterm::install(&self.shared);
        }
        Locked::new(inner, Arc::clone(&self.shared), Arc::clone(&self.keys))
    }
}

impl<T, K> Clone for LockLayer<T, K> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            keys: Arc::clone(&self.keys),
            sigterm: self.sigterm,
            payload: PhantomData,
        }
    }
}

impl<T, K: fmt::Debug> fmt::Debug for LockLayer<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockLayer")
            .field("keys", &self.keys)
            .field("locks", &self.shared.locks)
            .finish_non_exhaustive()
    }
}
