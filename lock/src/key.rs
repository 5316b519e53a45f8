//! The name of a lock.
//!
//! A [`Key`] is checked once, where it is made; nothing behind it checks again.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// What names a lock: any text that is not empty and that DynamoDB takes as a partition key.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key {
    name: Arc<str>,
    redaction: Redaction,
}

/// What can name a lock: text, a whole number, or a [`Key`].
///
/// ```
/// # testkit::locks::example(async |locks| {
/// let (order, number) = (String::from("order/42"), 42);
/// locks.acquire(&order).await?.release().await?;
/// locks.acquire(number).await?.release().await?;
/// # Ok(()) });
/// ```
pub trait IntoKey {
    /// The name, as [`Key::as_str`] returns it.
    fn into_name(self) -> Arc<str>;
}

/// How a key appears in logs and errors.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Redaction {
    /// As it is.
    #[default]
    Plain,
    /// By its hash: it may name a person.
    Hashed,
}

/// How much of a hash is shown, in bytes: enough to distinguish keys.
const HASH_BYTES: usize = 16;

impl Key {
    /// DynamoDB's own bound on a partition key, in bytes.
    pub const MAX_BYTES: usize = 2048;

    /// Checks a name.
    ///
    /// # Errors
    ///
    /// When the name is empty, or longer than [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn new(name: impl IntoKey) -> Result<Self, InvalidKey> {
        let name = name.into_name();
        match name.len() {
            0 => Err(InvalidKey::Empty),
            bytes if bytes > Self::MAX_BYTES => Err(InvalidKey::TooLong { bytes }),
            _ => Ok(Self {
                name,
                redaction: Redaction::default(),
            }),
        }
    }

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The same key, to be shown thus.
    pub(crate) fn redacted(self, redaction: Redaction) -> Self {
        Self { redaction, ..self }
    }
}

/// As it is displayed: a key that logs are not to show is not shown here either.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

impl fmt::Display for Key {
    /// Control characters are escaped: a key comes from an event and must not forge a log line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.redaction {
            Redaction::Plain => fmt::Display::fmt(&self.name.escape_debug(), f),
            Redaction::Hashed => {
                let hash = Sha256::digest(self.name.as_bytes());
                f.write_str("sha256:")?;
                let mut digits = hash.iter().take(HASH_BYTES);
                digits.try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl IntoKey for Key {
    fn into_name(self) -> Arc<str> {
        self.name
    }
}

impl IntoKey for &Key {
    fn into_name(self) -> Arc<str> {
        Arc::clone(&self.name)
    }
}

/// Text that is ours to keep, or to copy.
macro_rules! named_by_text {
    ($($text:ty),+) => {$(
        impl IntoKey for $text {
            fn into_name(self) -> Arc<str> {
                self.into()
            }
        }
    )+};
}

named_by_text!(&str, String, Arc<str>, Box<str>, Cow<'_, str>);

impl IntoKey for &String {
    fn into_name(self) -> Arc<str> {
        self.as_str().into()
    }
}

impl IntoKey for &Arc<str> {
    fn into_name(self) -> Arc<str> {
        Arc::clone(self)
    }
}

/// A number, by its digits.
macro_rules! named_by_number {
    ($($number:ty),+) => {$(
        impl IntoKey for $number {
            fn into_name(self) -> Arc<str> {
                self.to_string().into()
            }
        }
    )+};
}

named_by_number!(i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);

/// Why a name cannot be a [`Key`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum InvalidKey {
    /// There is nothing in it.
    Empty,
    /// It is longer than [`Key::MAX_BYTES`].
    TooLong {
        /// How long it is.
        bytes: usize,
    },
}

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the key is empty; a lock needs a name"),
            Self::TooLong { bytes } => write!(
                f,
                "the key has {bytes} bytes; DynamoDB takes at most {} in a partition key",
                Key::MAX_BYTES
            ),
        }
    }
}

impl std::error::Error for InvalidKey {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_numbers_and_keys_name_locks() {
        let name = |key: Result<Key, InvalidKey>| key.unwrap().as_str().to_owned();
        let (text, key) = (String::from("42"), Key::new("42").unwrap());
        let shared: Arc<str> = "42".into();
        for named in [
            Key::new(42),
            Key::new(42_u64),
            Key::new(&text),
            Key::new(text.clone()),
            Key::new(Cow::from("42")),
            Key::new(&shared),
            Key::new(&key),
            Key::new(key.clone()),
        ] {
            assert_eq!(name(named), "42");
        }
        assert_eq!(name(Key::new(-7)), "-7");
    }

    #[test]
    fn an_empty_key_is_refused() {
        assert_eq!(Key::new(""), Err(InvalidKey::Empty));
    }

    #[test]
    fn a_key_longer_than_a_partition_key_is_refused_with_both_lengths() {
        let error = Key::new("x".repeat(2049)).unwrap_err().to_string();
        assert_eq!(
            error,
            "the key has 2049 bytes; DynamoDB takes at most 2048 in a partition key"
        );
        assert!(Key::new("x".repeat(2048)).is_ok());
    }

    #[test]
    fn a_key_can_be_shown_by_its_hash() {
        let key = Key::new("order/42").unwrap().redacted(Redaction::Hashed);
        // printf order/42 | sha256sum
        assert_eq!(key.to_string(), "sha256:12e4be1bb177a39c558de9551603d814");
        assert_eq!(format!("{key:?}"), format!("Key({key})"));
        assert_eq!(key.as_str(), "order/42");
    }

    #[test]
    fn a_key_cannot_forge_a_log_line() {
        let key = Key::new("a\nb").unwrap();
        assert_eq!(key.to_string(), "a\\nb");
        assert_eq!(key.as_str(), "a\nb");
    }
}
