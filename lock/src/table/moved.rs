//! Completions that were moved out of their lock's row: each in a row of its operation's own, with the fence of the run.
//!
//! A move copies what the mover, as the holder, has seen, so it is true whenever it arrives. The fences order these
//! rows: a late copy replaces nothing that a later run or a person has said.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure as OnFailure};

use super::request::{LAST_TICKET, id};
use super::responses::SUFFIX;
use super::update_expression::number;
use super::{Failure, Item, Reply, ServerDate, Table, TableLayout, failure, operations};
use crate::key::Key;
use crate::protocol::entry::{Entry, Ticket};
use crate::protocol::operation::{Completion, OperationState};
use crate::protocol::operation_id::OperationId;

const FRESH: &str = "attribute_not_exists(#last_ticket) OR #last_ticket < :ticket";

/// An attribute's number of up to 17 digits, by DynamoDB's count.
const NUMBER: usize = 10;

/// The lock's row has at least this much room for operations, in bytes.
const LEAST_ROOM: usize = 400;

/// DynamoDB bills a write for each of these.
const UNIT: usize = 1024;

impl TableLayout {
    /// Where the completion of an operation is that was moved.
    fn of_operation(&self, operation: OperationId) -> Self {
        let namespace = format!("{}{SUFFIX}{operation}", self.namespace);
        Self {
            namespace,
            ..self.clone()
        }
    }

    /// How many bytes operations have in a lock's row before its writes cost one unit more; none if they cannot leave it.
    pub(crate) fn room(&self, key: &Key, me: &Entry) -> Option<usize> {
        if !self.has_rows_beside() {
            return None;
        }
        let length = |value: &AttributeValue| match value {
            AttributeValue::S(text) => text.len(),
            AttributeValue::B(bytes) => bytes.as_ref().len(),
            _ => 2 * NUMBER,
        };
        let name = id(self, key);
        let name = name
            .iter()
            .map(|(column, value)| column.len() + length(value));
        let own = ["queue", "last_ticket", "renewed_at", "moved_until"].map(str::len);
        let ttl = self.ttl.as_ref().map_or(0, |ttl| ttl.len() + NUMBER);
        let numbers = 3 * NUMBER;
        let others =
            name.sum::<usize>() + own.iter().sum::<usize>() + me.as_str().len() + numbers + ttl;
        Some((others + LEAST_ROOM).next_multiple_of(UNIT) - others)
    }
}

impl Table {
    /// Copies a completion into its operation's own row. Whether it counts there from now on.
    pub(crate) async fn move_completion(
        &self,
        key: &Key,
        operation: OperationId,
        completion: &Completion,
    ) -> Result<bool, Failure> {
        let line = AttributeValue::S(completion.to_string());
        let (fence, ttl) = (completion.fence, completion.keeps_row_until());
        let met = self
            .say_beside(key, operation, fence, ttl, Some(line))
            .await?;
        // The same completion, moved before, is there; or a later one, which counts at least as long.
        Ok(met.is_none_or(|met| match state(&met, operation) {
            Some(OperationState::Completed(there)) => {
                there.fence >= fence && there.until >= completion.until
            }
            _ => false,
        }))
    }

    /// Says beside the lock, with the fence of the client that holds it, that the operation is forgotten. What others move
    /// later that they saw before changes nothing.
    pub(crate) async fn forget_moved(
        &self,
        key: &Key,
        operation: OperationId,
        fence: Ticket,
        ttl: u64,
    ) -> Result<(), Failure> {
        let met = self.say_beside(key, operation, fence, ttl, None);
        met.await.map(drop)
    }

    /// Writes the operation's own row, unless its fence is that high; then the row that it met.
    async fn say_beside(
        &self,
        key: &Key,
        operation: OperationId,
        fence: Ticket,
        ttl: u64,
        line: Option<AttributeValue>,
    ) -> Result<Option<Item>, Failure> {
        let layout = self.layout.of_operation(operation);
        let mut request = self
            .client()?
            .update_item()
            .table_name(&layout.table)
            .set_key(Some(id(&layout, key)))
            .condition_expression(FRESH)
            .expression_attribute_names("#last_ticket", LAST_TICKET)
            .expression_attribute_names("#moved", operations::column(operation))
            .expression_attribute_values(":ticket", number(fence.0))
            .return_values_on_condition_check_failure(OnFailure::AllOld);
        let mut set = "SET #last_ticket = :ticket".to_owned();
        if let Some(column) = &layout.ttl {
            set.push_str(", #t = :t");
            request = request
                .expression_attribute_names("#t", column)
                .expression_attribute_values(":t", number(ttl));
        }
        let update = match line {
            Some(line) => {
                request = request.expression_attribute_values(":moved", line);
                format!("{set}, #moved = :moved")
            }
            None => format!("{set} REMOVE #moved"),
        };
        match request.update_expression(update).send().await {
            Ok(_) => Ok(None),
            Err(error) => failure::met(error).map(Some),
        }
    }

    /// Reads what an operation's own row says, strongly consistent.
    pub(crate) async fn moved(
        &self,
        key: &Key,
        operation: OperationId,
    ) -> Reply<Option<OperationState>> {
        let client = match self.client() {
            Ok(client) => client,
            Err(failure) => return Reply::unsent(failure),
        };
        let layout = self.layout.of_operation(operation);
        let server_date = ServerDate::default();
        let request = client
            .get_item()
            .table_name(&layout.table)
            .set_key(Some(id(&layout, key)))
            .consistent_read(true);
        let answer = match request
            .customize()
            .interceptor(server_date.clone())
            .send()
            .await
        {
            Ok(output) => Ok(output.item.and_then(|item| state(&item, operation))),
            Err(error) => Err(failure::of(error)),
        };
        Reply {
            answer,
            date: server_date.date(),
        }
    }
}

fn state(item: &Item, operation: OperationId) -> Option<OperationState> {
    operations::of(item).remove(&operation)
}
