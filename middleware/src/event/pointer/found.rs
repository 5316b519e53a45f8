//! What a pointer leads to.

use std::fmt;

/// What lies at the end of a pointer, and what was passed on the way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Found<'p> {
    /// The value, or why there is none.
    pub(crate) value: Value<'p>,
    /// The length of the outermost array of several elements out of which the pointer picks one.
    pub(crate) batch: Option<usize>,
}

/// A value as JSON knows it.
///
/// Displayed, it ends the sentence '`/orderId` is ...'.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Value<'p> {
    /// The path ends at `at`, which is empty for the event itself; `there` is what lies there.
    Missing { at: &'p str, there: &'static str },
    /// The path leads on into the string at `at`, which does not hold JSON. An empty `at` is the event.
    NotJson { at: &'p str, why: String },
    /// There is a value, but it cannot be read as one key.
    Unreadable(String),
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, by its digits.
    Number(String),
    /// A string.
    Text(String),
    /// An array that was not read.
    Array,
    /// An object that was not read.
    Object,
    /// An array or an object, in its canonical form.
    Whole(String),
}

impl Value<'_> {
    /// Whether there is no value at all.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(
            self,
            Self::Missing { .. } | Self::NotJson { .. } | Self::Null
        )
    }

    /// The kind of the value, with its article.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Missing { .. } | Self::NotJson { .. } => "missing",
            Self::Unreadable(_) => "unreadable",
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Whole(text) if text.starts_with('[') => "an array",
            Self::Array => "an array",
            Self::Object | Self::Whole(_) => "an object",
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |at: &str| match at {
            "" => "the event".to_owned(),
            at => format!("`{at}`"),
        };
        f.write_str(self.kind())?;
        match self {
            Self::Missing { at, there } => write!(f, " from {}, which is {there}", part(at)),
            Self::NotJson { at, why } => write!(f, " from {}, which is not JSON: {why}", part(at)),
            Self::Unreadable(why) => write!(f, ": {why}"),
            _ => Ok(()),
        }
    }
}

impl<'p> From<Value<'p>> for Found<'p> {
    fn from(value: Value<'p>) -> Self {
        Self { value, batch: None }
    }
}
