//! Operations that are to be done once.

mod at_most_once;
mod completing;
mod forgetting;

use super::*;
use crate::protocol::operation::{
    Attempt, Begun, Completion, Kept, OperationState, OperationTerms, OperationUpdate,
};
use crate::protocol::operation_id::{Fingerprint, OperationId};

const WINDOW: u64 = 3600;

fn id() -> OperationId {
    OperationId::of([7; 12])
}

fn another() -> OperationId {
    OperationId::of([8; 12])
}

fn once() -> Terms {
    Terms {
        operation: Some(OperationTerms {
            id: id(),
            fingerprint: None,
            at_most_once: None,
        }),
        ..terms()
    }
}

/// Done by the run with this fence, until an hour after noon.
fn done(fence: u64) -> Completion {
    Completion {
        until: NOON / 1_000_000 + WINDOW,
        fence: Ticket(fence),
        fingerprint: None,
        response: Kept::None,
    }
}

/// A row that says this of the operation.
fn saying(row: Row, state: OperationState) -> Row {
    Row {
        operations: [(id(), state)].into(),
        ..row
    }
}

fn update(hand: &Hand) -> &OperationUpdate {
    match hand.write() {
        Write::Release { operation, .. }
        | Write::Withdraw { operation, .. }
        | Write::Evict { operation, .. }
        | Write::EvictAndEnter { operation, .. } => operation,
        other => panic!("it says nothing of operations: {other:?}"),
    }
}

/// Holds the lock for the operation.
fn begun() -> Hand {
    let mut hand = Hand::new(once());
    let mine = hand.with_me([]);
    hand.applied(mine).acts_for(9_750);
    hand
}

/// Terms under which the operation is done at most once.
fn at_most_once() -> Terms {
    Terms {
        operation: Some(OperationTerms {
            id: id(),
            fingerprint: None,
            at_most_once: Some(Duration::from_secs(WINDOW)),
        }),
        ..terms()
    }
}

fn begun_by(fence: u64) -> OperationState {
    OperationState::Begun(Begun {
        until: NOON / 1_000_000 + WINDOW,
        fence: Ticket(fence),
    })
}

/// Has begun, at most once.
fn begun_once() -> Hand {
    let mut hand = Hand::new(at_most_once());
    hand.asks_for("try");
    let mine = saying(hand.with_me([]), begun_by(hand.acquisition.ticket().0));
    hand.applied(mine).acts_for(9_750);
    hand
}

#[test]
fn an_enqueue_asks_that_the_operation_is_not_done() {
    let hand = Hand::new(once());
    let Write::Enqueue { unless_done, .. } = hand.write() else {
        panic!("it enqueues")
    };
    let asked = unless_done.expect("it asks");
    assert_eq!((asked.id, asked.now), (id(), NOON / 1_000_000));
    assert_eq!(hand.me().fields().unwrap().operation, Some(id()));
}

#[test]
fn what_is_done_is_refused_at_once_if_no_copy_is_on_its_way() {
    let mut hand = Hand::new(once());
    hand.refused(saying(row([]), OperationState::Completed(done(1))));
    hand.is_refused(RefusalReason::Completed);
    let mut hand = Hand::new(once());
    hand.lost();
    hand.refused(saying(row([]), OperationState::Completed(done(1))));
    hand.asks_for("invalidate");
    hand.applied(row([])).is_refused(RefusalReason::Completed);
}

#[test]
fn a_window_that_is_over_and_an_attempt_keep_nobody_out() {
    let over = Completion {
        until: NOON / 1_000_000 - 1,
        ..done(1)
    };
    let attempt = Attempt::of(Ticket(1), at(0));
    for state in [
        OperationState::Completed(over),
        OperationState::Attempted(attempt),
    ] {
        let mut hand = Hand::new(once());
        let mine = saying(hand.with_me([]), state);
        hand.applied(mine).acts_for(9_750);
        assert!(hand.acquisition.was_attempted());
    }
    assert!(!begun().acquisition.was_attempted());
}

#[test]
fn where_the_time_is_in_doubt_another_answer_is_asked_for() {
    let mut hand = Hand::new(once());
    let over = Completion {
        until: NOON / 1_000_000 - 1,
        ..done(1)
    };
    let said = || saying(row([]), OperationState::Completed(over.clone()));
    // The server says noon, and the wall clock an hour before it.
    let doubtful = Moment {
        now: TimeInterval {
            earliest: at(-3_600_000),
            ..moment(0).now
        },
        ..moment(0)
    };
    let refused = Event::Answered(Answer::Refused(Some(said())));
    hand.asked = hand.acquisition.step(refused.clone(), doubtful);
    hand.asks_for("enqueue");
    let mine = saying(hand.with_me([]), OperationState::Completed(over.clone()));
    // In the queue by such a clock, it does not act on it.
    let applied = Event::Answered(Answer::Applied(mine));
    let asked = hand.acquisition.clone().step(applied, doubtful);
    assert!(!matches!(asked, Action::Act(_)), "{asked:?}");
    hand.refused(said()).asks_for("enqueue");
}

#[test]
fn another_request_is_refused_as_that() {
    let print = |bits| Some(Fingerprint::of([bits; 8]));
    let mut hand = Hand::new(Terms {
        operation: Some(OperationTerms {
            id: id(),
            fingerprint: print(1),
            at_most_once: None,
        }),
        ..terms()
    });
    let other = Completion {
        fingerprint: print(2),
        ..done(1)
    };
    hand.refused(saying(row([]), OperationState::Completed(other)));
    hand.is_refused(RefusalReason::KeyReused);
}

#[test]
fn a_line_that_cannot_be_read_is_neither_done_nor_undone() {
    let mut hand = Hand::new(once());
    hand.refused(saying(row([]), OperationState::Unreadable));
    hand.is_refused(RefusalReason::Unreadable);
}

#[test]
fn a_waiter_whose_turn_comes_in_vain_hands_the_lock_on() {
    let mut hand = Hand::new(once());
    let behind = hand.with_me([other(-1_000)]);
    hand.applied(behind);
    let first = saying(hand.with_me([]), OperationState::Completed(done(1)));
    hand.sees(first).asks_for("release");
    assert_eq!(*update(&hand), OperationUpdate::default());
    hand.applied(row([])).is_refused(RefusalReason::Completed);
}

#[test]
fn a_waiter_behind_others_leaves_without_a_word() {
    let mut hand = Hand::new(once());
    let behind = hand.with_me([other(-1_000)]);
    hand.applied(behind);
    let behind = saying(
        hand.with_me([other(-1_000)]),
        OperationState::Completed(done(1)),
    );
    hand.sees(behind).asks_for("withdraw");
    assert_eq!(*update(&hand), OperationUpdate::default());
}
