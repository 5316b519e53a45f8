use super::*;
use crate::protocol::entry::Owner;
use crate::protocol::nonce::Nonce;

const NOW: u64 = 1_763_640_000_000_000;
const SECOND: u64 = 1_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp(NOW.checked_add_signed(second * SECOND as i64).unwrap())
}

/// Who came this many seconds from now, and ends that many from now.
fn entry(second: i64, deadline: Option<i64>) -> Entry {
    Entry::from(Fields {
        ticket: Ticket(at(second).0),
        own: at(second),
        lease: Duration::from_secs(10),
        deadline: deadline.map(at),
        expiry: Expiry::Verified,
        skew: Duration::from_millis(2500),
        nonce: Nonce::new(0),
        owner: Owner::default(),
        operation: None,
    })
}

fn row(queue: impl IntoIterator<Item = Entry>) -> Row {
    Row {
        queue: queue.into_iter().collect(),
        ..Row::default()
    }
}

#[test]
fn the_smallest_entry_holds_and_the_others_wait_in_order() {
    let row = row([entry(-1, None), entry(-3, None), entry(-2, None)]);
    assert_eq!(row.holder(), Some(&entry(-3, None)));
    assert_eq!(row.position(&entry(-3, None)), Some(0));
    assert_eq!(row.position(&entry(-1, None)), Some(2));
    assert_eq!(row.position(&entry(-4, None)), None);
}

#[test]
fn a_ticket_has_passed_once_it_is_not_above_the_last() {
    let row = Row {
        last: Some(Ticket(7)),
        ..Row::default()
    };
    assert!(row.has_passed(Ticket(6)) && row.has_passed(Ticket(7)));
    assert!(!row.has_passed(Ticket(8)));
    assert!(!Row::default().has_passed(Ticket(0)));
}

#[test]
fn a_lease_counts_from_the_later_of_own_time_and_renewal_time() {
    let row = |renewed_at| Row {
        renewed_at,
        ..row([entry(-5, None)])
    };
    assert_eq!(row(None).lease_ends(), Some(at(5)));
    assert_eq!(row(Some(at(-9))).lease_ends(), Some(at(5)));
    assert_eq!(row(Some(at(-1))).lease_ends(), Some(at(9)));
    assert_eq!(Row::default().lease_ends(), None);
}

#[test]
fn an_entry_that_cannot_be_read_holds_for_ever() {
    let row = row([Entry::read("0 what is this"), entry(-1, None)]);
    assert_eq!(row.holder().unwrap().as_str(), "0 what is this");
    assert_eq!(row.lease_ends(), None);
}

#[test]
fn a_waiter_is_dead_past_its_deadline_and_the_margin_for_certain() {
    // Two seconds of margin, and then by the earliest possible now.
    let waiters = [entry(-30, Some(-3)), entry(-20, Some(-2)), entry(-10, None)];
    let holder = entry(-40, Some(-30));
    let row = row([holder].into_iter().chain(waiters.clone()));
    let dead: Vec<_> = row.dead_waiters(|_| at(0)).cloned().collect();
    assert_eq!(
        dead,
        waiters[..1],
        "neither the holder nor those who may still live"
    );
}

#[test]
fn observers_and_others_are_told_apart() {
    let row = row([entry(-1, None)]);
    assert_eq!(row.conflicting_expiry(Expiry::Verified), None);
    assert_eq!(row.conflicting_expiry(Expiry::Clock), None);
    assert_eq!(
        row.conflicting_expiry(Expiry::Observe),
        Some(&entry(-1, None))
    );
    let unreadable = Row {
        queue: [Entry::read("?")].into(),
        ..Row::default()
    };
    assert_eq!(unreadable.conflicting_expiry(Expiry::Observe), None);
}

#[test]
fn the_entry_right_before_another_one_is_found() {
    let row = row([entry(-3, None), entry(-2, None), entry(-1, None)]);
    assert_eq!(row.before(&entry(-1, None)), Some(&entry(-2, None)));
    assert_eq!(row.before(&entry(-3, None)), None);
}

#[test]
fn only_the_holder_pins() {
    let (first, second) = (entry(-3, None), entry(-2, None));
    let row = |pinned| Row {
        pinned,
        ..row([first.clone(), second.clone()])
    };
    assert!(row(first.ticket()).is_pinned());
    assert!(!row(second.ticket()).is_pinned());
    assert!(!row(None).is_pinned());
    let nobody = Row::default();
    assert!(!nobody.is_pinned());
}

#[test]
fn a_later_format_counts_in_the_row_and_before_an_entry() {
    let later = Entry::read("1763639990000000 v2 anything");
    let (before, behind) = (entry(-20, None), entry(-1, None));
    let with = |format| Row {
        format,
        ..row([before.clone(), later.clone(), behind.clone()])
    };
    assert_eq!(later.later_format(), Some(2), "so it is one");
    assert_eq!(with(None).later_format(&before), None);
    assert_eq!(with(None).later_format(&later), None, "it knows itself");
    assert_eq!(with(None).later_format(&behind), Some(2));
    assert_eq!(with(None).later_format(&entry(5, None)), Some(2));
    assert_eq!(with(Some(1)).later_format(&before), None);
    assert_eq!(with(Some(2)).later_format(&before), Some(2));
}

#[test]
fn an_observer_among_others_is_found_whoever_stands_before_it() {
    let observer = Entry::from(Fields {
        expiry: Expiry::Observe,
        ..entry(-1, None).fields().cloned().unwrap()
    });
    let row = row([entry(-2, None), observer.clone()]);
    assert_eq!(row.conflicting_expiry(Expiry::Clock), Some(&observer));
    assert_eq!(
        row.conflicting_expiry(Expiry::Observe),
        Some(&entry(-2, None))
    );
}
