//! The table of one lock.

use std::time::{Duration, SystemTime};

use dynamodb_locks::protocol::{Entry, Fields, Nonce, Owner, Row, Ticket, Timestamp};
use dynamodb_locks::{Expiry, Locks, Settings, WallClock};

use super::row;
use super::script::Script;
use super::step::{Step, describe};
use crate::Clock;
use crate::dynamo::{Dynamo, Fate, Logged, Schema};

/// The key of the lock that every test is about.
pub const KEY: &str = "42";

const TABLE: &str = "locks";
const GROUP: &str = "default";

/// A lock table in an embedded DynamoDB, on tokio's time, with one row that is looked at.
#[derive(Debug)]
pub struct LockTable {
    dynamo: Dynamo,
    clock: Clock,
    script: Script,
}

/// A client in the making: its name, its settings and its clock.
#[derive(Debug)]
#[must_use]
pub struct Client<'a> {
    table: &'a LockTable,
    name: String,
    settings: Settings,
}

impl LockTable {
    /// A table with nothing in it, in which every request is logged.
    #[allow(clippy::new_without_default, reason = "each call makes another table")]
    pub fn new() -> Self {
        Self::into_the_second(Duration::from_millis(500))
    }

    /// As [`new`](Self::new), on a clock that starts this far into a second: its answers are dated
    /// with whole ones. Default: half of one.
    pub fn into_the_second(start: Duration) -> Self {
        let clock = Clock::tokio();
        let part = Duration::from_nanos(clock.since_epoch().subsec_nanos().into());
        let clock = Clock::new(move || clock.now() - part + start);
        let dynamo = Dynamo::at(clock.clone());
        let created = dynamo.create_table(&Schema::locks(TABLE));
        created.expect("a database that was just made has no tables");
        dynamo.keep_log();
        let script = Script::default();
        dynamo.plan(script.clone());
        Self {
            dynamo,
            clock,
            script,
        }
    }

    /// The DynamoDB that it is in.
    pub fn dynamo(&self) -> &Dynamo {
        &self.dynamo
    }

    /// The server's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// A client with the default settings, and with a clock that is right.
    pub fn client(&self, name: &str) -> Locks {
        self.a_client(name).ready()
    }

    /// A client that differs.
    pub fn a_client(&self, name: &str) -> Client<'_> {
        let settings = Settings::new().table(TABLE).owner(name);
        let client = Client {
            table: self,
            name: name.to_owned(),
            settings,
        };
        client.fast(Duration::ZERO)
    }

    /// The fate of the `nth` request of one kind that a client sends, counted from 1 and from the
    /// beginning. Default: it is delivered.
    pub fn fate(&self, client: &str, step: Step, nth: usize, fate: Fate) {
        self.script.add((client.to_owned(), step, nth), fate);
    }

    /// Waits until this many of a client's requests of one kind were delivered, without counting
    /// those that had a fate of their own.
    pub async fn delivered(&self, client: &str, step: Step, many: usize) {
        self.script.passed(client, step).reached(many).await;
    }

    /// What became of each of a client's requests, in the order in which the table was changed.
    pub fn story(&self, client: &str) -> Vec<String> {
        self.log_of(client).iter().map(describe).collect()
    }

    /// Every request of a client.
    pub fn log_of(&self, client: &str) -> Vec<Logged> {
        let mut log = self.dynamo.log();
        log.retain(|logged| &*logged.request.from == client);
        log
    }

    /// The row as it is now; empty where there is none.
    pub fn row(&self) -> Row {
        let item = self.dynamo.row(TABLE, KEY, GROUP);
        item.as_ref().map(row::from_item).unwrap_or_default()
    }

    /// When the row may be swept away.
    pub fn ttl(&self) -> Option<SystemTime> {
        let item = self.dynamo.row(TABLE, KEY, GROUP)?;
        let seconds = row::number(&item, "ttl")?;
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    /// Writes the row as a person might, or as another client has left it.
    pub fn put(&self, row: &Row) {
        let put = self.dynamo.put_item(TABLE, row::to_item(KEY, GROUP, row));
        put.expect("the table takes the row");
    }

    /// Writes one attribute of the row, whatever it is.
    pub fn set(&self, name: &str, value: serde_json::Value) {
        let row = self.dynamo.row(TABLE, KEY, GROUP);
        let mut row = row.expect("there is a row");
        row[name] = value;
        let put = self.dynamo.put_item(TABLE, row);
        put.expect("the table takes the row");
    }

    /// Deletes the row.
    pub fn delete(&self) {
        let deleted = self.dynamo.delete_row(TABLE, KEY, GROUP);
        deleted.expect("the table deletes the row");
    }

    /// This long ago, by the server's clock.
    pub fn ago(&self, ago: Duration) -> Timestamp {
        Timestamp(self.now().0 - ago.as_micros() as u64)
    }

    /// How long it has been since, by the server's clock.
    pub fn since(&self, begun: SystemTime) -> Duration {
        self.clock.now().duration_since(begun).unwrap_or_default()
    }

    /// Now, by the server's clock.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.clock.since_epoch().as_micros() as u64)
    }

    /// The entry of a client that came this long ago, has a lease of 10 s and no deadline.
    pub fn entry(&self, owner: &str, ago: Duration) -> Fields {
        let own = self.ago(ago);
        Fields {
            ticket: Ticket(own.0),
            own,
            lease: Duration::from_secs(10),
            deadline: None,
            expiry: Expiry::Verified,
            skew: Duration::from_millis(2500),
            nonce: Nonce::new(own.0),
            owner: Owner::new(owner),
            operation: None,
        }
    }

    /// The row that these have left, the last ticket with it.
    pub fn row_of(&self, queue: impl IntoIterator<Item = Fields>) -> Row {
        let queue: Vec<_> = queue.into_iter().collect();
        Row {
            last: queue.iter().map(|fields| fields.ticket).max(),
            queue: queue.into_iter().map(Entry::from).collect(),
            ..Row::default()
        }
    }
}

impl Client<'_> {
    /// With other settings.
    pub fn with(mut self, change: impl FnOnce(Settings) -> Settings) -> Self {
        self.settings = change(self.settings);
        self
    }

    /// With a wall clock that is ahead.
    pub fn fast(self, by: Duration) -> Self {
        let clock = self.table.clock.clone();
        self.with(|settings| settings.wall_clock(WallClock::new(move || clock.now() + by)))
    }

    /// With a wall clock that is behind.
    pub fn slow(self, by: Duration) -> Self {
        let clock = self.table.clock.clone();
        self.with(|settings| settings.wall_clock(WallClock::new(move || clock.now() - by)))
    }

    /// The client.
    pub fn ready(self) -> Locks {
        let client = self.table.dynamo.client(&self.name);
        Locks::with_client(&client, self.settings).expect("the journal's folder can be used")
    }
}
