//! Making the table, and finding out what is wrong with one.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, MultiRegionConsistency,
    ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
};

use super::failure::{self, Response};
use super::{Failure, KeyKind, Table, TableLayout};
use crate::error::{Error, Kind};

/// How often a new table is looked at until it is ready.
const POLLS: u32 = 120;

/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(500);

impl Table {
    /// Makes the table if there is none, and checks it if there is one.
    pub(crate) async fn ensure(&self) -> Result<(), Error> {
        let explain = |failure: Failure| {
            failure.explain(&self.layout, &self.endpoint, "make sure of the table")
        };
        let (client, layout) = (self.client().map_err(explain)?, &*self.layout);
        if describe(client, layout).await?.is_none() {
            create(client, layout).await?;
        }
        let table = ready(client, layout).await?;
        check(layout, &table)?;
        if is_strong(&table) {
            // Such tables have no TTL; their rows stay, one of some hundred bytes for each key.
            return Ok(());
        }
        ensure_ttl(client, layout).await
    }
}

async fn describe(
    client: &Client,
    layout: &TableLayout,
) -> Result<Option<TableDescription>, Error> {
    match client
        .describe_table()
        .table_name(&layout.table)
        .send()
        .await
    {
        Ok(output) => Ok(output.table),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(failed(layout, "described", error)),
    }
}

async fn ready(client: &Client, layout: &TableLayout) -> Result<TableDescription, Error> {
    for _ in 0..POLLS {
        if let Some(table) = describe(client, layout).await?
            && table.table_status() == Some(&TableStatus::Active)
        {
            return Ok(table);
        }
        tokio::time::sleep(PAUSE).await;
    }
    let message = format!(
        "table `{}` is not ready after {:?}",
        layout.table,
        PAUSE * POLLS
    );
    Err(Error::new(Kind::Unavailable, message))
}

async fn create(client: &Client, layout: &TableLayout) -> Result<(), Error> {
    let mut request = client.create_table().table_name(&layout.table);
    for (name, kind, of) in keys(layout) {
        let key = KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind);
        let attribute = AttributeDefinition::builder().attribute_name(name);
        let attribute = attribute.attribute_type(of);
        request = request
            .key_schema(key.build().map_err(|error| impossible(&error))?)
            .attribute_definitions(attribute.build().map_err(|error| impossible(&error))?);
    }
    match request
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
    {
        Ok(_) => Ok(()),
        // Somebody else was faster; the check tells whether it is as it should be.
        Err(error) if error.code() == Some("ResourceInUseException") => Ok(()),
        Err(error) => Err(failed(layout, "created", error)),
    }
}

fn keys(layout: &TableLayout) -> impl Iterator<Item = (&str, KeyType, ScalarAttributeType)> {
    let kind = match layout.kind {
        KeyKind::S => ScalarAttributeType::S,
        KeyKind::N => ScalarAttributeType::N,
        KeyKind::B => ScalarAttributeType::B,
    };
    let partition = (layout.partition.as_str(), KeyType::Hash, kind);
    let sort = layout.sort.as_deref();
    let sort = sort.map(|sort| (sort, KeyType::Range, ScalarAttributeType::S));
    [partition].into_iter().chain(sort)
}

/// What is wrong with a table that is there.
fn check(layout: &TableLayout, table: &TableDescription) -> Result<(), Error> {
    let found = table.key_schema().iter().map(|key| {
        let mut attributes = table.attribute_definitions().iter();
        let name = key.attribute_name();
        let attribute = attributes.find(|attribute| attribute.attribute_name() == name);
        let kind = attribute.map_or("?", |attribute| attribute.attribute_type().as_str());
        format!("`{name}` ({}, {kind})", key.key_type())
    });
    let found = found.collect::<Vec<_>>().join(" and ");
    let right = keys(layout).map(|(name, key, kind)| format!("`{name}` ({key}, {kind})"));
    let right = right.collect::<Vec<_>>().join(" and ");
    if found != right {
        return Err(bad(
            layout,
            &format!("has the keys {found}: expected {right}"),
        ));
    }
    if !table.replicas().is_empty() && !is_strong(table) {
        return Err(bad(
            layout,
            "is a global table with eventual consistency: each region judges conditions by its own \
             copy, and the last writer wins, so two regions would hold one lock; use a table in one \
             region, or multi-region strong consistency",
        ));
    }
    Ok(())
}

/// Whether all regions judge conditions by one state of the row.
fn is_strong(table: &TableDescription) -> bool {
    table.multi_region_consistency() == Some(&MultiRegionConsistency::Strong)
}

async fn ensure_ttl(client: &Client, layout: &TableLayout) -> Result<(), Error> {
    let Some(wanted) = &layout.ttl else {
        return Ok(());
    };
    let described = client
        .describe_time_to_live()
        .table_name(&layout.table)
        .send()
        .await;
    let described = described.map_err(|error| failed(layout, "described", error))?;
    let ttl = described.time_to_live_description();
    let is_on = ttl
        .and_then(|ttl| ttl.time_to_live_status())
        .is_some_and(|status| {
            matches!(
                status,
                TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling
            )
        });
    match ttl.and_then(|ttl| ttl.attribute_name()) {
        Some(found) if is_on && found == wanted => Ok(()),
        Some(found) if is_on => Err(bad(
            layout,
            &format!("has its TTL on `{found}`: expected `{wanted}`"),
        )),
        _ => enable_ttl(client, layout, wanted).await,
    }
}

async fn enable_ttl(client: &Client, layout: &TableLayout, attribute: &str) -> Result<(), Error> {
    let ttl = TimeToLiveSpecification::builder()
        .enabled(true)
        .attribute_name(attribute);
    let ttl = ttl.build().map_err(|error| impossible(&error))?;
    let request = client.update_time_to_live().table_name(&layout.table);
    let enabled = request.time_to_live_specification(ttl).send().await;
    enabled
        .map(drop)
        .map_err(|error| failed(layout, "given its TTL", error))
}

fn bad(layout: &TableLayout, what: &str) -> Error {
    Error::new(Kind::BadTable, format!("table `{}` {what}", layout.table))
}

fn failed<E>(layout: &TableLayout, what: &str, error: SdkError<E, Response>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let failure = failure::of(error);
    Error::new(
        failure.kind(),
        format!("table `{}` cannot be {what}: {failure}", layout.table),
    )
}

fn impossible(error: &dyn std::error::Error) -> Error {
    Error::new(
        Kind::Configuration,
        format!("the table cannot be described: {error}"),
    )
}
