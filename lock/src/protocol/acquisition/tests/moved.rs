//! Completions that were moved out of the row.

use super::*;
use crate::protocol::operation::{
    Attempt, Begun, Completion, Kept, OperationState, OperationTerms, OperationUpdate,
};
use crate::protocol::operation_id::OperationId;

const LATER: u64 = NOON / 1_000_000 + 3600;

fn id() -> OperationId {
    OperationId::of([7; 12])
}

fn once(at_most_once: Option<Duration>) -> Terms {
    Terms {
        operation: Some(OperationTerms {
            id: id(),
            fingerprint: None,
            at_most_once,
        }),
        ..terms()
    }
}

fn done(until: u64) -> OperationState {
    OperationState::Completed(Completion {
        until,
        fence: Ticket(1),
        fingerprint: None,
        response: Kept::None,
    })
}

/// The row of a lock under which completions have been moved that count until then.
fn moved(row: Row, until: u64) -> Row {
    Row {
        moved_until: Some(until),
        ..row
    }
}

/// First in the queue, where completions have been moved.
fn first(terms: Terms) -> Hand {
    let mut hand = Hand::new(terms);
    let mine = moved(hand.with_me([]), LATER);
    hand.applied(mine);
    hand
}

fn checks(hand: &Hand) -> bool {
    hand.asked == Action::Check(id())
}

#[test]
fn a_client_whose_turn_it_is_looks_for_its_operation_beside_the_lock() {
    let mut hand = first(once(None));
    assert!(checks(&hand));
    hand.happens(Event::Checked(None)).acts_for(9_750);
    for over in [
        done(1),
        OperationState::Attempted(Attempt {
            until: LATER,
            fence: Ticket(1),
        }),
    ] {
        let mut hand = first(once(None));
        hand.happens(Event::Checked(Some(over))).acts_for(9_750);
    }
}

#[test]
fn what_is_done_beside_the_lock_is_not_done_again() {
    let mut hand = first(once(None));
    hand.happens(Event::Checked(Some(done(LATER))));
    hand.asks_for("release");
    hand.applied(moved(row([]), LATER));
    hand.is_refused(RefusalReason::Completed);
}

#[test]
fn what_cannot_be_read_beside_the_lock_is_neither_run_nor_dropped() {
    let mut hand = first(once(None));
    hand.happens(Event::Checked(Some(OperationState::Unreadable)));
    hand.asks_for("release");
    hand.applied(moved(row([]), LATER));
    hand.is_refused(RefusalReason::Unreadable);
}

#[test]
fn a_read_that_was_not_answered_is_sent_again() {
    let mut hand = first(once(None));
    hand.happens(Event::Woken);
    assert!(checks(&hand));
}

#[test]
fn a_client_that_gives_up_meanwhile_leaves_the_queue() {
    let mut hand = first(once(None));
    hand.happens(Event::GiveUp);
    hand.asks_for("withdraw");
}

#[test]
fn nobody_looks_beside_the_lock_without_an_operation_or_after_the_end() {
    let mut hand = Hand::new(terms());
    let mine = moved(hand.with_me([]), LATER);
    hand.applied(mine).acts_for(9_750);
    let mut hand = Hand::new(once(None));
    let mine = moved(hand.with_me([]), NOON / 1_000_000 - 10);
    hand.applied(mine).acts_for(9_750);
}

#[test]
fn the_read_follows_the_turn() {
    let mut hand = Hand::new(once(None));
    let other = hand.with_me([other(-1_000)]);
    hand.applied(moved(other, LATER));
    assert!(!checks(&hand), "{:?}", hand.asked);
}

#[test]
fn the_release_says_what_was_moved_and_until_when_the_latest_counts() {
    for (seen, said) in [(LATER - 5, LATER), (LATER + 5, LATER + 5)] {
        let mut hand = Hand::new(once(None));
        let mine = moved(hand.with_me([]), seen);
        hand.applied(mine).happens(Event::Checked(None));
        hand.acquisition
            .move_out(OperationId::of([1; 12]), LATER - 9);
        hand.acquisition.move_out(OperationId::of([2; 12]), LATER);
        hand.happens(Event::Release);
        let Write::Release { operation, .. } = hand.write() else {
            panic!("it releases");
        };
        assert_eq!(operation.moved_until, Some(said));
        assert_eq!(operation.forgets, [1, 2].map(|n| OperationId::of([n; 12])));
    }
    let mut hand = first(once(None));
    hand.happens(Event::Checked(None)).happens(Event::Release);
    let Write::Release { operation, .. } = hand.write() else {
        panic!("it releases");
    };
    assert_eq!(operation.moved_until, None, "nothing was moved");
}

/// Another run has begun what is done at most once, and is gone.
fn begun_before(row: Row) -> Row {
    let begun = Begun {
        until: LATER,
        fence: Ticket(5),
    };
    Row {
        operations: [(id(), OperationState::Begun(begun))].into(),
        ..moved(row, LATER)
    }
}

#[test]
fn what_another_run_has_begun_may_be_done_beside_the_lock() {
    for (state, reason) in [
        (Some(done(LATER)), RefusalReason::Completed),
        (None, RefusalReason::Interrupted),
    ] {
        let mut hand = Hand::new(once(Some(Duration::from_secs(3600))));
        hand.asks_for("try");
        hand.refused(begun_before(row([]))).asks_for("try");
        let Write::Try { begins_run, .. } = hand.write() else {
            panic!("it tries");
        };
        assert_eq!(*begins_run, None, "it does not begin");
        let mine = begun_before(hand.with_me([]));
        hand.applied(mine);
        assert!(checks(&hand));
        hand.happens(Event::Checked(state)).asks_for("release");
        let Write::Release { operation, .. } = hand.write() else {
            panic!("it releases");
        };
        assert_eq!(
            *operation,
            OperationUpdate::default(),
            "the other's line stays"
        );
        hand.applied(begun_before(row([]))).is_refused(reason);
    }
}

#[test]
fn a_waiter_does_not_begin_before_it_has_looked_beside_the_lock() {
    let mut hand = Hand::new(once(Some(Duration::from_secs(3600))));
    hand.asks_for("try");
    let waits = begun_before(row([other(-1_000)]));
    hand.refused(waits).asks_for("enqueue");
    let waits = begun_before(hand.with_me([other(-1_000)]));
    hand.applied(waits);
    hand.later(20_000);
    let mine = anchored(begun_before(hand.with_me([])), 12_000);
    hand.sees(mine.clone()).asks_for("heartbeat");
    let Write::Heartbeat { begins_run, .. } = hand.write() else {
        panic!("it confirms");
    };
    assert_eq!(*begins_run, None);
    hand.applied(anchored(mine, 20_000));
    assert!(checks(&hand));
    hand.happens(Event::Checked(None)).asks_for("release");
}

#[test]
fn a_run_that_has_begun_in_vain_takes_its_own_line_back() {
    let mut hand = Hand::new(once(Some(Duration::from_secs(3600))));
    let begun = Begun {
        until: LATER,
        fence: hand.acquisition.ticket(),
    };
    let mine = Row {
        operations: [(id(), OperationState::Begun(begun))].into(),
        ..moved(hand.with_me([]), LATER)
    };
    hand.applied(mine);
    assert!(checks(&hand));
    hand.happens(Event::Checked(Some(done(LATER))))
        .asks_for("release");
    let Write::Release { operation, .. } = hand.write() else {
        panic!("it releases");
    };
    assert_eq!(operation.forgets, [id()]);
}

#[test]
fn a_completion_that_another_client_has_moved_since_settles_a_lost_answer() {
    for (fence, ours) in [(0, true), (1, false)] {
        let mut hand = Hand::new(once(None));
        let mine = hand.with_me([]);
        hand.applied(mine).acts_for(9_750);
        let fence = Ticket(hand.acquisition.ticket().0 + fence);
        let completion = Completion {
            until: LATER,
            fence: hand.acquisition.ticket(),
            fingerprint: None,
            response: Kept::None,
        };
        hand.acquisition.complete(id(), completion.clone());
        hand.later(20_000);
        hand.happens(Event::Release).lost();
        hand.refused(moved(row([]), LATER));
        assert!(checks(&hand));
        let there = OperationState::Completed(Completion {
            fence,
            ..completion
        });
        hand.happens(Event::Checked(Some(there)));
        let end = if ours {
            Outcome::Released
        } else {
            Outcome::Lost
        };
        assert_eq!(hand.asked, Action::Over(end));
    }
}
