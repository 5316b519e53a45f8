//! Reading an item: its row, and the damage in it.

use aws_sdk_dynamodb::types::AttributeValue;

use super::Item;
use super::request::{FORMAT, HOLD_ON_EXPIRY, LAST_TICKET, MOVED_UNTIL, PINNED, QUEUE, RENEWED_AT};
use super::{attributes, operations};
use crate::protocol::entry::{Entry, Ticket};
use crate::protocol::row::Row;
use crate::protocol::time::Timestamp;

pub(super) fn row(mut item: Item) -> Row {
    Row {
        queue: match item.remove(QUEUE) {
            Some(AttributeValue::Ss(entries)) => {
                let read = |text: String| attributes::marked(Entry::read(text), &item);
                entries.into_iter().map(read).collect()
            }
            _ => Default::default(),
        },
        last: number(item.get(LAST_TICKET)).map(Ticket),
        renewed_at: number(item.get(RENEWED_AT)).map(Timestamp),
        hold_on_expiry: item.contains_key(HOLD_ON_EXPIRY),
        pinned: number(item.get(PINNED)).map(Ticket),
        format: number(item.get(FORMAT)).map(|it| u32::try_from(it).unwrap_or(u32::MAX)),
        operations: operations::of(&item),
        moved_until: number(item.get(MOVED_UNTIL)),
    }
}

/// What keeps the conditions of our writes from ever being true again, if another program has put it there:
/// an attribute of another type, or a number that does not fit.
pub(super) fn damage(item: &Item) -> Option<String> {
    let queue = item
        .get(QUEUE)
        .filter(|value| !value.is_ss())
        .map(|_| format!("`{QUEUE}` is no set of strings"));
    let mut numbers = [LAST_TICKET, RENEWED_AT, PINNED, FORMAT, MOVED_UNTIL].into_iter();
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
