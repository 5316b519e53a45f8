//! An answer as DynamoDB words it.

use serde_json::{Value, json};

/// HTTP status and body.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Answered {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: 200, body }
    }

    pub(super) fn error(status: u16, kind: &str, message: &str) -> Self {
        Self {
            status,
            body: json!({ "__type": kind, "message": message }),
        }
    }

    /// Whether this is an error of that kind.
    pub(super) fn is(&self, kind: &str) -> bool {
        let named = self.body["__type"].as_str();
        named.is_some_and(|named| named.rsplit('#').next() == Some(kind))
    }
}
