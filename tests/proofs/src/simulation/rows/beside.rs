//! The own rows of operations, which lie beside their locks': fences order what is said there.

use std::time::Duration;

use dynamodb_locks::protocol::OperationId;
use serde_json::Value;

use super::{By, Rows};
use testkit::dynamo::Request;
use testkit::locks::row_of;

/// The namespace of an operation's own row ends so.
const SUFFIX: &str = "#once:";

/// The lock and the operation whose own row a request is about.
pub(in crate::simulation) fn of(request: &Request) -> Option<(&str, OperationId)> {
    let key = &request.body["Key"];
    let (_, id) = key["group"]["S"].as_str()?.split_once(SUFFIX)?;
    Some((key["id"]["S"].as_str()?, id.parse().ok()?))
}

impl Rows {
    /// Law 14: nothing replaces what a later run, or a person, has said.
    pub(in crate::simulation) fn see_beside(
        &mut self,
        at: Duration,
        request: &Request,
        item: Option<&Value>,
    ) {
        let Some((key, id)) = of(request) else {
            return;
        };
        let last = item.map(row_of).and_then(|row| row.last);
        let Some((watched, last)) = self.rows.get_mut(key).zip(last) else {
            return;
        };
        let before = watched.beside.insert(id, last);
        let by = By::Request(request);
        let fell = before.filter(|before| *before > last);
        let wrong = fell.map(|before| {
            format!(
                "law 14: {by} says with {} what is older than {}, beside {key} at {at:?}",
                last.0, before.0
            )
        });
        self.trace.wrong(wrong);
    }
}
