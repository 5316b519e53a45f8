//! What a release, a removal and a recovery say of operations.

use super::*;

#[test]
fn a_release_says_that_the_operation_is_done_or_was_attempted() {
    let mut hand = begun();
    hand.happens(Event::Release);
    let attempt = Attempt::of(hand.acquisition.ticket(), at(0));
    assert_eq!(update(&hand).attempted, Some((id(), attempt)));
    assert!(update(&hand).completes.is_empty());

    let mut hand = begun();
    let completion = done(hand.acquisition.ticket().0);
    hand.acquisition.complete(id(), completion.clone());
    hand.happens(Event::Release);
    assert_eq!(update(&hand).completes, [(id(), completion)].into());
    assert_eq!(update(&hand).attempted, None);
    hand.applied(row([])).ends(&Outcome::Released);
}

#[test]
fn a_refused_completion_is_settled_by_its_own_fence_alone() {
    for (own, outcome) in [(true, Outcome::Released), (false, Outcome::Lost)] {
        let mut hand = begun();
        let ticket = hand.acquisition.ticket().0;
        hand.acquisition.complete(id(), done(ticket));
        // Long after the end of the lease.
        hand.later(20_000);
        hand.happens(Event::Release).lost();
        let fence = if own { ticket } else { ticket + 1 };
        let passed = Row {
            last: Some(Ticket(ticket)),
            ..saying(row([]), OperationState::Completed(done(fence)))
        };
        hand.refused(passed).ends(&outcome);
    }
}

#[test]
fn a_completion_dates_a_row_that_would_not_outlive_it() {
    let dated = |window: u64| {
        let mut hand = begun();
        let completion = Completion {
            until: NOON / 1_000_000 + window,
            ..done(hand.acquisition.ticket().0)
        };
        hand.acquisition.complete(id(), completion);
        hand.happens(Event::Release);
        update(&hand).ttl
    };
    let day = 24 * 60 * 60;
    // The row lives for a day after its ticket here.
    assert_eq!(dated(0), None);
    assert_eq!(dated(10), Some(NOON / 1_000_000 + 10 + day));
}

#[test]
fn a_row_outlives_the_latest_of_its_completions() {
    let mut hand = begun();
    let ticket = hand.acquisition.ticket().0;
    let until = |window| Completion {
        until: NOON / 1_000_000 + window,
        ..done(ticket)
    };
    hand.acquisition.complete(id(), until(20));
    hand.acquisition.complete(another(), until(10));
    hand.happens(Event::Release);
    let day = 24 * 60 * 60;
    assert_eq!(update(&hand).ttl, Some(NOON / 1_000_000 + 20 + day));
}

#[test]
fn what_completes_others_says_that_its_own_operation_was_attempted() {
    let mut hand = begun();
    let ticket = hand.acquisition.ticket();
    hand.acquisition.complete(another(), done(ticket.0));
    hand.happens(Event::Release);
    assert_eq!(
        update(&hand).completes,
        [(another(), done(ticket.0))].into()
    );
    let attempt = Attempt::of(ticket, at(0));
    assert_eq!(update(&hand).attempted, Some((id(), attempt)));
}

#[test]
fn several_completions_are_settled_by_all_of_them() {
    // A transaction has completed one of them before.
    for (applied, outcome) in [(true, Outcome::Released), (false, Outcome::Lost)] {
        let mut hand = begun();
        let ticket = hand.acquisition.ticket().0;
        hand.acquisition.complete(id(), done(ticket));
        hand.acquisition.complete(another(), done(ticket));
        hand.later(20_000);
        hand.happens(Event::Release).lost();
        let mut passed = Row {
            last: Some(Ticket(ticket)),
            ..saying(row([]), OperationState::Completed(done(ticket)))
        };
        if applied {
            let state = OperationState::Completed(done(ticket));
            passed.operations.insert(another(), state);
        }
        hand.refused(passed).ends(&outcome);
    }
}

#[test]
fn a_lock_that_was_not_used_leaves_no_attempt() {
    let mut hand = begun();
    hand.acquisition.leave_unused();
    hand.happens(Event::Release).asks_for("release");
    assert_eq!(*update(&hand), OperationUpdate::default());
    hand.applied(row([])).ends(&Outcome::Released);
}

#[test]
fn who_removes_a_run_says_that_it_was_attempted() {
    let run = Entry::from(Fields {
        operation: Some(id()),
        ..other(-60_000).fields().unwrap().clone()
    });
    let attempted = |ticket: Ticket| Some((id(), Attempt::of(ticket, at(0))));
    let ticket = run.ticket().unwrap();
    let mut hand = Hand::new(trial());
    hand.refused(row([run.clone()])).asks_for("evict and enter");
    assert_eq!(update(&hand).attempted, attempted(ticket));
    let mut hand = Hand::new(terms());
    hand.refused(row([run.clone(), other(-1_000)]))
        .asks_for("evict");
    assert_eq!(update(&hand).attempted, attempted(ticket));
    let hand = Hand::for_another(&run);
    assert_eq!(update(&hand).attempted, attempted(ticket));
}

#[test]
fn recovery_completes_what_was_noted_also_where_the_lock_fails_closed() {
    let run = Entry::from(Fields {
        operation: Some(id()),
        ..other(-1_000).fields().unwrap().clone()
    });
    let ticket = run.ticket().unwrap();
    let mut acquisition = Acquisition::left_behind(terms(), run, ticket, true);
    acquisition.complete(id(), done(ticket.0));
    let mut hand = Hand {
        acquisition,
        millis: 0,
        asked: Action::Poll,
    };
    hand.happens(Event::GiveUp).asks_for("withdraw");
    assert_eq!(update(&hand).completes, [(id(), done(ticket.0))].into());
    assert!(matches!(hand.write(), Write::Withdraw { unless: None, .. }));
    let completed = Outcome::Recovered(RecoveryOutcome::Completed);
    hand.applied(row([])).ends(&completed);
}

#[test]
fn a_recovery_whose_answer_was_lost_finds_what_it_has_completed() {
    let entry = Entry::from(Fields {
        operation: Some(id()),
        ..other(-1_000).fields().cloned().unwrap()
    });
    let ticket = entry.ticket().unwrap();
    let noted = || {
        let mut acquisition = Acquisition::left_behind(terms(), entry.clone(), ticket, true);
        acquisition.complete(id(), done(ticket.0));
        let mut hand = Hand {
            acquisition,
            millis: 0,
            asked: Action::Poll,
        };
        hand.happens(Event::GiveUp).lost().asks_for("withdraw");
        hand
    };
    let gone = || row([other(100)]);
    let ours = saying(gone(), OperationState::Completed(done(ticket.0)));
    let mut hand = noted();
    hand.refused(ours)
        .ends(&Outcome::Recovered(RecoveryOutcome::Completed));
    let mut hand = noted();
    let another = saying(gone(), OperationState::Completed(done(7)));
    hand.refused(another)
        .ends(&Outcome::Recovered(RecoveryOutcome::Gone));
}

/// The bounds of the time are no wider than two skews and the seconds of `Date`s where all that is known agrees.
#[test]
fn a_window_is_in_doubt_only_where_the_clocks_contradict_each_other() {
    let asks_again = |state: OperationState, width: i64| {
        let operation = match state {
            OperationState::Begun(_) => at_most_once(),
            _ => once(),
        };
        let mut hand = Hand::new(operation);
        let told = Moment {
            now: TimeInterval {
                earliest: at(-width),
                ..moment(0).now
            },
            ..moment(0)
        };
        let refused = Event::Answered(Answer::Refused(Some(saying(row([]), state))));
        let asked = hand.acquisition.step(refused, told);
        matches!(asked, Action::Write(_))
    };
    let until = |second: u64| {
        let until = NOON / 1_000_000 + second - 10;
        let completed = Completion { until, ..done(1) };
        let fence = Ticket(1);
        [
            OperationState::Completed(completed),
            OperationState::Begun(Begun { until, fence }),
        ]
    };
    for state in until(9) {
        assert!(!asks_again(state.clone(), 6_000), "{state:?}");
        assert!(!asks_again(state.clone(), 8_000), "{state:?}");
        assert!(asks_again(state.clone(), 8_001), "{state:?}");
    }
    for state in until(20) {
        assert!(!asks_again(state.clone(), 20_000), "it is not over by any");
    }
}

#[test]
fn a_refusal_because_of_a_completion_carries_it() {
    let mut hand = Hand::new(once());
    hand.refused(saying(row([]), OperationState::Completed(done(1))));
    let Action::Over(Outcome::Refused(refusal)) = &hand.asked else {
        panic!("{:?}", hand.asked);
    };
    assert_eq!(refusal.completion.as_deref(), Some(&done(1)));
}

#[test]
fn a_client_sees_what_the_row_says_of_operations() {
    let mut hand = Hand::new(terms());
    let mine = saying(hand.with_me([]), OperationState::Completed(done(1)));
    hand.applied(mine.clone()).acts_for(9_750);
    assert_eq!(*hand.acquisition.operations(), mine.operations);
}

#[test]
fn what_is_handed_on_in_vain_is_unpinned_where_the_lock_fails_closed() {
    for on_expiry in [OnExpiry::TakeOver, OnExpiry::Hold] {
        let mut hand = Hand::new(Terms {
            on_expiry,
            ..once()
        });
        hand.lost();
        let entered = Row {
            hold_on_expiry: on_expiry == OnExpiry::Hold,
            ..saying(hand.with_me([]), OperationState::Completed(done(1)))
        };
        hand.applied(entered).asks_for("release");
        let Write::Release { hold_on_expiry, .. } = *hand.write() else {
            panic!("{:?}", hand.asked);
        };
        assert_eq!(hold_on_expiry, on_expiry == OnExpiry::Hold);
    }
}

#[test]
fn a_completion_in_doubt_counts_only_if_the_row_shows_it() {
    let mut hand = begun();
    let fence = hand.acquisition.ticket().0;
    hand.acquisition.complete(id(), done(fence));
    hand.happens(Event::Release);
    hand.lost().asks_for("release");
    let mut applied = hand.clone();
    // The lease ended meanwhile, and another client was first.
    hand.refused(row([other(1_000)])).ends(&Outcome::Lost);
    applied.refused(saying(row([]), OperationState::Completed(done(fence))));
    applied.ends(&Outcome::Released);
}
