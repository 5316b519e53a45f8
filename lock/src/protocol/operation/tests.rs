use super::*;

const FENCE: Ticket = Ticket(1_763_640_123_456_789);

fn done(until: u64, response: Kept) -> Completion {
    Completion {
        until,
        fence: FENCE,
        fingerprint: None,
        response,
    }
}

fn begun(until: u64) -> Begun {
    let fence = FENCE;
    Begun { until, fence }
}

fn at(second: u64) -> Timestamp {
    Timestamp(second * 1_000_000)
}

#[test]
fn a_line_is_read_as_it_was_written() {
    let print = Fingerprint::of([7; 8]);
    for response in [
        Kept::None,
        Kept::Text("{\"total\": 42}".into()),
        Kept::Text("".into()),
        Kept::Row(51_200),
        Kept::Sealed("c2VhbGVk".into()),
        Kept::SealedRow(51_200),
        Kept::Lost,
    ] {
        for fingerprint in [None, Some(print)] {
            let completion = Completion {
                fingerprint,
                ..done(1_763_812_800, response.clone())
            };
            let read = OperationState::read(&completion.to_string());
            assert_eq!(read, OperationState::Completed(completion));
        }
    }
    let attempt = Attempt {
        until: 1_763_812_800,
        fence: FENCE,
    };
    let read = OperationState::read(&attempt.to_string());
    assert_eq!(read, OperationState::Attempted(attempt));
    let begun = begun(1_763_812_800);
    let read = OperationState::read(&begun.to_string());
    assert_eq!(read, OperationState::Begun(begun));
}

#[test]
fn a_line_reads_as_the_format_says() {
    let completion = done(1_763_812_800, Kept::None);
    let line = "done 1763812800 1763640123456789 - none";
    assert_eq!(completion.to_string(), line);
    let attempt = Attempt::of(FENCE, at(1_763_640_000));
    let line = "attempted 1763812800 1763640123456789";
    assert_eq!(attempt.to_string(), line);
}

#[test]
fn what_is_none_of_ours_is_unreadable() {
    for line in [
        "",
        "done",
        "done 1763812800",
        "done 1763812800 1763640123456789",
        "done 1763812800 1763640123456789 -",
        "done 176381280 1763640123456789 - none",
        "done 1763812800 176364012345678 - none",
        "done 1763812800 1763640123456789 short none",
        "done 1763812800 1763640123456789 - elsewhere",
        "done 1763812800 1763640123456789 - row many",
        "started 1763812800 1763640123456789",
        "begun 1763812800",
    ] {
        assert_eq!(
            OperationState::read(line),
            OperationState::Unreadable,
            "{line}"
        );
    }
}

#[test]
fn one_comparison_tells_what_is_done() {
    let id = OperationId::of([1; 12]);
    let past = |second| UnlessDone::of(id, at(second)).to_string();
    let line = done(1_763_812_800, Kept::Text("x".into())).to_string();
    assert!(line >= past(1_763_812_799));
    assert!(line >= past(1_763_812_800));
    assert!(line < past(1_763_812_801));
    assert!(Attempt::of(FENCE, at(1_763_812_800)).to_string() < past(0));
}

#[test]
fn two_comparisons_tell_what_nobody_may_begin() {
    let unless = UnlessDone::of(OperationId::of([1; 12]), at(1_763_812_800));
    let (past, done_from) = unless.unless_begun();
    let may_begin =
        |line: &str| line < past.as_str() || line > done_from && line < unless.to_string().as_str();
    let (over, live) = (1_763_812_799, 1_763_812_800);
    assert!(may_begin(&Attempt::of(FENCE, at(live)).to_string()));
    assert!(may_begin(&begun(over).to_string()));
    assert!(!may_begin(&begun(live).to_string()));
    assert!(may_begin(&done(over, Kept::None).to_string()));
    assert!(!may_begin(&done(live, Kept::None).to_string()));
}

#[test]
fn a_window_is_over_when_it_is_so_for_certain() {
    let state = OperationState::Completed(done(1_763_812_800, Kept::None));
    let last = Timestamp(1_763_812_800_999_999);
    assert!(state.completed(last).is_some() && !state.is_expired(last));
    let over = at(1_763_812_801);
    assert!(state.completed(over).is_none() && state.is_expired(over));
    assert!(!OperationState::Unreadable.is_expired(over));
}

#[test]
fn a_window_counts_from_the_latest_now_and_has_a_bound() {
    let now = Timestamp(1_763_640_000_000_001);
    assert_eq!(done_until(now, Duration::from_secs(10)), 1_763_640_011);
    let longest = done_until(now, Duration::MAX);
    assert_eq!(longest, 1_763_640_001 + LONGEST_WINDOW.as_secs());
}

#[test]
fn an_update_forgets_what_is_over_but_nothing_that_it_speaks_of() {
    let (attempted, completed) = (OperationId::of([0; 12]), OperationId::of([1; 12]));
    let over = OperationState::Completed(done(1, Kept::None));
    let operations = (0..100)
        .map(|n| (OperationId::of([n; 12]), over.clone()))
        .collect();
    let update = OperationUpdate {
        attempted: Some((attempted, Attempt::of(FENCE, at(2)))),
        completes: [(completed, done(9, Kept::None))].into(),
        ..OperationUpdate::default()
    };
    let update = update.forgetting(&operations, at(2));
    assert_eq!(update.forgets.len(), MOST_FORGOTTEN);
    assert!(!update.forgets.contains(&attempted));
    assert!(!update.forgets.contains(&completed));
}

#[test]
fn what_is_remembered_is_bounded_to_the_second() {
    assert_eq!(LONGEST_WINDOW.as_secs(), 604_800);
    assert_eq!(ATTEMPT_KEPT.as_secs(), 172_800);
    assert_eq!(keeps_row_until(1_763_812_800), 1_763_899_200);
}

#[test]
fn what_is_said_until_a_second_is_over_in_the_next_one() {
    let attempt = Attempt {
        until: 100,
        fence: FENCE,
    };
    for state in [
        OperationState::Attempted(attempt),
        OperationState::Begun(begun(100)),
        OperationState::Completed(done(100, Kept::None)),
    ] {
        assert!(!state.is_expired(at(99)), "{state:?}");
        assert!(!state.is_expired(at(100)), "{state:?}");
        assert!(state.is_expired(at(101)), "{state:?}");
    }
    assert!(!OperationState::Unreadable.is_expired(at(101)));
    assert!(begun(100).counts(at(100)) && !begun(100).counts(at(101)));
}

/// The completion of a run with this fence, in a row.
fn completed(n: u8) -> (OperationId, OperationState) {
    let completion = Completion {
        fence: Ticket(1_763_640_000_000_000 + u64::from(n)),
        ..done(9, Kept::None)
    };
    let state = OperationState::Completed(completion);
    (OperationId::of([n; 12]), state)
}

fn attempted(n: u8) -> (OperationId, OperationState) {
    let attempt = Attempt {
        until: 9,
        fence: Ticket(1_763_640_000_000_000 + u64::from(n)),
    };
    (OperationId::of([n; 12]), OperationState::Attempted(attempt))
}

fn numbers(ids: impl IntoIterator<Item = OperationId>) -> Vec<u8> {
    let of = |id| (0..=u8::MAX).find(|&n| OperationId::of([n; 12]) == id);
    ids.into_iter().filter_map(of).collect()
}

#[test]
fn a_row_keeps_the_latest_attempts_only() {
    let operations: BTreeMap<_, _> = (0..15).map(attempted).chain([completed(99)]).collect();
    let update = OperationUpdate {
        completes: [(OperationId::of([0; 12]), done(9, Kept::None))].into(),
        ..OperationUpdate::default()
    };
    let update = update.forgetting(&operations, at(2));
    assert_eq!(numbers(update.forgets), [1, 2, 3, 4]);
}

/// The completion that each of these brings.
fn bringing(many: u8) -> Completions {
    let new = (200..200 + many).map(|n| (OperationId::of([n; 12]), done(9, Kept::None)));
    new.collect()
}

#[test]
fn the_oldest_completions_leave_a_row_that_is_full() {
    // A completion has 56 bytes.
    let operations: BTreeMap<_, _> = (1..=5).map(completed).collect();
    let surplus = |brings, room| {
        let surplus = room::surplus(&operations, &bringing(brings), room, at(2));
        numbers(surplus.into_keys())
    };
    assert!(surplus(1, 6 * 56).is_empty());
    assert_eq!(surplus(1, 6 * 56 - 1), [1]);
    assert_eq!(surplus(1, 5 * 56), [1]);
    assert_eq!(surplus(2, 5 * 56), [1, 2]);
    assert_eq!(surplus(1, 0), [1, 2, 3, 4, 5]);
}

#[test]
fn nothing_leaves_a_row_but_completions_that_count() {
    let over = (
        OperationId::of([50; 12]),
        OperationState::Completed(done(1, Kept::None)),
    );
    let begun = OperationState::Begun(begun(9));
    let begun = (OperationId::of([51; 12]), begun);
    let again = (OperationId::of([200; 12]), completed(2).1);
    let unreadable = (OperationId::of([52; 12]), OperationState::Unreadable);
    let all = [completed(7), attempted(60), over, begun, again, unreadable];
    let surplus = room::surplus(&all.into(), &bringing(1), 0, at(2));
    assert_eq!(numbers(surplus.into_keys()), [7]);
}

#[test]
fn as_many_leave_a_row_as_a_batch_brings_and_some_more() {
    let operations: BTreeMap<_, _> = (0..190).map(completed).collect();
    let leave = |brings| room::surplus(&operations, &bringing(brings), 500, at(2)).len();
    assert_eq!(leave(1), 9);
    assert_eq!(leave(50), 58);
}
