//! What the driver is told beside the next action.

use super::*;

fn dead() -> Entry {
    other(-20_000)
}

#[test]
fn what_a_client_has_watched_counts_for_its_next_acquisition() {
    let observe = |entry: Entry| {
        Entry::from(Fields {
            expiry: Expiry::Observe,
            ..entry.fields().cloned().unwrap()
        })
    };
    let observer = Terms {
        expiry: Expiry::Observe,
        ..terms()
    };
    let mut first = Hand::new(observer.clone());
    first.applied(first.with_me([observe(dead())]));
    let watched = first.acquisition.watch().clone();
    let mut next = Hand {
        acquisition: Acquisition::new(observer).having_watched(watched),
        millis: 10_001,
        asked: Action::Poll,
    };
    next.happens(Event::Begin);
    next.applied(next.with_me([observe(dead())]))
        .asks_for("evict");
}

#[test]
fn a_lease_until_the_deadline_is_told_from_one_that_is_renewed() {
    let mut hand = Hand::new(terms());
    hand.applied(hand.with_me([])).acts_for(9_750);
    assert!(!hand.acquisition.until_deadline());
    let mut hand = Hand::new(Terms {
        deadline: Some(tick(5_000)),
        ..terms()
    });
    hand.applied(hand.with_me([])).acts_for(5_000);
    assert!(hand.acquisition.until_deadline());
}

#[test]
fn an_entry_leaves_a_trace_only_where_a_copy_may_have_entered() {
    let mut hand = Hand::new(terms());
    assert!(!hand.acquisition.leaves_a_trace(), "its answer is awaited");
    hand.lost();
    assert!(hand.acquisition.leaves_a_trace());

    let mut hand = Hand::new(trial());
    hand.refused(row([dead(), other(-100)])).asks_for("evict");
    assert!(!hand.acquisition.leaves_a_trace(), "no copy is on its way");
    let mut hand = Hand::new(trial());
    hand.lost();
    hand.refused(row([dead(), other(-100)])).asks_for("evict");
    assert!(hand.acquisition.leaves_a_trace());

    let mut hand = Hand::new(terms());
    hand.applied(hand.with_me([dead()])).asks_for("evict");
    assert!(hand.acquisition.leaves_a_trace(), "it is in the queue");
}

/// Others are at work on the row, or it is damaged.
#[test]
fn a_place_that_is_contended_is_asked_for_again_after_a_pause() {
    let mut hand = Hand::new(trial());
    for nth in 0..4 {
        hand.refused(anchored(row([dead()]), -19_000 + nth));
        hand.asks_for("evict and enter");
    }
    hand.refused(anchored(row([dead()]), -18_000));
    assert_eq!(hand.asked, Action::Pause(Pause::Herd(4)));
    hand.happens(Event::Woken).asks_for("try");
}

#[test]
fn a_place_that_an_earlier_copy_has_taken_is_ours() {
    let mut hand = Hand::new(trial());
    for nth in 0..4 {
        hand.refused(anchored(row([dead()]), -19_000 + nth));
    }
    hand.refused(anchored(hand.with_me([]), 0)).acts_for(9_750);
}

#[test]
fn a_heartbeat_that_conflicts_again_and_again_waits_and_is_above_what_was_seen() {
    let mut hand = Hand::new(terms());
    hand.applied(hand.with_me([])).acts_for(9_750);
    hand.happens(Event::Heartbeat);
    for nth in 1..=3 {
        hand.refused(anchored(hand.with_me([]), nth * 1_000));
        hand.asks_for("heartbeat");
    }
    hand.refused(anchored(hand.with_me([]), 5_000));
    assert_eq!(hand.asked, Action::Pause(Pause::Herd(4)));
    hand.happens(Event::Woken);
    let above = Timestamp(at(5_000).0 + 1);
    assert!(matches!(hand.write(), Write::Heartbeat { now, .. } if *now == above));
}

#[test]
fn a_write_says_which_entry_it_brings() {
    let hand = Hand::new(terms());
    assert_eq!(hand.write().enters(), Some(&hand.me()));
    let hand = Hand::new(trial());
    assert_eq!(hand.write().enters(), Some(&hand.me()));
    let mut hand = Hand::new(trial());
    hand.refused(row([dead()])).asks_for("evict and enter");
    assert_eq!(hand.write().enters(), Some(&hand.me()));
    let mut hand = Hand::new(terms());
    hand.applied(hand.with_me([]));
    hand.happens(Event::Release);
    assert_eq!(hand.write().enters(), None);
}

#[test]
fn a_client_that_has_just_stood_behind_another_dates_an_old_row_before_it_acts() {
    const HOURS: u64 = 22 * 60 * 60 * 1000;
    let mut hand = Hand::new(terms());
    hand.applied(hand.with_me([other(-1_000)]));
    hand.later(HOURS - 1_000);
    let hours = i64::try_from(HOURS).unwrap();
    let alive = anchored(hand.with_me([other(-1_000)]), hours - 1_500);
    hand.sees(alive);
    hand.later(1_000);
    hand.sees(anchored(hand.with_me([]), hours - 500));
    assert!(matches!(
        hand.write(),
        Write::Heartbeat { ttl: Some(_), .. }
    ));
}

#[test]
fn a_fail_closed_holder_acts_once_the_row_says_that_it_has_begun() {
    let closed = Terms {
        on_expiry: OnExpiry::Hold,
        ..terms()
    };
    let with = |hand: &Hand, pinned| Row {
        hold_on_expiry: true,
        pinned,
        ..hand.with_me([])
    };
    let mut hand = Hand::new(closed.clone());
    let ours = with(&hand, Some(hand.acquisition.ticket()));
    hand.applied(ours);
    assert!(matches!(hand.asked, Action::Act(_)), "{:?}", hand.asked);
    let mut hand = Hand::new(closed);
    let not_yet = with(&hand, Some(Ticket(7)));
    hand.applied(not_yet).asks_for("heartbeat");
}

#[test]
fn a_trial_enters_what_is_free_and_the_place_of_all_the_dead() {
    let mut hand = Hand::new(trial());
    hand.refused(Row::default()).asks_for("try");

    let over = Entry::from(Fields {
        deadline: Some(at(-3_000)),
        ..other(-10_000).fields().cloned().unwrap()
    });
    let mut hand = Hand::new(trial());
    hand.refused(row([dead(), over]))
        .asks_for("evict and enter");
}

#[test]
fn a_trial_whose_ticket_has_passed_takes_a_higher_one_where_no_living_client_holds() {
    let passed = |row: Row| Row {
        last: Some(Ticket(at(5_000).0)),
        ..row
    };
    for row in [Row::default(), row([dead()])] {
        let mut hand = Hand::new(trial());
        hand.refused(passed(row)).asks_for("try");
        assert!(hand.acquisition.ticket() > Ticket(at(5_000).0));
    }
    let mut hand = Hand::new(trial());
    hand.refused(passed(row([other(-100)])))
        .is_refused(RefusalReason::Busy);
}

#[test]
fn an_old_ticket_of_which_no_copy_is_on_its_way_is_replaced_at_once() {
    let mut hand = Hand::new(terms());
    let first = hand.acquisition.ticket();
    hand.later(61_000);
    hand.refused(Row::default()).asks_for("enqueue");
    assert!(hand.acquisition.ticket() > first);
}

#[test]
fn the_last_ticket_of_16_digits_is_sent() {
    let mut hand = Hand::new(terms());
    let almost = Ticket(Ticket::MAX.0 - 1);
    hand.refused(Row {
        last: Some(almost),
        ..Row::default()
    });
    hand.asks_for("enqueue");
    assert_eq!(hand.acquisition.ticket(), Ticket::MAX);
}

/// The clock turns out to have been late by this when the entry was written.
fn late_by(millis: u64, elapsed: u64) -> Moment {
    Moment {
        tick: tick(elapsed),
        ..moment(elapsed + millis)
    }
}

#[test]
fn a_deadline_is_dated_anew_where_others_would_end_it_more_than_their_margin_too_early() {
    let until = |millis| Terms {
        deadline: Some(tick(millis)),
        ..terms()
    };
    // A second of what was too early costs nothing, and two more are the margin.
    for (late, anew) in [(3_000, false), (3_001, true)] {
        let mut hand = Hand::new(until(60_000));
        let entered = Event::Answered(Answer::Applied(hand.with_me([])));
        let asked = hand.acquisition.step(entered, late_by(late, 0));
        let leaves = matches!(asked, Action::Write(Write::Withdraw { .. }));
        assert_eq!(leaves, anew, "{late}: {asked:?}");
    }
    // One that would be over before it is of use.
    let mut hand = Hand::new(until(2_000));
    let entered = Event::Answered(Answer::Applied(hand.with_me([])));
    let asked = hand.acquisition.step(entered, late_by(2_900, 200));
    assert!(matches!(asked, Action::Write(Write::Withdraw { .. })));
    let left = Event::Answered(Answer::Applied(row([])));
    let asked = hand.acquisition.step(left, late_by(2_900, 201));
    assert!(matches!(asked, Action::Write(Write::Enqueue { .. })));
}

#[test]
fn a_holder_whose_deadline_was_dated_too_early_goes_on_until_that() {
    let mut hand = Hand::new(Terms {
        deadline: Some(tick(60_000)),
        ..terms()
    });
    hand.applied(hand.with_me([])).acts_for(9_750);
    hand.later(1_000);
    hand.happens(Event::Heartbeat);
    let renewed = Event::Answered(Answer::Applied(anchored(hand.with_me([]), 8_000)));
    let asked = hand.acquisition.step(renewed, late_by(5_000, 1_000));
    assert!(matches!(asked, Action::Act(_)), "{asked:?}");
}

#[test]
fn a_contended_place_that_a_copy_may_yet_enter_is_given_up_with_its_ticket() {
    let mut hand = Hand::new(trial());
    hand.lost();
    for nth in 0..4 {
        hand.refused(anchored(row([dead()]), -19_000 + nth));
        hand.asks_for("evict and enter");
    }
    hand.refused(anchored(row([dead()]), -18_000))
        .asks_for("invalidate");
}

#[test]
fn only_fail_closed_holders_begin_and_hand_on_what_was_pinned() {
    for on_expiry in [OnExpiry::TakeOver, OnExpiry::Hold] {
        let closed = on_expiry == OnExpiry::Hold;
        let mut hand = Hand::new(Terms {
            on_expiry,
            ..terms()
        });
        let ticket = Some(hand.acquisition.ticket());
        hand.applied(Row {
            hold_on_expiry: closed,
            pinned: ticket.filter(|_| closed),
            ..hand.with_me([])
        });
        hand.happens(Event::Heartbeat);
        let Write::Heartbeat { begins, .. } = *hand.write() else {
            panic!("{:?}", hand.asked);
        };
        assert_eq!(begins, ticket.filter(|_| closed));
        hand.happens(Event::Release);
        let Write::Release { hold_on_expiry, .. } = *hand.write() else {
            panic!("{:?}", hand.asked);
        };
        assert_eq!(hold_on_expiry, closed);
    }
}

/// Whatever it has waited, its predecessor was seen a moment ago, so nobody can have watched it for a lease.
#[test]
fn a_waiter_that_saw_its_predecessor_a_moment_ago_needs_no_confirmation() {
    let mut hand = Hand::new(terms());
    hand.applied(hand.with_me([other(-1_000)]));
    hand.later(29_000);
    hand.sees(anchored(hand.with_me([other(-1_000)]), 28_000));
    hand.later(1_000);
    hand.sees(anchored(hand.with_me([]), 29_500))
        .acts_for(9_250);
}

#[test]
fn a_key_is_fail_closed_for_all_its_clients_from_its_first_use() {
    let closed = || Terms {
        on_expiry: OnExpiry::Hold,
        wait_mode: WaitMode::Try,
        ..terms()
    };
    let used = |hold_on_expiry| Row {
        last: Some(Ticket(at(5_000).0)),
        hold_on_expiry,
        ..Row::default()
    };
    Hand::new(closed())
        .refused(used(false))
        .is_refused(RefusalReason::Mismatch);
    Hand::new(closed()).refused(used(true)).asks_for("try");
    Hand::new(closed()).refused(Row::default()).asks_for("try");
}

#[test]
fn a_row_is_dated_anew_as_soon_as_it_might_not_outlive_the_lease() {
    const HOUR: u64 = 60 * 60 * 1000;
    let dates = |lease: u64, after: u64| {
        let mut hand = Hand::new(Terms {
            lease: Duration::from_millis(lease),
            ..terms()
        });
        hand.applied(hand.with_me([]));
        hand.later(after);
        hand.happens(Event::Heartbeat);
        let Write::Heartbeat { ttl, .. } = *hand.write() else {
            panic!("{:?}", hand.asked);
        };
        ttl.is_some()
    };
    // Half of the day that the row is kept.
    assert!(!dates(HOUR, 12 * HOUR) && dates(HOUR, 12 * HOUR + 1));
    // A lease of 21 hours leaves the eighth of a day that is kept beyond it, and no more.
    assert!(!dates(21 * HOUR, 0) && dates(21 * HOUR, 1));
}
