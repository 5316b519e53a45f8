//! Reading a request back into the write that it says.

use dynamodb_locks::protocol::{Entry, RenewalUpdate, RowLifetime, Ticket, Timestamp, Write};
use serde_json::Value;
use testkit::locks::Step;

/// The write that a request says.
pub(super) fn write(step: Step, body: &Value) -> Write {
    let said = Said(body);
    let me = || said.entry(":me");
    let (ticket, now) = (
        || Ticket(said.number(":ticket")),
        || Timestamp(said.number(":now")),
    );
    let unless = said.maybe(":pinned").map(Ticket);
    let seen = said.maybe(":seen").map(Timestamp);
    let leaves = |renewal| Write::Withdraw {
        me: me(),
        renewal,
        unless,
    };
    match step {
        Step::Enqueue => Write::Enqueue {
            me: said.entries(":in").remove(0),
            ticket: ticket(),
            cap: u16::try_from(said.number(":cap")).expect("a cap is small"),
            lifetime: said.lifetime(),
        },
        Step::Try => Write::Try {
            me: said.entries(":in").remove(0),
            ticket: ticket(),
            lifetime: said.lifetime(),
        },
        Step::Release => Write::Release {
            me: me(),
            dead: said.others(),
            now: now(),
            hold_on_expiry: said.update().contains("REMOVE #pinned"),
        },
        Step::WithdrawQuietly => leaves(RenewalUpdate::Keep),
        Step::WithdrawRaising => leaves(RenewalUpdate::Raise(now())),
        Step::WithdrawUnder => leaves(RenewalUpdate::KeepLater(now())),
        Step::Heartbeat => Write::Heartbeat {
            me: me(),
            now: now(),
            ttl: said.maybe(":t"),
            begins: said.maybe(":ticket").map(Ticket),
        },
        Step::Evict => Write::Evict {
            head: me(),
            behind: said.others(),
            seen,
            now: now(),
            unless,
        },
        Step::EvictAndEnter => Write::EvictAndEnter {
            me: said.entries(":in").remove(0),
            ticket: ticket(),
            dead: said.entries(":out"),
            seen,
            now: now(),
            unless,
            lifetime: said.lifetime(),
        },
        Step::Invalidate => Write::Invalidate {
            ticket: ticket(),
            lifetime: said.lifetime(),
        },
        Step::Poll | Step::Strange => panic!("not a write of the protocol: {body}"),
    }
}

/// A request's body.
struct Said<'a>(&'a Value);

impl Said<'_> {
    fn update(&self) -> &str {
        self.0["UpdateExpression"].as_str().unwrap_or_default()
    }

    fn value(&self, name: &str) -> &Value {
        &self.0["ExpressionAttributeValues"][name]
    }

    fn maybe(&self, name: &str) -> Option<u64> {
        self.value(name)["N"].as_str()?.parse().ok()
    }

    fn number(&self, name: &str) -> u64 {
        let number = self.maybe(name);
        number.unwrap_or_else(|| panic!("{name} is a number in {}", self.0))
    }

    fn entry(&self, name: &str) -> Entry {
        Entry::read(self.value(name)["S"].as_str().unwrap_or_default())
    }

    fn entries(&self, name: &str) -> Vec<Entry> {
        let texts = self.value(name)["SS"].as_array().into_iter().flatten();
        texts.filter_map(Value::as_str).map(Entry::read).collect()
    }

    /// Whoever goes out along with the first.
    fn others(&self) -> Vec<Entry> {
        let first = self.entry(":me");
        let mut out = self.entries(":out");
        out.retain(|entry| *entry != first);
        out
    }

    fn lifetime(&self) -> RowLifetime {
        self.maybe(":t")
            .map_or(RowLifetime::Permanent, RowLifetime::Expires)
    }
}
