//! Tables and rows, past the fronts: nothing here is planned, counted or logged.

use serde_json::{Value, json};

use super::answered::Answered;
use super::serve::Dynamo;
use crate::Error;

/// What a table looks like.
#[derive(Clone, Debug)]
#[must_use]
pub struct Schema {
    table: String,
    partition: Attribute,
    sort: Option<Attribute>,
    ttl: Option<String>,
}

/// An attribute's name, and its type: `S`, `N` or `B`.
type Attribute = (String, String);

impl Schema {
    /// The lock table of this project: partition `id`, sort key `group`, both text, and TTL on
    /// `ttl`.
    pub fn locks(table: &str) -> Self {
        let text = |name: &str| (name.into(), "S".into());
        Self {
            table: table.into(),
            partition: text("id"),
            sort: Some(text("group")),
            ttl: Some("ttl".into()),
        }
    }

    /// Another partition key, of type `S`, `N` or `B`. Default: `id`, `S`.
    pub fn partition(self, name: &str, kind: &str) -> Self {
        Self {
            partition: (name.into(), kind.into()),
            ..self
        }
    }

    /// Another sort key, of type `S`, `N` or `B`. Default: `group`, `S`.
    pub fn sort(self, name: &str, kind: &str) -> Self {
        Self {
            sort: Some((name.into(), kind.into())),
            ..self
        }
    }

    /// No sort key.
    pub fn without_sort(self) -> Self {
        Self { sort: None, ..self }
    }

    /// TTL on another attribute. Default: `ttl`.
    pub fn ttl(self, name: &str) -> Self {
        Self {
            ttl: Some(name.into()),
            ..self
        }
    }

    /// No TTL.
    pub fn without_ttl(self) -> Self {
        Self { ttl: None, ..self }
    }

    fn creation(&self) -> Value {
        let keys = || {
            [Some(&self.partition), self.sort.as_ref()]
                .into_iter()
                .flatten()
        };
        let attributes =
            keys().map(|(name, kind)| json!({ "AttributeName": name, "AttributeType": kind }));
        let roles = keys().zip(["HASH", "RANGE"]);
        let schema =
            roles.map(|((name, _), role)| json!({ "AttributeName": name, "KeyType": role }));
        json!({
            "TableName": self.table,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": attributes.collect::<Vec<_>>(),
            "KeySchema": schema.collect::<Vec<_>>(),
        })
    }
}

impl Dynamo {
    /// Makes a table.
    pub fn create_table(&self, schema: &Schema) -> Result<(), Error> {
        self.run("CreateTable", schema.creation())?;
        if let Some(attribute) = &schema.ttl {
            let ttl = json!({ "Enabled": true, "AttributeName": attribute });
            self.run(
                "UpdateTimeToLive",
                json!({ "TableName": schema.table, "TimeToLiveSpecification": ttl }),
            )?;
        }
        Ok(())
    }

    /// The row of a lock in a table of the usual schema, as DynamoDB's JSON; `None` if there is
    /// none.
    pub fn row(&self, table: &str, key: &str, prefix: &str) -> Option<Value> {
        self.item(table, lock_row(key, prefix))
    }

    /// Deletes the row of a lock, as TTL or a person may at any time.
    pub fn delete_row(&self, table: &str, key: &str, prefix: &str) -> Result<(), Error> {
        self.run(
            "DeleteItem",
            json!({ "TableName": table, "Key": lock_row(key, prefix) }),
        )?;
        self.take_stock();
        Ok(())
    }

    /// An item by its key, both as DynamoDB's JSON; `None` if there is none.
    pub fn item(&self, table: &str, key: Value) -> Option<Value> {
        let asked = json!({ "TableName": table, "Key": key, "ConsistentRead": true });
        let found = self.run("GetItem", asked).ok()?;
        found.get("Item").cloned()
    }

    /// Puts an item, given as DynamoDB's JSON.
    pub fn put_item(&self, table: &str, item: Value) -> Result<(), Error> {
        self.run("PutItem", json!({ "TableName": table, "Item": item }))?;
        self.take_stock();
        Ok(())
    }

    /// Deletes every item whose TTL has passed, and counts them.
    pub fn sweep_ttl(&self) -> usize {
        let swept = self.engine().sweep_ttl();
        self.take_stock();
        swept
    }

    fn run(&self, op: &str, body: Value) -> Result<Value, Error> {
        match self.engine().run(op, body) {
            Answered { status: 200, body } => Ok(body),
            Answered { body, .. } => Err(Error::new(format!("DynamoDB refused `{op}`: {body}"))),
        }
    }
}

fn lock_row(key: &str, prefix: &str) -> Value {
    json!({ "id": { "S": key }, "group": { "S": prefix } })
}
