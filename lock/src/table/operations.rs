//! What a row says of operations: each in an attribute of its own, called `@` and the operation's id.
//!
//! No attribute of ours or of a user's begins so.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::Item;
use crate::protocol::operation::OperationState;
use crate::protocol::operation_id::OperationId;

const PREFIX: char = '@';

/// The attribute of an operation.
pub(super) fn column(id: OperationId) -> String {
    format!("{PREFIX}{id}")
}

/// All operations that a row knows.
pub(super) fn of(item: &Item) -> BTreeMap<OperationId, OperationState> {
    let known = item.iter().filter_map(|(name, value)| {
        let id = name.strip_prefix(PREFIX)?.parse().ok()?;
        Some((id, state(value)))
    });
    known.collect()
}

fn state(value: &AttributeValue) -> OperationState {
    match value {
        AttributeValue::S(line) => OperationState::read(line),
        _ => OperationState::Unreadable,
    }
}
