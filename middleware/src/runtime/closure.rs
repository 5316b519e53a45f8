//! Keys by closure, for events whose type is known.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use lambda_runtime::LambdaEvent;

use crate::config::Config;
use crate::event::key::KeyError;
use crate::event::name::{Part, name};

/// The key is computed from the payload; see [`Config::key_fn`].
pub struct ByPayload<F>(pub(super) F);

/// The key is a field of the payload; see [`Config::key_field`].
pub struct ByField<F>(pub(super) F);

/// The key is computed from the whole event; see [`Config::key_event`].
pub struct ByEvent<F>(pub(super) F);

/// A value that names a lock: text, a number, a boolean, or an `Option` of them. `None` and an empty text are
/// a key that is missing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key",
    label = "a key is text, a number, a boolean, or an `Option` of them",
    note = "for any other type that can be displayed: `value.to_string()`"
)]
pub trait KeyValue {
    /// The value as text, if there is one.
    fn text(&self) -> Option<String>;
}

/// A closure that finds the key in a payload, or in a request of `lambda_http`.
pub trait KeyFn<T> {
    #[doc(hidden)]
    fn text(&self, payload: &T) -> Option<String>;
}

impl<K> Config<K> {
    /// Takes the key from a field of the payload, which may be an `Option`.
    ///
    /// ```
    /// # use lambda_locks::{Config, LockLayer};
    /// struct Order {
    ///     id: String,
    /// }
    /// let config = LockLayer::builder().key_field(|order: &Order| &order.id);
    /// # let _ = config;
    /// ```
    pub fn key_field<T, U, F>(self, key: F) -> Config<ByField<F>>
    where
        F: Fn(&T) -> &U,
        U: KeyValue + ?Sized,
    {
        self.finds(ByField(key))
    }

    /// Computes the key from the payload. Joining several values so that no two lists of them give the
    /// same key is the closure's own task.
    ///
    /// ```
    /// # use lambda_locks::{Config, LockLayer};
    /// struct Order {
    ///     tenant: String,
    ///     number: u64,
    /// }
    /// let number = LockLayer::builder().key_fn(|order: &Order| order.number);
    /// let both = LockLayer::builder()
    ///     .key_fn(|order: &Order| format!("{}/{}", order.tenant, order.number));
    /// # let _ = (number, both);
    /// ```
    pub fn key_fn<T, V, F>(self, key: F) -> Config<ByPayload<F>>
    where
        F: Fn(&T) -> V,
        V: KeyValue,
    {
        self.finds(ByPayload(key))
    }

    /// Computes the key from the payload and the context of the invocation.
    ///
    /// ```
    /// # use lambda_locks::{Config, LockLayer};
    /// # use lambda_runtime::LambdaEvent;
    /// # struct Order { id: u64 }
    /// let config = LockLayer::builder().key_event(|event: &LambdaEvent<Order>| {
    ///     let tenant = event.context.tenant_id.as_deref()?;
    ///     Some(format!("{tenant}/{}", event.payload.id))
    /// });
    /// # let _ = config;
    /// ```
    pub fn key_event<T, V, F>(self, key: F) -> Config<ByEvent<F>>
    where
        F: Fn(&LambdaEvent<T>) -> V,
        V: KeyValue,
    {
        self.finds(ByEvent(key))
    }
}

impl<T, V, F> KeyFn<T> for ByPayload<F>
where
    F: Fn(&T) -> V,
    V: KeyValue,
{
    fn text(&self, payload: &T) -> Option<String> {
        (self.0)(payload).text()
    }
}

impl<T, U, F> KeyFn<T> for ByField<F>
where
    F: Fn(&T) -> &U,
    U: KeyValue + ?Sized,
{
    fn text(&self, payload: &T) -> Option<String> {
        (self.0)(payload).text()
    }
}

impl<T, V, F> KeyFn<LambdaEvent<T>> for ByEvent<F>
where
    F: Fn(&LambdaEvent<T>) -> V,
    V: KeyValue,
{
    fn text(&self, event: &LambdaEvent<T>) -> Option<String> {
        (self.0)(event).text()
    }
}

/// The name of the lock for what a closure gives.
pub(super) fn named(key: Option<String>) -> Result<String, KeyError> {
    match key {
        None => Err(KeyError::missing("the closure gives no key for this event")),
        Some(key) if key.is_empty() => Err(KeyError::missing(
            "the closure gives an empty key for this event; a lock needs a name",
        )),
        Some(key) => Ok(name(&[Part::Text(key)])),
    }
}

macro_rules! values {
    ($($value:ty,)*) => {
        $(impl KeyValue for $value {
            fn text(&self) -> Option<String> {
                Some(self.to_string())
            }
        })*
    };
}

values! {
    str, String, Box<str>, Arc<str>, Cow<'_, str>,
    bool, char,
    i8, i16, i32, i64, i128, isize,
    u8, u16, u32, u64, u128, usize,
}

impl<V: KeyValue> KeyValue for Option<V> {
    fn text(&self) -> Option<String> {
        self.as_ref()?.text()
    }
}

impl<V: KeyValue + ?Sized> KeyValue for &V {
    fn text(&self) -> Option<String> {
        (**self).text()
    }
}

macro_rules! debug {
    ($($closure:ident,)*) => {
        $(impl<F> fmt::Debug for $closure<F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($closure))
            }
        })*
    };
}

debug! { ByPayload, ByField, ByEvent, }
