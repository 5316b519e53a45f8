use std::hash::{DefaultHasher, Hash, Hasher};

use super::*;

const SECOND: u64 = 1_000_000;

fn fields() -> Fields {
    Fields {
        ticket: Ticket(1_763_640_123_456_789),
        own: Timestamp(1_763_640_124_456_789),
        lease: Duration::from_secs(10),
        deadline: None,
        expiry: Expiry::Verified,
        skew: Duration::from_millis(2500),
        nonce: Nonce::new(0x5_1234_5678),
        owner: Owner::new("orders"),
        operation: None,
    }
}

fn read(text: &str) -> Option<Fields> {
    Entry::read(text).fields().cloned()
}

#[test]
fn an_entry_is_a_line_that_a_person_can_read() {
    let deadline = Some(Timestamp(fields().own.0 + 31 * SECOND));
    let entry = Entry::from(Fields {
        deadline,
        ..fields()
    });
    assert_eq!(
        entry.as_str(),
        "1763640123456789 v1 1s 10s 2500 31 0m938nkr orders"
    );
}

#[test]
fn an_entry_is_read_back_as_it_was_written() {
    let own = fields().own;
    for deadline in [None, Some(own), Some(Timestamp(own.0 + 900 * SECOND))] {
        for expiry in [Expiry::Verified, Expiry::Clock, Expiry::Observe] {
            for owner in ["", "orders", "a b%c"] {
                let written = Fields {
                    deadline,
                    expiry,
                    owner: Owner::new(owner),
                    ..fields()
                };
                assert_eq!(read(&written.to_string()), Some(written));
            }
        }
    }
}

#[test]
fn a_time_is_written_too_late_rather_than_too_early() {
    for own in [
        -1_500_001,
        -1000,
        -999,
        -1,
        0,
        1,
        999,
        1000,
        1001,
        3_600_000_001_i64,
    ] {
        let own = Timestamp(fields().ticket.0.checked_add_signed(own).unwrap());
        let deadline = Timestamp(own.0 + 1);
        let written = Fields {
            own,
            deadline: Some(deadline),
            ..fields()
        };
        let found = read(&written.to_string()).unwrap();
        let late = found.own.0.checked_sub(own.0).expect("never too early");
        assert!(late < 1000, "{late} microseconds too late");
        let deadline = found.deadline.unwrap().0.checked_sub(deadline.0);
        assert!(deadline.expect("never too early") < SECOND + 1000);
    }
}

#[test]
fn the_order_of_the_text_is_the_order_of_the_tickets() {
    let tickets = [0, 9, 10, 999_999, 1_763_640_123_456_789, Ticket::MAX.0];
    let entry = |ticket: u64, nonce| {
        Entry::from(Fields {
            ticket: Ticket(ticket),
            own: Timestamp(ticket + 7 * SECOND),
            nonce: Nonce::new(nonce),
            ..fields()
        })
    };
    for pair in tickets.windows(2) {
        assert!(entry(pair[0], u64::MAX) < entry(pair[1], 0), "{pair:?}");
    }
    assert_ne!(entry(7, 1), entry(7, 2), "the nonce tells them apart");
}

#[test]
fn what_is_no_entry_is_kept_as_it_is_and_says_nothing() {
    for text in [
        "",
        " ",
        "something",
        "1763640123456789",
        "1763640123456789 v1 1s 10s 2500 -",
        "1763640123456789  v1 1s 10s 2500 - 0m938nkr",
        "176364012345678 v1 1s 10s 2500 - 0m938nkr",
        "+763640123456789 v1 1s 10s 2500 - 0m938nkr",
        "1763640123456789 v1 1s 1e3 2500 - 0m938nkr",
        "1763640123456789 v1 1s -1 2500 - 0m938nkr",
        "1763640123456789 v1 1s 10s -1 - 0m938nkr",
        "1763640123456789 v1 1s 10s 2500 -1 0m938nkr",
        "1763640123456789 v1 1s 10s 2500 - 0m938nk",
        "1763640123456789 v1 1s 10s 2500 - 0m938nkI",
        "1763640123456789 v1 -9223372036854775808 10s 2500 - 0m938nkr",
        "1763640123456789 v1 9223372036854775s 10s 2500 - 0m938nkr",
        "1763640123456789 v1 -1763640123457 10s 2500 - 0m938nkr",
        "1763640123456789 v1 9223372036854775807 10s 2500 - 0m938nkr",
        "1763640123456789 x1 1s 10s 2500 - 0m938nkr",
        "1763640123456789 v 1s 10s 2500 - 0m938nkr",
        "1763640123456789 v0 1s 10s 2500 - 0m938nkr",
        "1763640123456789 v+1 1s 10s 2500 - 0m938nkr",
        "1763640123456789 1 1s 10s 2500 - 0m938nkr",
        "1763640123456789 X2 1s 10s 2500 - 0m938nkr",
        "1763640123456789 :2 1s 10s 2500 - 0m938nkr",
    ] {
        let entry = Entry::read(text);
        assert_eq!(entry.as_str(), text);
        assert_eq!(entry.fields(), None, "{text:?}");
        assert_eq!(entry.later_format(), None, "{text:?}");
    }
}

/// As this version has written them; every later one must read them so.
#[test]
fn recorded_entries_are_read_as_they_were_meant() {
    let second = Duration::from_secs(1);
    for line in [
        "1763640123456789 v1 1s 10s 2500 31 0m938nkr orders",
        "1763640123456789 v1 1000 10000 2500 31 0m938nkr orders",
    ] {
        let deadline = Some(fields().own + 31 * second);
        assert_eq!(
            read(line),
            Some(Fields {
                deadline,
                ..fields()
            }),
            "{line}"
        );
    }
    let minimal = Fields {
        own: Timestamp(fields().ticket.0 - 1_500_000),
        lease: second / 2,
        skew: Duration::ZERO,
        expiry: Expiry::Observe,
        owner: Owner::default(),
        ..fields()
    };
    assert_eq!(
        read("1763640123456789 o1 -1500 500 0 - 0m938nkr"),
        Some(minimal)
    );
}

#[test]
fn fields_that_a_later_version_adds_are_ignored() {
    let line = fields().to_string();
    assert_eq!(read(&format!("{line} and more")), Some(fields()));
    let nobodys = Fields {
        owner: Owner::default(),
        ..fields()
    };
    assert_eq!(read(&format!("{nobodys} - more")), Some(nobodys));
}

#[test]
fn an_entry_of_a_later_format_is_told_from_one_that_cannot_be_read() {
    for line in [
        "1763640123456789 v2 1s 10s 2500 - 0m938nkr",
        "1763640123456789 x2 anything",
        "1763640123456789 o4294967295",
    ] {
        let entry = Entry::read(line);
        assert_eq!(entry.fields(), None, "{line}");
        assert!(entry.later_format() > Some(1), "{line}");
    }
    assert_eq!(Entry::from(fields()).later_format(), None);
}

#[test]
fn a_ticket_of_17_digits_is_none() {
    assert_eq!(Ticket::MAX.0.to_string().len(), 16);
    let entry = Entry::from(Fields {
        ticket: Ticket(Ticket::MAX.0 + 1),
        ..fields()
    });
    assert_eq!(entry.ticket(), None);
}

#[test]
fn the_longest_times_can_still_be_read() {
    let written = Fields {
        lease: Duration::from_millis(u32::MAX.into()),
        deadline: Some(Timestamp(u64::MAX)),
        ..fields()
    };
    let found = read(&written.to_string()).unwrap();
    assert_eq!(found.lease, written.lease);
    assert_eq!(found.deadline, written.deadline);
}

#[test]
fn a_label_cannot_break_the_line() {
    assert_eq!(Owner::new("a b\n100%").as_str(), "a%20b%0A100%25");
    assert_eq!(Owner::new("größe").as_str(), "gr%C3%B6%C3%9Fe");
}

#[test]
fn a_label_is_bounded_and_no_escape_is_cut() {
    assert_eq!(Owner::new(&"x".repeat(100)).as_str(), "x".repeat(32));
    let escapes = Owner::new(&" ".repeat(100));
    assert_eq!(escapes.as_str(), "%20".repeat(10));
}

#[test]
fn the_owner_of_an_entry_that_another_program_wrote_is_safe_to_print() {
    let line = format!(
        "{} evil\nFATAL\u{1b}[2J",
        "1763640123456789 v1 0 10s 2500 - 5j2k9x0a"
    );
    let entry = Entry::read(line.as_str());
    let owner = &entry.fields().unwrap().owner;
    assert_eq!(owner.as_str(), "evil%0AFATAL%1B[2J");
    assert_eq!(
        entry.as_str(),
        line,
        "the line itself is what the table has"
    );
}

#[test]
fn additional_attributes_are_a_mark_that_no_comparison_sees() {
    let hash = |entry: &Entry| {
        let mut hasher = DefaultHasher::new();
        entry.hash(&mut hasher);
        hasher.finish()
    };
    let (plain, other) = (Entry::from(fields()), Entry::read("another line"));
    let marked = plain.clone().attributed();
    assert!(marked.is_attributed() && !plain.is_attributed());
    assert_eq!((&marked, hash(&marked)), (&plain, hash(&plain)));
    assert_eq!(marked.fields(), plain.fields());
    assert_ne!(hash(&plain), hash(&other));
    assert_eq!(
        marked.to_string(),
        plain.as_str(),
        "it is no part of the line"
    );
}
