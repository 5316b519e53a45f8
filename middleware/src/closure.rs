//! Keys by closure, for events whose type is known.

use std::fmt::{self, Display};
use std::time::SystemTime;

use dynamodb_locks::{Error, Locks, Vars};
#[cfg(feature = "http")]
use http::Request;
use lambda_runtime::LambdaEvent;

use crate::key::NoKey;
use crate::layer::LockLayer;
use crate::name::{Part, name};
#[cfg(feature = "http")]
use crate::request;
use crate::request::LockRequest;
use crate::source::Source;

/// Keys by closure, which [`LockLayer::key`] is given.
pub struct ByClosure<F>(F);

impl LockLayer {
    /// Takes keys by closure instead of by JSON pointer; everything else is read from the
    /// environment.
    ///
    /// ```
    /// # use lambda_locks::{ByClosure, LockLayer, Vars};
    /// # use dynamodb_locks::Locks;
    /// struct Order {
    ///     tenant: String,
    ///     number: u64,
    /// }
    /// # fn layer(vars: &Vars) -> Result<(), lambda_locks::Error> {
    /// # let layer =
    /// LockLayer::key(|order: &Order| Some(format!("{}/{}", order.tenant, order.number)))
    /// # ; let _: LockLayer<ByClosure<_>> = layer; Ok(()) }
    /// ```
    ///
    /// The closure is called once for each invocation, with the payload of an event or with a
    /// request of `lambda_http`. `None` is a key that is missing, which `LOCKS_ON_MISSING` rules
    /// over. Joining several values so that no two lists of them give the same key is the
    /// closure's own task.
    ///
    /// # Panics
    ///
    /// As [`from_env`](Self::from_env). [`key_from_vars`](Self::key_from_vars) returns what is
    /// wrong.
    #[must_use]
    pub fn key<T, N, F>(key: F) -> LockLayer<ByClosure<F>>
    where
        F: Fn(&T) -> Option<N>,
        N: Display,
    {
        Self::key_from_vars(key, &Vars::from_env()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`key`](Self::key), from variables that were read elsewhere.
    ///
    /// # Errors
    ///
    /// As [`try_from_env`](Self::try_from_env), but that `LOCKS_KEY` is not asked for.
    pub fn key_from_vars<T, N, F>(key: F, vars: &Vars) -> Result<LockLayer<ByClosure<F>>, Error>
    where
        F: Fn(&T) -> Option<N>,
        N: Display,
    {
        LockLayer::from_keys(ByClosure(key), vars)
    }

    /// As [`key`](Self::key), with locks of the caller's; the variables say the rest.
    ///
    /// # Errors
    ///
    /// When `LOCKS_ON_MISSING` or `LOCKS_RESERVE_MS` is not right.
    pub fn key_over<T, N, F>(
        key: F,
        locks: Locks,
        vars: &Vars,
    ) -> Result<LockLayer<ByClosure<F>>, Error>
    where
        F: Fn(&T) -> Option<N>,
        N: Display,
    {
        LockLayer::of(ByClosure(key), locks, vars)
    }
}

impl<T, N, F> LockRequest<ByClosure<F>> for LambdaEvent<T>
where
    F: Fn(&T) -> Option<N>,
    N: Display,
{
    fn key(&self, keys: &ByClosure<F>) -> Result<String, NoKey> {
        named((keys.0)(&self.payload))
    }

    fn deadline(&self) -> Option<SystemTime> {
        Some(self.context.deadline())
    }

    fn source(&self) -> Source {
        // The payload may be anything, and cannot be looked into.
        Source::Errors
    }
}

#[cfg(feature = "http")]
impl<B, N, F> LockRequest<ByClosure<F>> for Request<B>
where
    F: Fn(&Request<B>) -> Option<N>,
    N: Display,
{
    fn key(&self, keys: &ByClosure<F>) -> Result<String, NoKey> {
        named((keys.0)(self))
    }

    fn deadline(&self) -> Option<SystemTime> {
        request::deadline(self)
    }

    fn source(&self) -> Source {
        Source::Http
    }
}

fn named(key: Option<impl Display>) -> Result<String, NoKey> {
    match key.map(|key| key.to_string()) {
        None => Err(NoKey::missing("the closure gives no key for this event")),
        Some(key) if key.is_empty() => Err(NoKey::missing(
            "the closure gives an empty key for this event; a lock needs a name",
        )),
        Some(key) => Ok(name(&[Part::Text(key)])),
    }
}

impl<F> fmt::Debug for ByClosure<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByClosure")
    }
}
