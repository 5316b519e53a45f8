use std::time::Duration;

use super::*;
use crate::protocol::entry::{Fields, Owner};
use crate::protocol::nonce::Nonce;
use crate::protocol::operation::{
    Attempt, Completion, Kept, MOST_COMPLETED, MOST_FORGOTTEN, OperationUpdate,
};
use crate::protocol::operation_id::OperationId;
use crate::protocol::time::Expiry;

/// DynamoDB's limit for one expression.
const LONGEST_EXPRESSION: usize = 4096;

/// How many dead waiters one write removes.
const MOST_DEAD: u64 = 100;

fn entry(number: u64) -> Entry {
    let own = Timestamp(1_763_640_000_000_000 + number);
    let fields = Fields {
        ticket: Ticket(own.0),
        own,
        lease: Duration::from_secs(10),
        deadline: None,
        expiry: Expiry::Verified,
        skew: Duration::ZERO,
        nonce: Nonce::new(number),
        owner: Owner::new("owner"),
        operation: None,
    };
    Entry::from(fields).attributed()
}

fn id(number: usize) -> OperationId {
    let mut bits = [0; 12];
    bits[..8].copy_from_slice(&number.to_le_bytes());
    OperationId::of(bits)
}

#[test]
fn the_longest_release_fits_into_an_expression() {
    let fence = Ticket(1);
    let completion = Completion {
        until: 1,
        fence,
        fingerprint: None,
        response: Kept::None,
    };
    let completes = (0..MOST_COMPLETED).map(|number| (id(number), completion.clone()));
    let forgets = (MOST_COMPLETED..).take(MOST_FORGOTTEN).map(id);
    let release = Write::Release {
        me: entry(0),
        dead: (1..=MOST_DEAD).map(entry).collect(),
        now: Timestamp(1),
        hold_on_expiry: true,
        operation: OperationUpdate {
            completes: completes.collect(),
            attempted: Some((id(usize::MAX), Attempt { until: 1, fence })),
            forgets: forgets.collect(),
            ttl: Some(1),
            moved_until: Some(1),
        },
    };
    let layout = TableLayout {
        table: "locks".to_owned(),
        namespace: "default".to_owned(),
        partition: "id".to_owned(),
        kind: KeyKind::S,
        sort: None,
        ttl: Some("ttl".to_owned()),
    };
    let update = texts(&layout, expression(&release)).update;
    assert!(update.contains("#d199 = :d199") && update.contains("#o39"));
    assert!(update.contains("#x100") && update.contains("#t = :t"));
    assert!(update.len() <= LONGEST_EXPRESSION, "{}", update.len());
}
