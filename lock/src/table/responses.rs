//! Responses that are too large for the lock's row: each in a row of its own, named by its operation and by the
//! fence of the run, so that a run whose lease was lost cannot overwrite its successor's.

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::AttributeValue;

use super::request::id;
use super::update_expression::number;
use super::{Failure, KeyKind, Table, TableLayout, failure};
use crate::key::Key;
use crate::protocol::entry::Ticket;
use crate::protocol::operation::Completion;
use crate::protocol::operation_id::OperationId;

pub(super) const RESPONSE: &str = "response";

/// What the namespace of such rows has behind the lock's own.
pub(crate) const SUFFIX: &str = "#once:";

impl TableLayout {
    /// Whether there is room for other rows beside the locks. A numeric key without a sort key has none.
    pub(crate) fn has_rows_beside(&self) -> bool {
        self.sort.is_some() || self.kind != KeyKind::N
    }

    /// Where the response of a run is.
    fn of_response(&self, operation: OperationId, fence: Ticket) -> Self {
        let namespace = format!("{}{SUFFIX}{operation}.{:016}", self.namespace, fence.0);
        Self {
            namespace,
            ..self.clone()
        }
    }
}

impl Table {
    /// Stores a response; false if the run has stored another one before. A copy that arrives late or twice changes
    /// nothing.
    pub(crate) async fn keep_response(
        &self,
        key: &Key,
        operation: OperationId,
        completion: &Completion,
        text: &str,
    ) -> Result<bool, Failure> {
        let layout = self.layout.of_response(operation, completion.fence);
        let mut request = self
            .client()?
            .update_item()
            .table_name(&layout.table)
            .set_key(Some(id(&layout, key)))
            .condition_expression("attribute_not_exists(#r) OR #r = :r")
            .expression_attribute_names("#r", RESPONSE)
            .expression_attribute_values(":r", AttributeValue::S(text.to_owned()));
        let mut update = "SET #r = :r".to_owned();
        if let Some(column) = &layout.ttl {
            update.push_str(", #t = :t");
            request = request
                .expression_attribute_names("#t", column)
                .expression_attribute_values(":t", number(completion.keeps_row_until()));
        }
        match request.update_expression(update).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(failure::of(error)),
        }
    }

    /// Reads the response of a run; none if there is none.
    pub(crate) async fn response(
        &self,
        key: &Key,
        operation: OperationId,
        fence: Ticket,
    ) -> Result<Option<String>, Failure> {
        let layout = self.layout.of_response(operation, fence);
        // It was written before its completion, so an eventually consistent read finds it as a rule.
        for consistent in [false, true] {
            let request = self
                .client()?
                .get_item()
                .table_name(&layout.table)
                .set_key(Some(id(&layout, key)))
                .consistent_read(consistent);
            let output = request.send().await.map_err(failure::of)?;
            let text = output.item.and_then(|mut item| item.remove(RESPONSE));
            if let Some(AttributeValue::S(text)) = text {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }
}
