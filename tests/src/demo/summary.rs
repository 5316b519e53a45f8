//! The table at the end. Pure.

use std::time::Duration;

use world::dynamo::Counts;
use world::history::{Law, violations};
use world::lambda::Answer;

use super::moment::Event;
use super::record::{Invocation, Record};

/// What the story came to, as lines of text.
pub(crate) fn summary(record: &Record, counts: &Counts) -> String {
    let rows = [
        ("invocations", invocations(record)),
        ("waits", waits(record)),
        ("hand-offs", hand_offs(record)),
        ("DynamoDB requests", requests(counts)),
        ("capacity units", units(counts)),
        ("from death to give-back", give_back(record)),
        ("overlaps", overlaps(record).to_string()),
    ];
    rows.iter().fold("\n".to_owned(), |table, (name, value)| {
        table + &format!("  {name:<25}{value}\n")
    })
}
