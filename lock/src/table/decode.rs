//! Reading an item: the row that it is, and what nobody of ours can have written.

use aws_sdk_dynamodb::types::AttributeValue;

use super::Item;
use super::request::{ANCHOR, CLOSED, FORMAT, HELD, LAST, QUEUE};
use super::{beside, operations};
use crate::entry::{Entry, Stamp};
use crate::row::Row;
use crate::time::Micros;

pub(super) fn row(mut item: Item) -> Row {
    Row {
        queue: match item.remove(QUEUE) {
            Some(AttributeValue::Ss(entries)) => {
                let read = |text: String| beside::marked(Entry::read(text), &item);
                entries.into_iter().map(read).collect()
            }
            _ => Default::default(),
        },
        last: number(item.get(LAST)).map(Stamp),
        anchor: number(item.get(ANCHOR)).map(Micros),
        closed: item.contains_key(CLOSED),
        held: number(item.get(HELD)).map(Stamp),
        format: number(item.get(FORMAT)).map(|it| u32::try_from(it).unwrap_or(u32::MAX)),
        operations: operations::of(&item),
    }
}

/// What keeps the conditions of our writes from ever being true again, if somebody has put it there:
/// an attribute of another type, or a number that is none of ours.
pub(super) fn damage(item: &Item) -> Option<String> {
    let queue = item
        .get(QUEUE)
        .filter(|value| !value.is_ss())
        .map(|_| format!("`{QUEUE}` is no set of strings"));
    let mut numbers = [LAST, ANCHOR, HELD, FORMAT].into_iter();
    queue.or_else(|| {
        let wrong =
            numbers.find(|&name| item.contains_key(name) && number(item.get(name)).is_none());
        wrong.map(|name| format!("`{name}` is no whole number of 64 bits"))
    })
}

pub(super) fn text(value: Option<&AttributeValue>) -> Option<&str> {
    value?.as_s().ok().map(String::as_str)
}

fn number(value: Option<&AttributeValue>) -> Option<u64> {
    value?.as_n().ok()?.parse().ok()
}
