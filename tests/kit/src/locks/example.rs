//! The stage of the examples in the documentation: they are compiled, and they run.

use aws_sdk_dynamodb::Client;
use dynamodb_locks::{Error, Locks, Settings};

use crate::dynamo::{Dynamo, Schema};

/// The table that locks are in unless a setting says otherwise.
const TABLE: &str = "locks-dev";

/// A table of the caller's own, with the partition key `id`.
const OWN: &str = "orders";

/// Runs an example with a client of the locks in an empty table. One that fails panics.
pub fn example(work: impl AsyncFnOnce(Locks) -> Result<(), Error>) {
    example_over(async |client| work(Locks::with_client(&client, Settings::new())?).await);
}

/// Runs an example with a client of an embedded DynamoDB that has the table of the locks, and the table `orders`.
pub fn example_over(work: impl AsyncFnOnce(Client) -> Result<(), Error>) {
    let dynamo = Dynamo::new();
    for schema in [Schema::locks(TABLE), Schema::locks(OWN).without_sort()] {
        let created = dynamo.create_table(&schema);
        created.expect("a database that was just made has no tables");
    }
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime
        .enable_all()
        .build()
        .expect("a runtime needs nothing special");
    let done = runtime.block_on(work(dynamo.client("example")));
    done.expect("an example works");
}
