use super::*;

fn waiting_behind(others: impl IntoIterator<Item = Entry>) -> Hand {
    let mut hand = Hand::new(terms());
    hand.applied(hand.with_me(others));
    hand
}

fn handle() -> Hand {
    waiting_behind([])
}

fn departure(hand: &Hand) -> RenewalUpdate {
    match hand.write() {
        Write::Withdraw { renewal, .. } => renewal.clone(),
        other => panic!("no abandoning: {other:?}"),
    }
}

/// The ticket of the fail-closed holder that the withdrawal spares.
fn unless(hand: &Hand) -> Option<Ticket> {
    match hand.write() {
        Write::Withdraw { unless, .. } => *unless,
        other => panic!("no withdrawal: {other:?}"),
    }
}

fn told(how: RecoveryOutcome) -> Outcome {
    Outcome::Recovered(how)
}

#[test]
fn a_release_hands_the_lock_on() {
    let mut hand = handle();
    hand.later(1_000);
    hand.happens(Event::Release);
    let Write::Release { me, dead, now, .. } = hand.write() else {
        panic!("{:?}", hand.asked);
    };
    assert_eq!((me, dead.len(), *now), (&hand.me(), 0, at(1_000)));
    hand.applied(row([])).ends(&Outcome::Released);
    assert!(!hand.acquisition.leaves_a_trace());
}

#[test]
fn a_release_takes_the_dead_along_who_stand_behind() {
    let over = Entry::from(Fields {
        own: at(-10_000),
        deadline: Some(at(-3_000)),
        ..other(1).fields().cloned().unwrap()
    });
    let mut hand = Hand::new(terms());
    hand.applied(hand.with_me([over.clone(), other(2)]));
    hand.happens(Event::Release);
    assert!(matches!(hand.write(), Write::Release { dead, .. } if *dead == [over]));
}

#[test]
fn a_release_whose_answer_was_lost_while_the_lease_held_is_a_release() {
    let mut hand = handle();
    hand.happens(Event::Release).lost().asks_for("release");
    hand.refused(row([other(100)])).ends(&Outcome::Released);
}

#[test]
fn a_release_that_finds_the_entry_gone_at_first_sight_was_lost() {
    let mut hand = handle();
    hand.happens(Event::Release)
        .refused(row([other(100)]))
        .ends(&Outcome::Lost);
}

#[test]
fn a_release_after_the_lease_is_never_sure_to_have_been_one() {
    let mut hand = handle();
    hand.later(9_750);
    hand.happens(Event::Release).lost();
    hand.refused(row([other(100)])).ends(&Outcome::Lost);
}

#[test]
fn a_waiter_leaves_the_renewal_time_alone_while_the_entry_before_it_is_there() {
    let mut hand = waiting_behind([other(-2_000), other(-1_000)]);
    hand.later(8_000);
    hand.happens(Event::GiveUp);
    assert_eq!(
        departure(&hand),
        RenewalUpdate::KeepBehind(other(-1_000)),
        "however long ago it looked"
    );
    hand.applied(row([other(-2_000), other(-1_000)]))
        .is_refused(RefusalReason::TimedOut);
}

#[test]
fn a_waiter_whose_turn_has_come_unseen_leaves_its_successor_a_whole_lease() {
    let mut hand = waiting_behind([other(-1_000)]);
    hand.later(4_000);
    hand.happens(Event::GiveUp);
    assert_eq!(departure(&hand), RenewalUpdate::KeepBehind(other(-1_000)));
    let released = anchored(hand.with_me([other(500)]), 200);
    hand.refused(released);
    assert_eq!(departure(&hand), RenewalUpdate::Raise(at(4_000)));
    hand.applied(row([other(500)]))
        .is_refused(RefusalReason::TimedOut);
}

#[test]
fn the_first_raises_the_renewal_time_or_leaves_it_where_it_is_later() {
    let mut hand = handle();
    hand.later(5_000);
    hand.happens(Event::GiveUp);
    assert_eq!(departure(&hand), RenewalUpdate::Raise(at(5_000)));
    let ahead = anchored(hand.with_me([]), 5_000);
    hand.refused(ahead);
    assert_eq!(departure(&hand), RenewalUpdate::KeepLater(at(5_000)));
    let behind = anchored(hand.with_me([]), 5_009);
    hand.later(10);
    hand.refused(behind);
    assert_eq!(departure(&hand), RenewalUpdate::Raise(at(5_010)));
    hand.applied(row([]))
        .ends(&told(RecoveryOutcome::Withdrawn));
}

#[test]
fn a_refusal_says_who_holds_and_until_when() {
    let mut hand = waiting_behind([other(-1_000)]);
    hand.happens(Event::GiveUp).applied(row([other(-1_000)]));
    hand.ends(&Outcome::Refused(Refusal {
        reason: RefusalReason::TimedOut,
        holder: Some(other(-1_000)),
        until: Some(at(9_000)),
        completion: None,
    }));
}

#[test]
fn a_holder_that_gives_up_tells_what_became_of_its_entry() {
    let mut hand = handle();
    hand.happens(Event::GiveUp);
    assert_eq!(departure(&hand), RenewalUpdate::Raise(at(0)));
    hand.applied(row([]))
        .ends(&told(RecoveryOutcome::Withdrawn));
}

#[test]
fn an_entry_that_may_be_on_its_way_is_invalidated() {
    let mut hand = Hand::new(terms());
    hand.happens(Event::GiveUp).asks_for("invalidate");
    assert!(hand.acquisition.leaves_a_trace());
    hand.applied(row([])).is_refused(RefusalReason::TimedOut);
    assert!(!hand.acquisition.leaves_a_trace());
}

#[test]
fn between_two_tickets_nothing_is_on_its_way() {
    let mut hand = Hand::new(terms());
    hand.refused(row([other(100)]));
    assert!(!hand.acquisition.leaves_a_trace());
    hand.happens(Event::GiveUp)
        .is_refused(RefusalReason::TimedOut);
}

#[test]
fn giving_up_twice_is_giving_up_once() {
    let mut hand = waiting_behind([other(-1_000)]);
    hand.happens(Event::GiveUp);
    let first = hand.write().clone();
    hand.happens(Event::GiveUp);
    assert_eq!(*hand.write(), first);
    hand.applied(row([]));
    hand.happens(Event::GiveUp)
        .ends(&told(RecoveryOutcome::Gone));
}

#[test]
fn a_thief_that_gives_up_leaves_or_voids() {
    let mut hand = waiting_behind([other(-1_000)]);
    hand.later(9_501);
    hand.sees(hand.with_me([other(-1_000)])).asks_for("evict");
    hand.happens(Event::GiveUp).asks_for("withdraw");

    let mut hand = Hand::new(trial());
    hand.refused(row([other(-20_000), other(-100)]))
        .asks_for("evict");
    hand.happens(Event::GiveUp).asks_for("invalidate");
}

#[test]
fn what_a_dead_process_left_in_the_queue_is_withdrawn_never_released() {
    let mut hand = Hand::for_another(&other(-1_000));
    assert_eq!(departure(&hand), RenewalUpdate::KeepAlone);
    hand.applied(row([]))
        .ends(&told(RecoveryOutcome::Withdrawn));
}

#[test]
fn a_waiter_that_is_dropped_or_swept_at_its_turn_leaves_its_successor_a_whole_lease() {
    for begun in [false, true] {
        let mut hand = Hand::for_who_left(&other(-20_000), begun);
        hand.refused(hand.with_me([other(-19_000)]));
        assert_eq!(departure(&hand), RenewalUpdate::Raise(at(0)));
        hand.applied(row([other(-19_000)]))
            .ends(&told(RecoveryOutcome::Withdrawn));
    }
}

#[test]
fn a_waiter_that_is_dropped_or_swept_behind_a_dead_holder_gives_it_no_other_lease() {
    for begun in [false, true] {
        let mut hand = Hand::for_who_left(&other(-1_000), begun);
        hand.refused(hand.with_me([other(-20_000)]));
        assert_eq!(departure(&hand), RenewalUpdate::KeepBehind(other(-20_000)));
        assert_eq!(unless(&hand).is_some(), begun);
    }
}

#[test]
fn a_dropped_waiter_that_has_left_or_not_entered_is_gone_or_invalidated() {
    let mut hand = Hand::for_a_waiter(&other(-1_000));
    hand.refused(row([other(-500)]))
        .ends(&told(RecoveryOutcome::Gone));

    let mut hand = Hand::for_a_waiter(&other(-1_000));
    hand.refused(row([])).asks_for("invalidate");
    // It has arrived meanwhile.
    hand.refused(hand.with_me([other(-5_000)]));
    assert_eq!(departure(&hand), RenewalUpdate::KeepBehind(other(-5_000)));
}

#[test]
fn what_a_dead_process_left_on_its_way_is_invalidated() {
    let mut hand = Hand::for_another(&other(-1_000));
    let before = row([other(-5_000)]);
    hand.refused(before).asks_for("invalidate");
    assert!(
        matches!(hand.write(), Write::Invalidate { ticket, .. } if Some(*ticket) == other(-1_000).ticket())
    );
    hand.applied(row([]))
        .ends(&told(RecoveryOutcome::Invalidated));
}

#[test]
fn what_has_left_already_is_gone() {
    let mut hand = Hand::for_another(&other(-1_000));
    hand.refused(row([other(-500)]))
        .ends(&told(RecoveryOutcome::Gone));
}

#[test]
fn what_arrives_while_it_is_invalidated_is_withdrawn() {
    let mut hand = Hand::for_another(&other(-1_000));
    hand.refused(row([])).asks_for("invalidate");
    hand.refused(row([other(-1_000)]));
    assert_eq!(departure(&hand), RenewalUpdate::Raise(at(0)));
    hand.applied(row([]))
        .ends(&told(RecoveryOutcome::Withdrawn));
}

#[test]
fn a_lost_answer_on_the_way_out_is_settled_by_the_same_write() {
    let mut hand = Hand::for_another(&other(-1_000));
    let first = hand.write().clone();
    hand.lost();
    assert_eq!(*hand.write(), first);
    hand.refused(row([other(-500)]))
        .ends(&told(RecoveryOutcome::Gone));
}
