//! The additional attributes of an entry: a map, in a column whose name is the entry's ticket.
//!
//! A ticket consists of digits, and no other column has such a name.

use aws_sdk_dynamodb::types::AttributeValue;

use super::Item;
use crate::attributes::{Attribute, Attributes};
use crate::protocol::entry::Entry;

/// The column of an entry's additional attributes; an entry that cannot be read has none.
pub(super) fn column(entry: &Entry) -> Option<String> {
    named(entry).map(str::to_owned)
}

/// An entry begins with its ticket.
fn named(entry: &Entry) -> Option<&str> {
    entry.ticket().and(entry.as_str().split(' ').next())
}

/// The entry, as the rest of its row shows it.
pub(super) fn marked(entry: Entry, item: &Item) -> Entry {
    match named(&entry).is_some_and(|column| item.contains_key(column)) {
        true => entry.attributed(),
        false => entry,
    }
}

/// The additional attributes of an entry.
pub(super) fn of(entry: &Entry, item: &Item) -> Attributes {
    let map = named(entry)
        .and_then(|column| item.get(column))
        .and_then(|value| value.as_m().ok());
    let read = |(name, value): (&String, &AttributeValue)| Some((name.clone(), read(value)?));
    map.into_iter().flatten().filter_map(read).collect()
}

/// A number that is not an `i64` is returned as a text.
fn read(value: &AttributeValue) -> Option<Attribute> {
    match value {
        AttributeValue::S(text) => Some(Attribute::Text(text.clone())),
        AttributeValue::N(number) => Some(
            number
                .parse()
                .map_or_else(|_| Attribute::Text(number.clone()), Attribute::Number),
        ),
        _ => None,
    }
}

pub(super) fn map(attributes: &Attributes) -> AttributeValue {
    let value = |value: &Attribute| match value {
        Attribute::Text(text) => AttributeValue::S(text.clone()),
        Attribute::Number(number) => AttributeValue::N(number.to_string()),
    };
    let map = attributes.iter();
    AttributeValue::M(map.map(|(name, of)| (name.clone(), value(of))).collect())
}
