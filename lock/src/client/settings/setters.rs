//! The settings one by one.

use std::path::PathBuf;
use std::time::Duration;

use super::seal::{Seal, Sealing};
use super::{LeaseLength, Settings};
use crate::attributes::Attribute;
use crate::key::Redaction;
use crate::protocol::entry::Owner;
use crate::protocol::messages::OnExpiry;
use crate::protocol::nonce::Nonces;
use crate::protocol::time::{Expiry, FAR, WallClock};
use crate::table::KeyKind;

impl Settings {
    /// The table: its name or its ARN. Default: `locks-dev`.
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.layout.table = name.into();
        self
    }

    /// The namespace of the keys. Default: `default`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.layout.namespace = prefix.into();
        self
    }

    /// What the table's partition key is called. Default: `id`.
    pub fn partition_key(mut self, name: impl Into<String>) -> Self {
        self.layout.partition = name.into();
        self
    }

    /// What type the table's partition key has. Default: a string.
    ///
    /// Without a sort key, a number has no room for a namespace: all clients of the table share the
    /// keys, and another namespace than `default` is refused.
    pub fn partition_kind(mut self, kind: KeyKind) -> Self {
        self.layout.kind = kind;
        self
    }

    /// What the table's sort key is called, if it has one. Default: `group`.
    ///
    /// Without one the namespace is part of the partition key.
    pub fn sort_key(mut self, name: Option<String>) -> Self {
        self.layout.sort = name;
        self
    }

    /// What the table's TTL attribute is called, if it has one. Default: `ttl`.
    pub fn ttl_key(mut self, name: Option<String>) -> Self {
        self.layout.ttl = name;
        self
    }

    /// How long a row outlives the longest lease that may be held in it, which is 7 days; at least a day.
    /// Default: a day.
    pub fn ttl(mut self, time: Duration) -> Self {
        let shortest = Duration::from_millis(super::SHORTEST_GRACE);
        self.grace = time.clamp(shortest, FAR);
        self
    }

    /// The owner's label, for people to read. Default: `Locks`, in Lambda the function's name.
    pub fn owner(mut self, label: &str) -> Self {
        self.owner = Owner::new(label);
        self
    }

    /// An additional attribute: it stands in the row beside each entry of this client, for as long as
    /// the entry does, and [`inspect`](crate::Locks::inspect) shows it. At most 1 KB in all. Default:
    /// none.
    ///
    /// ```
    /// # testkit::locks::example(async |locks| {
    /// // For this acquisition alone; on the settings of a client, for all of its own.
    /// let locks = locks.with_settings(|settings| settings.attribute("order", 42))?;
    /// let guard = locks.acquire("order/42").await?;
    /// let holder = locks.inspect("order/42").await?.holder().expect("it is held");
    /// assert_eq!(holder.attributes["order"], 42.into());
    /// guard.release().await?;
    /// # Ok(()) });
    /// ```
    ///
    /// It costs no request, but it counts in the size of the row: a write is one unit for each KB.
    /// For one acquisition, use [`with_settings`](crate::Locks::with_settings).
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<Attribute>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// How long a holder counts as alive without a renewal; at most 7 days. Default: 10 s.
    pub fn lease(mut self, lease: Duration) -> Self {
        let shortest = Duration::from_millis(super::SHORTEST_LEASE);
        self.lease = LeaseLength::Fixed(lease.clamp(shortest, FAR));
        self
    }

    /// A lease that lasts until the deadline and 2 s, at most 7 days, without heartbeats. Every
    /// acquisition then has to name its deadline.
    pub fn lease_until_deadline(mut self) -> Self {
        self.lease = LeaseLength::UntilDeadline;
        self
    }

    /// The time between two heartbeats, at least 100 ms; zero for none. Default: a third of the lease.
    pub fn heartbeat_period(mut self, period: Duration) -> Self {
        self.heartbeat_period = Some(period);
        self
    }

    /// How long to wait for a lock. Default: 20 s.
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// The maximum number of polls of a waiter. Default: as many as the wait allows.
    pub fn max_polls(mut self, polls: u32) -> Self {
        self.max_polls = Some(polls);
        self
    }

    /// Logs each step of the protocol at the level `info`. Default: at `debug`.
    pub fn debug_logs(mut self) -> Self {
        self.debug_logs = true;
        self
    }

    /// Shows keys by their hash in logs and errors, where they may name a person. Default: as they are.
    pub fn hash_keys(mut self) -> Self {
        self.redaction = Redaction::Hashed;
        self
    }

    /// The maximum polling interval of the first waiter; later waiters may sleep longer in
    /// proportion to their position, but no longer than a third of the lease. Default: 450 ms.
    pub fn retry_delay(mut self, delay: Duration) -> Self {
        self.retry_delay = delay.max(Duration::from_millis(super::SHORTEST_PAUSE));
        self
    }

    /// How many entries a queue may have. Default: 40.
    pub fn queue_cap(mut self, cap: u16) -> Self {
        self.queue_cap = cap;
        self
    }

    /// How the expiry of another client's lease is detected. Default: [`Expiry::Verified`].
    pub fn expiry(mut self, expiry: Expiry) -> Self {
        self.expiry = expiry;
        self
    }

    /// What happens when a lease expires; a key's first use fixes it. Default:
    /// [`OnExpiry::TakeOver`].
    pub fn on_expiry(mut self, on_expiry: OnExpiry) -> Self {
        self.on_expiry = on_expiry;
        self
    }

    /// How far any two wall clocks may differ; at most the lease. Default: 2.5 s, or the lease if that is shorter.
    pub fn clock_skew(mut self, skew: Duration) -> Self {
        self.clock_skew = Some(skew.min(FAR));
        self
    }

    /// Keeps a journal in this folder, so that recovery can release what this process leaves. The folder is for the
    /// processes of one container, or of one machine without containers: those of another one look dead from here, and what
    /// they hold would be released.
    /// Default: none; from the environment, inside Lambda: `/tmp/lambda-locks`.
    pub fn journal(mut self, dir: impl Into<PathBuf>) -> Self {
        self.journal_dir = Some(dir.into());
        self
    }

    /// The table's region. Default: what the environment says.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Encrypts the responses that are stored for [`Locks::replay`](crate::Locks::replay) and for operations that
    /// [replay](crate::Operation::replays). All clients of a table need the same keys: a client that cannot open a response
    /// takes it for gone. What was stored before stays readable. Default: responses are stored as they are.
    pub fn seal(mut self, seal: impl Seal + 'static) -> Self {
        self.sealing = Sealing::by(seal);
        self
    }

    /// Another wall clock, for tests and simulations. Default: the system's.
    pub fn wall_clock(mut self, wall: WallClock) -> Self {
        self.wall = wall;
        self
    }

    /// Room for so many bytes of completions in a lock's row, for tests and simulations. Default: as many as fit into its first KB.
    #[doc(hidden)]
    pub fn room_for_completions(mut self, bytes: usize) -> Self {
        self.room = Some(bytes);
        self
    }

    /// Another source of nonces, for tests and simulations. Default: the operating system's randomness.
    pub fn nonces(mut self, nonces: Nonces) -> Self {
        self.nonces = nonces;
        self
    }
}
