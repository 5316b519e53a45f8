mod own_lease;

use super::*;
use crate::protocol::entry::{Owner, Ticket};
use crate::protocol::messages::{OnExpiry, WaitMode};
use crate::protocol::nonce::Nonce;
use crate::protocol::time::TimeInterval;

const NOW: u64 = 1_763_640_000_000_000;
const LEASE: Duration = Duration::from_secs(10);

fn ms(ms: i64) -> Timestamp {
    Timestamp(NOW.checked_add_signed(ms * 1000).unwrap())
}

/// So many milliseconds after the beginning, on both clocks; the server's is known within a second.
fn moment(millis: u64) -> Moment {
    let likely = ms(millis as i64);
    Moment {
        now: TimeInterval {
            earliest: likely - Duration::from_millis(500),
            likely,
            latest: likely + Duration::from_millis(500),
        },
        tick: tick(millis),
    }
}

fn tick(millis: u64) -> MonotonicInstant {
    MonotonicInstant(Duration::from_secs(1000) + Duration::from_millis(millis))
}

fn terms() -> Terms {
    Terms {
        lease: LEASE,
        deadline: None,
        expiry: Expiry::Verified,
        skew: Duration::from_millis(2500),
        on_expiry: OnExpiry::TakeOver,
        wait_mode: WaitMode::Wait,
        cap: 40,
        grace: Duration::from_secs(24 * 60 * 60),
        nonce: Nonce::new(1),
        owner: Owner::default(),
        operation: None,
    }
}

/// A row whose holder came at the beginning.
fn holder(deadline: Option<Timestamp>) -> Row {
    holder_by(Expiry::Verified, deadline)
}

fn holder_by(expiry: Expiry, deadline: Option<Timestamp>) -> Row {
    let entry = Entry::from(Fields {
        ticket: Ticket(NOW),
        own: ms(0),
        lease: LEASE,
        deadline,
        expiry,
        skew: Duration::from_millis(2500),
        nonce: Nonce::new(2),
        owner: Owner::default(),
        operation: None,
    });
    Row {
        queue: [entry].into(),
        ..Row::default()
    }
}

/// When the holder can be found dead, in ms from the beginning.
fn death(terms: &Terms, row: &Row, position: usize) -> Option<u64> {
    let mut watch = Watch::default();
    watch.see(row, tick(0));
    (0..200_000).find(|&at| {
        let left = time_to_expiry(terms, row, &watch, position, moment(at));
        left.is_some_and(|left| left.is_zero())
    })
}

#[test]
fn a_holder_dies_when_its_lease_is_over_for_certain() {
    assert_eq!(death(&terms(), &holder(None), 1), Some(10_501));
}

#[test]
fn a_renewal_moves_its_death() {
    let row = Row {
        renewed_at: Some(ms(3_000)),
        ..holder(None)
    };
    assert_eq!(death(&terms(), &row, 1), Some(13_501));
}

#[test]
fn a_deadline_comes_before_the_end_of_the_lease() {
    let row = holder(Some(ms(1_000)));
    assert_eq!(
        death(&terms(), &row, 1),
        Some(3_501),
        "two seconds of margin"
    );
}

#[test]
fn a_later_waiter_comes_later() {
    assert_eq!(death(&terms(), &holder(None), 3), Some(10_901));
}

#[test]
fn an_entry_that_cannot_be_read_never_dies() {
    let row = Row {
        queue: [Entry::read("?")].into(),
        ..Row::default()
    };
    assert_eq!(death(&terms(), &row, 1), None);
    assert_eq!(death(&terms(), &Row::default(), 1), None);
}

#[test]
fn a_time_that_no_honest_clock_wrote_is_not_believed_and_the_lease_is_watched() {
    // Twice the skew beyond the latest possible now is the most that two correct clocks can differ.
    let honest = Row {
        renewed_at: Some(ms(5_500)),
        ..holder(None)
    };
    let fields = honest.holder().and_then(Entry::fields).unwrap();
    assert!(believes(&terms(), &honest, fields, moment(0)));
    let fast = Row {
        renewed_at: Some(ms(3_600_000)),
        ..holder(None)
    };
    assert!(!believes(&terms(), &fast, fields, moment(0)));
    assert_eq!(death(&terms(), &fast, 1), Some(10_001));
}

#[test]
fn an_observer_believes_no_clock() {
    let observer = Terms {
        expiry: Expiry::Observe,
        ..terms()
    };
    let long_ago = Row {
        renewed_at: Some(ms(-3_600_000)),
        ..holder_by(Expiry::Observe, None)
    };
    assert_eq!(death(&observer, &long_ago, 1), Some(10_001));
}

#[test]
fn watching_begins_anew_with_every_renewal() {
    let observer = Terms {
        expiry: Expiry::Observe,
        ..terms()
    };
    let mut watch = Watch::default();
    let mut row = holder_by(Expiry::Observe, None);
    watch.see(&row, tick(0));
    row.renewed_at = Some(ms(0));
    watch.see(&row, tick(9_000));
    watch.see(&row, tick(12_000));
    let left = |at| time_to_expiry(&observer, &row, &watch, 1, moment(at)).unwrap();
    assert_eq!(left(9_000), LEASE + Duration::from_micros(1));
    assert!(left(19_000) > Duration::ZERO && left(19_001).is_zero());
}

#[test]
fn the_age_of_a_hold_goes_on_across_signs_of_life() {
    let mut watch = Watch::default();
    let mut row = holder(None);
    watch.see(&row, tick(0));
    row.renewed_at = Some(ms(9_000));
    watch.see(&row, tick(9_100));
    assert_eq!(
        age(&row, &watch, moment(9_200)),
        Duration::from_millis(9_200)
    );
    let next = Row {
        renewed_at: Some(ms(9_300)),
        ..Row {
            queue: [Entry::read("1")].into(),
            ..Row::default()
        }
    };
    watch.see(&next, tick(9_300));
    assert!(age(&next, &watch, moment(9_400)) <= Duration::from_millis(100));
}

#[test]
fn with_a_dead_holder_those_behind_it_are_dead_who_are_past_their_deadline() {
    let waiter = |ticket, deadline| {
        Entry::from(Fields {
            ticket: Ticket(ticket),
            deadline,
            ..holder(None)
                .holder()
                .and_then(Entry::fields)
                .cloned()
                .unwrap()
        })
    };
    let (late, alive) = (waiter(NOW + 1, Some(ms(0))), waiter(NOW + 2, None));
    let mut row = holder(None);
    row.queue.extend([late.clone(), alive]);
    let mut watch = Watch::default();
    watch.see(&row, tick(0));
    assert_eq!(dead(&terms(), &row, &watch, 3, moment(10_000)), None);
    let (head, behind) = dead(&terms(), &row, &watch, 1, moment(10_501)).unwrap();
    assert_eq!(Some(&head), row.holder());
    assert_eq!(behind, [late]);
}

#[test]
fn a_holder_is_judged_by_the_skew_that_its_entry_names() {
    let row = Row {
        renewed_at: Some(ms(5_500)),
        ..holder(None)
    };
    let fields = row.holder().and_then(Entry::fields).unwrap();
    let careless = Terms {
        skew: Duration::ZERO,
        ..terms()
    };
    assert!(believes(&careless, &row, fields, moment(0)));
    let exact = Fields {
        skew: Duration::from_secs(2),
        ..fields.clone()
    };
    assert!(!believes(&terms(), &row, &exact, moment(0)));
}

#[test]
fn local_clocks_may_differ_by_the_larger_skew_and_from_dynamodb_by_the_holders() {
    let by = |expiry, skew| Terms {
        expiry,
        skew: Duration::from_millis(skew),
        ..terms()
    };
    let row = holder_by(Expiry::Clock, None);
    assert_eq!(death(&by(Expiry::Verified, 0), &row, 1), Some(13_001));
    // Its own skew is a part of what a local clock takes for the earliest possible now.
    assert_eq!(death(&by(Expiry::Clock, 0), &row, 1), Some(13_001));
    assert_eq!(death(&by(Expiry::Clock, 2000), &row, 1), Some(11_001));
    assert_eq!(death(&by(Expiry::Clock, 9000), &row, 1), Some(10_501));
    let verified = holder(None);
    assert_eq!(death(&by(Expiry::Clock, 9000), &verified, 1), Some(10_501));
}

#[test]
fn a_holder_of_another_expiry_mode_blocks_the_key_for_its_lease_and_an_hour() {
    let left = |terms: &Terms, row: &Row| {
        let left = time_to_expiry(terms, row, &Watch::default(), 1, moment(0));
        left.unwrap().as_millis()
    };
    let observer = Terms {
        expiry: Expiry::Observe,
        ..terms()
    };
    let hour = 60 * 60 * 1000;
    assert_eq!(left(&observer, &holder(None)), 10_500 + hour);
    assert_eq!(left(&terms(), &holder(None)), 10_500);
}

#[test]
fn a_waiter_by_a_local_clock_may_be_past_its_deadline_by_its_skew() {
    let waiter = Entry::from(Fields {
        ticket: Ticket(NOW + 1),
        own: ms(0),
        deadline: Some(ms(1_000)),
        ..holder_by(Expiry::Clock, None)
            .holder()
            .and_then(Entry::fields)
            .unwrap()
            .clone()
    });
    let mut row = holder(None);
    row.queue.insert(waiter);
    // Two seconds of margin, half a second of doubt, and the skew.
    let dead = |at| dead_waiters(&terms(), &row, moment(at)).len();
    assert_eq!((dead(6_000), dead(6_001)), (0, 1));
}

#[test]
fn a_late_local_clock_believes_what_others_wrote_within_the_skew() {
    let reach = Duration::from_secs(5);
    let terms = Terms {
        expiry: Expiry::Clock,
        ..terms()
    };
    let latest = moment(0).now.latest + terms.skew + reach;
    for (renewed_at, believed) in [(latest, true), (latest + Duration::from_micros(1), false)] {
        let row = Row {
            renewed_at: Some(renewed_at),
            ..holder_by(Expiry::Clock, None)
        };
        let judged = row.holder().and_then(Entry::fields).unwrap();
        assert_eq!(believes(&terms, &row, judged, moment(0)), believed);
    }
}
