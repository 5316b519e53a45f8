//! Operations that are done at most once.

use super::*;

#[test]
fn a_run_at_most_once_begins_with_the_write_that_enters_a_free_lock() {
    let hand = begun_once();
    assert!(!hand.acquisition.was_attempted());
    let hand = Hand::new(at_most_once());
    let Write::Try { begins_run, .. } = hand.write() else {
        panic!("it tries first")
    };
    let (operation, begun) = begins_run.expect("it begins");
    assert_eq!(operation, id());
    assert_eq!(
        OperationState::Begun(begun),
        begun_by(hand.acquisition.ticket().0)
    );
}

#[test]
fn a_run_at_most_once_that_has_waited_begins_with_a_heartbeat() {
    let mut hand = Hand::new(at_most_once());
    hand.refused(row([other(-1_000)])).asks_for("enqueue");
    let behind = hand.with_me([other(-1_000)]);
    hand.applied(behind);
    let first = hand.with_me([]);
    hand.sees(first).asks_for("heartbeat");
    let Write::Heartbeat { begins_run, .. } = hand.write() else {
        panic!("it begins")
    };
    assert!(begins_run.is_some());
    let mine = saying(hand.with_me([]), begun_by(hand.acquisition.ticket().0));
    hand.applied(mine);
    assert!(matches!(hand.asked, Action::Act(_)));
    hand.happens(Event::Heartbeat).asks_for("heartbeat");
    assert!(matches!(
        hand.write(),
        Write::Heartbeat {
            begins_run: None,
            ..
        }
    ));
}

#[test]
fn what_another_run_has_begun_is_waited_for_while_that_is_at_work() {
    let mut hand = Hand::new(at_most_once());
    let at_work = other(-1_000);
    let fence = at_work.ticket().unwrap().0;
    hand.refused(saying(row([at_work.clone()]), begun_by(fence)));
    hand.asks_for("enqueue");
    let behind = saying(hand.with_me([at_work]), begun_by(fence));
    hand.applied(behind);
    let alone = saying(hand.with_me([]), begun_by(fence));
    hand.sees(alone).asks_for("release");
    assert_eq!(*update(&hand), OperationUpdate::default());
    hand.applied(row([])).is_refused(RefusalReason::Interrupted);
}

#[test]
fn what_another_run_has_begun_and_left_is_refused_at_once() {
    let mut hand = Hand::new(at_most_once());
    hand.refused(saying(row([]), begun_by(1)));
    hand.is_refused(RefusalReason::Interrupted);
    // Who runs it at least once does not mind.
    let mut hand = Hand::new(once());
    let mine = saying(hand.with_me([]), begun_by(1));
    hand.applied(mine).acts_for(9_750);
    assert!(hand.acquisition.was_attempted());
}

#[test]
fn a_dead_run_at_most_once_is_evicted_and_its_place_is_not_taken() {
    let dead = Entry::from(Fields {
        operation: Some(id()),
        ..other(-60_000).fields().unwrap().clone()
    });
    let fence = dead.ticket().unwrap().0;
    let mut hand = Hand::new(at_most_once());
    hand.refused(saying(row([dead.clone()]), begun_by(fence)));
    hand.asks_for("evict");
    hand.applied(saying(row([]), begun_by(fence)));
    hand.is_refused(RefusalReason::Interrupted);
    // One that died before it began is replaced, with one change of the operation's attribute.
    let mut hand = Hand::new(at_most_once());
    hand.refused(row([dead])).asks_for("evict and enter");
    assert_eq!(update(&hand).attempted, None);
}

#[test]
fn a_run_at_most_once_may_begin_again_only_after_its_own_word() {
    type End = fn(&mut Acquisition);
    let ends: [(End, bool); 3] = [
        (|_| {}, false),
        (Acquisition::fail, true),
        (Acquisition::leave_unused, true),
    ];
    for (end, frees) in ends {
        let mut hand = begun_once();
        end(&mut hand.acquisition);
        hand.happens(Event::Release).asks_for("release");
        assert_eq!(update(&hand).forgets.contains(&id()), frees);
        assert!(update(&hand).completes.is_empty());
    }
}

#[test]
fn one_that_leaves_before_it_acts_takes_back_that_it_has_begun() {
    let mut hand = Hand::new(at_most_once());
    hand.lost();
    hand.happens(Event::GiveUp).asks_for("invalidate");
    let mine = saying(hand.with_me([]), begun_by(hand.acquisition.ticket().0));
    hand.refused(mine).asks_for("withdraw");
    assert_eq!(update(&hand).forgets, [id()]);
}

#[test]
fn what_was_dropped_before_it_acted_looks_whether_it_has_begun_and_takes_that_back() {
    let entry = Entry::from(Fields {
        operation: Some(id()),
        ..other(-1_000).fields().cloned().unwrap()
    });
    let mut hand = Hand::for_a_waiter(&entry);
    hand.asks_for("invalidate");
    let mine = saying(row([entry.clone()]), begun_by(entry.ticket().unwrap().0));
    hand.refused(mine).asks_for("withdraw");
    assert_eq!(update(&hand).forgets, [id()]);
}

fn begins_run(hand: &Hand) -> bool {
    let Write::Heartbeat { begins_run, .. } = hand.write() else {
        panic!("no heartbeat: {:?}", hand.asked)
    };
    begins_run.is_some()
}

#[test]
fn a_heartbeat_keeps_what_a_transaction_has_completed() {
    let mut hand = begun_once();
    hand.happens(Event::Heartbeat).asks_for("heartbeat");
    let fence = hand.acquisition.ticket().0;
    let completed = saying(hand.with_me([]), OperationState::Completed(done(fence)));
    hand.applied(completed);
    hand.happens(Event::Heartbeat);
    assert!(!begins_run(&hand));
    // The lease was over before the work began.
    hand.happens(Event::Expired);
    assert!(!begins_run(&hand));
}

#[test]
fn a_waiter_that_gives_up_while_it_may_have_begun_says_that_it_has_not() {
    let mut hand = Hand::new(at_most_once());
    hand.refused(row([other(-1_000)])).asks_for("enqueue");
    let behind = hand.with_me([other(-1_000)]);
    hand.applied(behind);
    let first = hand.with_me([]);
    hand.sees(first);
    assert!(begins_run(&hand));
    hand.lost().asks_for("heartbeat");
    hand.happens(Event::GiveUp).asks_for("withdraw");
    assert_eq!(update(&hand).forgets, [id()]);
    // The heartbeat may still be on its way.
    let renewed = anchored(hand.with_me([]), 100);
    hand.refused(renewed).asks_for("withdraw");
    assert_eq!(update(&hand).forgets, [id()]);
}

#[test]
fn a_waiter_that_gives_up_before_its_turn_forgets_nothing() {
    let mut hand = Hand::new(at_most_once());
    hand.refused(row([other(-1_000)])).asks_for("enqueue");
    let behind = hand.with_me([other(-1_000)]);
    hand.applied(behind);
    hand.happens(Event::GiveUp).asks_for("withdraw");
    assert!(update(&hand).forgets.is_empty());
}
