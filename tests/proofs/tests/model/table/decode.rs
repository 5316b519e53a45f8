//! Reading a request back into the write that it says.

use std::iter;

use dynamodb_locks::protocol::{
    Begun, Entry, OperationId, OperationState, OperationUpdate, RenewalUpdate, RowLifetime, Ticket,
    Timestamp, UnlessDone, Write,
};
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
    let (unless_done, begins_run) = (said.unless_done(), said.begins_run());
    let leaves = |renewal| Write::Withdraw {
        me: me(),
        renewal,
        unless,
        operation: said.operation(),
    };
    match step {
        Step::Enqueue => Write::Enqueue {
            me: said.entries(":in").remove(0),
            ticket: ticket(),
            cap: u16::try_from(said.number(":cap")).expect("a cap is small"),
            lifetime: said.lifetime(),
            unless_done,
        },
        Step::Try => Write::Try {
            me: said.entries(":in").remove(0),
            ticket: ticket(),
            lifetime: said.lifetime(),
            unless_done,
            begins_run,
        },
        Step::Release => Write::Release {
            me: me(),
            dead: said.others(),
            now: now(),
            hold_on_expiry: said.removes().contains(&"#pinned"),
            operation: said.operation(),
        },
        Step::WithdrawAlone => leaves(RenewalUpdate::KeepAlone),
        Step::WithdrawQuietly => leaves(RenewalUpdate::KeepBehind(said.entry(":before"))),
        Step::WithdrawRaising => leaves(RenewalUpdate::Raise(now())),
        Step::WithdrawUnder => leaves(RenewalUpdate::KeepLater(now())),
        Step::Heartbeat => Write::Heartbeat {
            me: me(),
            now: now(),
            ttl: said.maybe(":t"),
            begins: said.maybe(":ticket").map(Ticket),
            begins_run,
        },
        Step::Evict => Write::Evict {
            head: me(),
            behind: said.others(),
            seen,
            now: now(),
            unless,
            operation: said.operation(),
        },
        Step::EvictAndEnter => Write::EvictAndEnter {
            me: said.entries(":in").remove(0),
            ticket: ticket(),
            dead: said.entries(":out"),
            seen,
            now: now(),
            unless,
            lifetime: said.lifetime(),
            unless_done,
            operation: OperationUpdate {
                ttl: None,
                ..said.operation()
            },
            begins_run,
        },
        Step::Invalidate => Write::Invalidate {
            ticket: ticket(),
            lifetime: said.lifetime(),
        },
        Step::Poll
        | Step::KeepResponse
        | Step::Move
        | Step::Forget
        | Step::Check
        | Step::Transact
        | Step::Strange => panic!("not a write of the protocol: {body}"),
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

    /// The entries that go out along with the first.
    fn others(&self) -> Vec<Entry> {
        let first = self.entry(":me");
        let mut out = self.entries(":out");
        out.retain(|entry| *entry != first);
        out
    }

    /// The names behind `REMOVE`.
    fn removes(&self) -> Vec<&str> {
        let removed = self.update().split_once("REMOVE ").map(|it| it.1);
        removed
            .into_iter()
            .flat_map(|names| names.split(", "))
            .collect()
    }

    /// The operation that an attribute is about.
    fn id(&self, name: &str) -> Option<OperationId> {
        let column = self.0["ExpressionAttributeNames"][name].as_str()?;
        column.strip_prefix('@')?.parse().ok()
    }

    fn line(&self, name: &str) -> OperationState {
        OperationState::read(self.value(name)["S"].as_str().unwrap_or_default())
    }

    fn unless_done(&self) -> Option<UnlessDone> {
        let past = self.value(":past")["S"].as_str()?;
        let now = past.strip_prefix("done ")?.parse().ok()?;
        self.id("#op").map(|id| UnlessDone { id, now })
    }

    fn begins_run(&self) -> Option<(OperationId, Begun)> {
        let id = self.id("#run")?;
        match self.line(":run") {
            OperationState::Begun(begun) => Some((id, begun)),
            other => panic!("no run: {other:?}"),
        }
    }

    fn operation(&self) -> OperationUpdate {
        let others = (1..).map(|number| format!("d{number}"));
        let completes = iter::once("done".to_owned())
            .chain(others)
            .map_while(|name| {
                let id = self.id(&format!("#{name}"))?;
                match self.line(&format!(":{name}")) {
                    OperationState::Completed(completion) => Some((id, completion)),
                    other => panic!("no completion: {other:?}"),
                }
            });
        let attempted = self.id("#begun").map(|id| match self.line(":begun") {
            OperationState::Attempted(attempt) => (id, attempt),
            other => panic!("no attempt: {other:?}"),
        });
        let over = self.removes().into_iter();
        OperationUpdate {
            completes: completes.collect(),
            attempted,
            forgets: over.filter_map(|name| self.id(name)).collect(),
            ttl: self.maybe(":t"),
            moved_until: self.maybe(":moved_until"),
        }
    }

    fn lifetime(&self) -> RowLifetime {
        self.maybe(":t")
            .map_or(RowLifetime::Permanent, RowLifetime::Expires)
    }
}
