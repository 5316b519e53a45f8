use super::*;

/// A ticket of 17 digits would not sort any more.
const NO_ROOM: Ticket = Ticket::MAX;

#[test]
fn the_first_step_is_an_enqueue_and_a_trial_where_nobody_waits() {
    Hand::new(terms()).asks_for("enqueue");
    Hand::new(trial()).asks_for("try");
}

#[test]
fn the_ticket_is_the_likely_now_and_the_own_time_the_latest() {
    let mut acquisition = Acquisition::new(terms());
    let now = TimeInterval {
        earliest: at(-2500),
        likely: at(0),
        latest: at(1000),
    };
    let action = acquisition.step(Event::Begin, Moment { now, tick: tick(0) });
    let Action::Write(Write::Enqueue { me, ticket, .. }) = action else {
        panic!("{action:?}");
    };
    assert_eq!(ticket, Ticket(at(0).0));
    assert_eq!(me.fields().unwrap().own, at(1000));
    assert_eq!(me.ticket(), Some(ticket));
}

#[test]
fn a_client_that_is_alone_acts_for_a_lease() {
    let mut hand = Hand::new(terms());
    hand.applied(hand.with_me([])).acts_for(9_750);
}

#[test]
fn a_lease_counts_from_before_the_enqueue_left() {
    let mut hand = Hand::new(terms());
    hand.later(400);
    hand.applied(hand.with_me([])).acts_for(9_350);
}

#[test]
fn a_slow_answer_that_leaves_less_than_half_a_lease_is_confirmed_for() {
    let mut hand = Hand::new(terms());
    hand.later(5_000);
    hand.applied(hand.with_me([])).asks_for("heartbeat");
    let row = anchored(hand.with_me([]), 5_000);
    hand.applied(row).acts_for(9_750);
}

#[test]
fn an_entry_whose_deadline_was_dated_too_early_is_drawn_anew() {
    for others in [None, Some(other(-1_000))] {
        let deadline = Some(tick(60_000));
        let mut hand = Hand::new(Terms {
            deadline,
            ..terms()
        });
        let moved = moment(3_600_000);
        let late = Moment {
            tick: tick(10),
            ..moved
        };
        let entered = hand.with_me(others.clone());
        let mut answered = |row| {
            let answer = Event::Answered(Answer::Applied(row));
            hand.acquisition.step(answer, late)
        };
        let left = answered(entered);
        assert!(
            matches!(left, Action::Write(Write::Withdraw { .. })),
            "{left:?}"
        );
        let Action::Write(Write::Enqueue { me, .. }) = answered(row(others)) else {
            panic!("it comes again");
        };
        let dated = me.fields().unwrap().deadline.unwrap();
        assert!(dated >= moved.now.latest + Duration::from_millis(59_990));
    }
}

#[test]
fn nobody_acts_beyond_the_deadline() {
    let deadline = Some(tick(3_000));
    let mut hand = Hand::new(Terms {
        deadline,
        ..terms()
    });
    assert_eq!(hand.me().fields().unwrap().deadline, Some(at(3_000)));
    hand.applied(hand.with_me([])).acts_for(3_000);
}

#[test]
fn an_answer_that_comes_after_the_deadline_is_no_grant() {
    let deadline = Some(tick(3_000));
    let mut hand = Hand::new(Terms {
        deadline,
        ..terms()
    });
    hand.later(3_000);
    hand.applied(hand.with_me([])).asks_for("withdraw");
    hand.applied(row([])).is_refused(RefusalReason::TimedOut);
}

#[test]
fn a_lost_answer_is_settled_by_the_same_write() {
    for terms in [terms(), trial()] {
        let mut hand = Hand::new(terms);
        let first = hand.write().clone();
        hand.lost();
        assert_eq!(*hand.write(), first);
        // Refused with the own entry in the queue: the first copy was applied.
        let row = hand.with_me([]);
        hand.refused(row).acts_for(9_750);
    }
}

#[test]
fn busy_is_final_when_one_copy_left() {
    let mut hand = Hand::new(trial());
    hand.refused(row([other(-100)]))
        .is_refused(RefusalReason::Busy);
}

#[test]
fn busy_is_invalidated_first_when_another_copy_may_be_on_its_way() {
    let mut hand = Hand::new(trial());
    hand.lost()
        .refused(row([other(-100)]))
        .asks_for("invalidate");
    assert!(hand.acquisition.leaves_a_trace());
    hand.applied(row([other(-100)]))
        .is_refused(RefusalReason::Busy);
    assert!(!hand.acquisition.leaves_a_trace());
}

#[test]
fn a_copy_that_was_turned_away_is_on_its_way_no_more() {
    let mut hand = Hand::new(trial());
    hand.happens(Event::Answered(Answer::Unapplied))
        .asks_for("try");
    hand.refused(row([other(-100)]))
        .is_refused(RefusalReason::Busy);
}

#[test]
fn an_invalidation_that_meets_the_entry_takes_it_out() {
    let mut hand = Hand::new(trial());
    hand.lost()
        .refused(row([other(-100)]))
        .asks_for("invalidate");
    let arrived = hand.with_me([]);
    hand.refused(arrived).asks_for("withdraw");
    hand.applied(row([])).is_refused(RefusalReason::Busy);
}

#[test]
fn a_full_queue_is_refused_like_a_busy_lock() {
    let full = || row([other(-300), other(-200), other(-100)]);
    let mut hand = Hand::new(terms());
    hand.refused(full()).is_refused(RefusalReason::Full);
    let mut hand = Hand::new(terms());
    hand.lost().refused(full()).asks_for("invalidate");
}

#[test]
fn a_ticket_that_has_passed_needs_no_invalidation() {
    let mut hand = Hand::new(trial());
    hand.lost()
        .refused(row([other(100)]))
        .is_refused(RefusalReason::Busy);
}

#[test]
fn a_low_ticket_is_raised_by_steps_that_double() {
    let mut hand = Hand::new(terms());
    let mut last = NOON + 1_000_000;
    let mut steps = Vec::new();
    for _ in 0..5 {
        hand.refused(Row {
            last: Some(Ticket(last)),
            ..Row::default()
        });
        if matches!(hand.asked, Action::Pause(_)) {
            hand.happens(Event::Woken);
        }
        let raised = hand.acquisition.ticket().0;
        steps.push(raised - last);
        last = raised;
    }
    assert_eq!(steps, [1, 2, 4, 8, 16]);
}

#[test]
fn a_ticket_is_raised_at_once_twice_while_the_lock_is_free_and_then_after_pauses() {
    let mut hand = Hand::new(terms());
    let passed = || Row {
        last: Some(Ticket(NOON * 2)),
        ..Row::default()
    };
    hand.refused(passed()).asks_for("enqueue");
    hand.refused(Row {
        last: Some(hand.acquisition.ticket()),
        ..passed()
    });
    hand.asks_for("enqueue");
    hand.refused(Row {
        last: Some(hand.acquisition.ticket()),
        ..passed()
    });
    assert_eq!(hand.asked, Action::Pause(Pause::Herd(3)));
}

#[test]
fn nobody_who_would_wait_anyway_is_in_a_hurry() {
    let mut hand = Hand::new(terms());
    hand.refused(row([other(100)]));
    assert_eq!(hand.asked, Action::Pause(Pause::Herd(1)));
    hand.later(20);
    hand.happens(Event::Woken).asks_for("enqueue");
    assert!(hand.acquisition.ticket() > other(100).ticket().unwrap());
}

#[test]
fn a_ticket_of_17_digits_is_never_sent() {
    let mut hand = Hand::new(terms());
    hand.refused(Row {
        last: Some(NO_ROOM),
        ..Row::default()
    });
    hand.is_refused(RefusalReason::Exhausted);
}

#[test]
fn a_ticket_older_than_a_minute_is_invalidated_and_replaced() {
    let mut hand = Hand::new(terms());
    let first = hand.acquisition.ticket();
    hand.later(60_000);
    hand.lost().asks_for("enqueue");
    assert_eq!(hand.acquisition.ticket(), first);
    hand.later(1);
    hand.lost().asks_for("invalidate");
    hand.applied(Row {
        last: Some(first),
        ..Row::default()
    });
    hand.asks_for("enqueue");
    assert!(hand.acquisition.ticket() > first);
}

#[test]
fn a_row_that_seems_free_is_not_asked_for_without_end() {
    let mut hand = Hand::new(terms());
    hand.refused(Row::default()).asks_for("enqueue");
    hand.refused(Row::default()).asks_for("enqueue");
    hand.refused(Row::default());
    assert!(
        matches!(hand.asked, Action::Pause(Pause::Herd(_))),
        "{:?}",
        hand.asked
    );
    hand.happens(Event::Woken).asks_for("enqueue");
}

#[test]
fn fail_closed_keys_and_others_do_not_go_together() {
    let hold_on_expiry = Row {
        hold_on_expiry: true,
        ..Row::default()
    };
    Hand::new(terms())
        .refused(hold_on_expiry)
        .is_refused(RefusalReason::Mismatch);
    let observer = Terms {
        expiry: Expiry::Observe,
        ..trial()
    };
    let mut hand = Hand::new(observer);
    hand.refused(row([other(-100)]))
        .is_refused(RefusalReason::Mismatch);
}

#[test]
fn a_trial_takes_the_place_of_a_dead_holder() {
    let mut hand = Hand::new(trial());
    hand.refused(row([other(-10_001)]));
    let Write::EvictAndEnter { dead, seen, .. } = hand.write() else {
        panic!("{:?}", hand.asked);
    };
    assert_eq!(
        (dead.as_slice(), *seen),
        ([other(-10_001)].as_slice(), None)
    );
    let row = anchored(hand.with_me([]), 0);
    hand.applied(row).acts_for(9_750);
}

#[test]
fn a_trial_evicts_for_the_one_who_waits_and_is_refused() {
    let mut hand = Hand::new(trial());
    hand.refused(row([other(-10_001), other(-100)]))
        .asks_for("evict");
    hand.applied(anchored(row([other(-100)]), 0))
        .is_refused(RefusalReason::Busy);
}

#[test]
fn a_row_of_a_later_format_is_neither_free_nor_immortal() {
    let later = Entry::read("1763640000000000 v2 5 seconds");
    let with_a_later_entry = row([later.clone()]);
    let of_a_later_format = Row {
        format: Some(2),
        ..Row::default()
    };
    for terms in [terms(), trial()] {
        for row in [&with_a_later_entry, &of_a_later_format] {
            let mut hand = Hand::new(terms.clone());
            hand.refused(row.clone())
                .is_refused(RefusalReason::LaterFormat(2));
        }
        let mut hand = Hand::new(terms.clone());
        let entered = Row {
            format: Some(3),
            ..hand.with_me([])
        };
        hand.applied(entered).asks_for("withdraw");
    }
    let mut hand = Hand::new(terms());
    let behind = Entry::read("1763649000000000 v2 5 seconds");
    let first = hand.with_me([behind]);
    hand.applied(first).acts_for(9_750);
}
