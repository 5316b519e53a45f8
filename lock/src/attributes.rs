//! The caller's additional attributes of an entry, for people and their tools.
//!
//! They enter with the entry and leave with it, in the same writes; nothing in the protocol reads
//! them.

use std::collections::BTreeMap;

/// One additional attribute.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Attribute {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
}

/// The additional attributes of one entry, by name.
pub(crate) type Attributes = BTreeMap<String, Attribute>;

/// Size limit for one entry's attributes. DynamoDB charges a write by the size of the whole row, so
/// all clients of the queue pay for them.
pub(crate) const MOST_BYTES: usize = 1024;

/// This many entries with attributes are a third of the 400 KB that DynamoDB allows a row.
pub(crate) const MOST_ENTRIES: u16 = 100;

/// The size of a number, by DynamoDB's count.
const NUMBER_BYTES: usize = 21;

/// Describes what is wrong with the attributes, if anything is.
pub(crate) fn wrong(attributes: &Attributes, cap: u16) -> Option<String> {
    let bytes: usize = attributes.iter().map(bytes).sum();
    if attributes.contains_key("") {
        return Some("invalid attribute name ``: expected some text".to_owned());
    }
    if bytes > MOST_BYTES {
        return Some(format!(
            "the additional attributes have {bytes} bytes: expected at most {MOST_BYTES}, names included"
        ));
    }
    (!attributes.is_empty() && cap > MOST_ENTRIES).then(|| {
        format!(
            "invalid queue cap `{cap}`: expected at most {MOST_ENTRIES} where entries have \
             additional attributes: DynamoDB bounds the size of a row"
        )
    })
}

fn bytes((name, value): (&String, &Attribute)) -> usize {
    let value = match value {
        Attribute::Text(text) => text.len(),
        Attribute::Number(_) => NUMBER_BYTES,
    };
    name.len() + value
}

impl From<String> for Attribute {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Attribute {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<i32> for Attribute {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u32> for Attribute {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}
