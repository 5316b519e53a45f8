//! What is forgotten: at a person's word, or because its window is over.

use super::*;

#[test]
fn who_forgets_says_so_when_it_hands_the_lock_on() {
    let mut hand = Hand::new(terms());
    let mine = saying(hand.with_me([]), OperationState::Completed(done(1)));
    hand.applied(mine).acts_for(9_750);
    hand.acquisition.forget(id());
    hand.happens(Event::Release);
    assert_eq!(update(&hand).forgets, [id()]);
}

/// DynamoDB takes one change of an attribute.
#[test]
fn what_is_over_and_to_be_forgotten_is_forgotten_once() {
    let over = Completion {
        until: NOON / 1_000_000 - 1,
        ..done(1)
    };
    let mut hand = Hand::new(terms());
    let mine = saying(hand.with_me([]), OperationState::Completed(over));
    hand.applied(mine).acts_for(9_750);
    hand.acquisition.forget(id());
    hand.acquisition.complete(another(), done(2));
    hand.happens(Event::Release);
    assert_eq!(update(&hand).forgets, [id()]);

    // A run that has held its lock for longer than its window, and fails.
    let mut hand = Hand::new(Terms {
        lease: Duration::from_secs(2 * WINDOW),
        ..at_most_once()
    });
    let mine = saying(hand.with_me([]), begun_by(hand.acquisition.ticket().0));
    hand.applied(mine);
    hand.later(1_000 * (WINDOW + 2));
    hand.acquisition.fail();
    hand.happens(Event::Release);
    assert_eq!(update(&hand).forgets, [id()]);
}

#[test]
fn what_is_over_is_dropped_by_those_who_complete_and_by_nobody_else() {
    let over = Completion {
        until: NOON / 1_000_000 - 1,
        ..done(1)
    };
    let forgets = |completes: bool| {
        let mut hand = Hand::new(terms());
        let mine = saying(hand.with_me([]), OperationState::Completed(over.clone()));
        hand.applied(mine);
        if completes {
            hand.acquisition.complete(another(), done(2));
        }
        hand.happens(Event::Release);
        update(&hand).forgets.clone()
    };
    assert_eq!((forgets(true), forgets(false)), (vec![id()], Vec::new()));
}

#[test]
fn forgetting_in_doubt_counts_only_if_the_row_does_not_show_the_operation() {
    let mut hand = Hand::new(terms());
    let mine = hand.with_me([]);
    hand.applied(mine);
    hand.acquisition.forget(id());
    hand.happens(Event::Release);
    hand.lost().asks_for("release");
    let mut applied = hand.clone();
    hand.refused(saying(row([]), OperationState::Completed(done(1))));
    hand.ends(&Outcome::Lost);
    applied.refused(row([])).ends(&Outcome::Released);
}
