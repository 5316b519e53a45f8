use super::*;

/// A client behind another entry.
fn waiting() -> Hand {
    let mut hand = Hand::new(terms());
    hand.applied(hand.with_me([other(-1_000)]));
    hand
}

/// A client that has its turn.
fn handle() -> Hand {
    let mut hand = Hand::new(terms());
    hand.applied(hand.with_me([])).acts_for(9_750);
    hand
}

fn pause(hand: &Hand) -> (usize, Option<Duration>) {
    match hand.asked {
        Action::Pause(Pause::Turn {
            position,
            time_to_expiry,
            ..
        }) => (position, time_to_expiry),
        ref other => panic!("no pause: {other:?}"),
    }
}

#[test]
fn a_waiter_knows_its_rank_and_when_the_holder_can_be_dead() {
    let death = Duration::from_millis(9_000) + Duration::from_micros(1);
    assert_eq!(pause(&waiting()), (1, Some(death)));
    let mut hand = Hand::new(terms());
    hand.applied(hand.with_me([other(-1_000), other(-500)]));
    assert_eq!(pause(&hand).0, 2);
}

#[test]
fn a_waiter_acts_once_nobody_is_before_it() {
    let mut hand = waiting();
    hand.later(4_000);
    hand.sees(anchored(hand.with_me([]), 3_000));
    hand.acts_for(8_750);
}

#[test]
fn a_turn_that_is_half_over_when_it_is_seen_is_confirmed() {
    let mut hand = waiting();
    hand.later(20_000);
    hand.sees(anchored(hand.with_me([]), 12_000))
        .asks_for("heartbeat");
    let claimed = anchored(hand.with_me([]), 20_000);
    hand.applied(claimed).acts_for(9_750);
}

#[test]
fn a_turn_that_another_client_took_away_is_waited_for_again() {
    let mut hand = waiting();
    hand.later(20_000);
    hand.sees(anchored(hand.with_me([]), 12_000))
        .asks_for("heartbeat");
    let stolen = Row {
        last: Some(hand.acquisition.ticket()),
        ..row([other(15_000)])
    };
    hand.refused(stolen);
    assert!(
        matches!(hand.asked, Action::Pause(Pause::Herd(_))),
        "{:?}",
        hand.asked
    );
}

#[test]
fn an_observer_claims_before_it_acts() {
    let observe = |entry: Entry| {
        Entry::from(Fields {
            expiry: Expiry::Observe,
            ..entry.fields().cloned().unwrap()
        })
    };
    let mut hand = Hand::new(Terms {
        expiry: Expiry::Observe,
        ..terms()
    });
    hand.applied(hand.with_me([observe(other(-1_000))]));
    hand.later(100);
    hand.sees(anchored(hand.with_me([]), 50))
        .asks_for("heartbeat");
    let claimed = anchored(hand.with_me([]), 100);
    hand.applied(claimed).acts_for(9_750);
}

#[test]
fn a_stale_look_is_waited_out_and_eight_of_them_are_no_longer_stale() {
    let mut hand = waiting();
    for _ in 0..7 {
        hand.later(100);
        hand.sees(Row::default());
        assert_eq!(pause(&hand).0, 1);
    }
    hand.sees(Row::default()).asks_for("withdraw");
    hand.happens(Event::Answered(Answer::Refused(None)))
        .asks_for("invalidate");
    hand.applied(Row::default()).asks_for("enqueue");
}

#[test]
fn looks_that_show_the_ticket_but_not_the_entry_tell_that_it_was_taken_out() {
    let mut hand = waiting();
    let ticket = hand.acquisition.ticket();
    let without = || Row {
        last: Some(ticket),
        ..row([other(-1_000)])
    };
    // One may be from before the row was deleted; the write that leaves is sure.
    hand.sees(without());
    hand.later(50);
    hand.sees(without()).asks_for("withdraw");
    hand.refused(without());
    hand.later(50);
    hand.happens(Event::Woken).asks_for("enqueue");
    assert!(hand.acquisition.ticket() > ticket);
}

#[test]
fn a_dead_holder_is_evicted_with_the_renewal_time_as_it_was_seen() {
    for renewed_at in [None, Some(at(-500))] {
        let mut hand = waiting();
        let dead = Row {
            renewed_at,
            ..hand.with_me([other(-1_000)])
        };
        hand.later(9_501);
        hand.sees(dead);
        let Write::Evict {
            head, seen, now, ..
        } = hand.write()
        else {
            panic!("{:?}", hand.asked);
        };
        assert_eq!((head, *seen, *now), (&other(-1_000), renewed_at, at(9_501)));
        let free = anchored(hand.with_me([]), 9_501);
        hand.applied(free).acts_for(9_750);
    }
}

#[test]
fn a_theft_that_was_refused_proves_nothing() {
    let mut hand = waiting();
    hand.later(9_501);
    hand.sees(hand.with_me([other(-1_000)])).asks_for("evict");
    let alive = anchored(hand.with_me([other(-1_000)]), 9_400);
    hand.refused(alive);
    let left = Duration::from_millis(9_899) + Duration::from_micros(1);
    assert_eq!(pause(&hand), (1, Some(left)));
}

#[test]
fn a_theft_that_comes_too_late_finds_the_own_turn() {
    let mut hand = waiting();
    hand.later(9_501);
    hand.sees(hand.with_me([other(-1_000)])).asks_for("evict");
    let released = anchored(hand.with_me([]), 9_500);
    hand.refused(released).acts_for(9_749);
}

#[test]
fn a_heartbeat_is_above_every_renewal_that_was_seen() {
    let mut hand = handle();
    hand.later(3_000);
    hand.happens(Event::Heartbeat).asks_for("heartbeat");
    let ahead = anchored(hand.with_me([]), 8_000);
    hand.refused(ahead);
    assert!(matches!(hand.write(), Write::Heartbeat { now, .. } if now.0 == at(8_000).0 + 1));
    let row = Row {
        renewed_at: Some(Timestamp(at(8_000).0 + 1)),
        ..hand.with_me([])
    };
    hand.applied(row).acts_for(9_750);
}

#[test]
fn a_heartbeat_counts_from_before_it_left() {
    let mut hand = handle();
    hand.later(3_000);
    hand.happens(Event::Heartbeat);
    let row = anchored(hand.with_me([]), 3_000);
    hand.later(700);
    hand.applied(row).acts_for(9_050);
}

#[test]
fn a_heartbeat_that_finds_the_entry_gone_ends_the_lease() {
    let mut hand = handle();
    hand.later(3_000);
    hand.happens(Event::Heartbeat);
    hand.refused(row([other(1_000)])).ends(&Outcome::Lost);
    assert!(!hand.acquisition.leaves_a_trace());
    hand.happens(Event::Release).ends(&Outcome::Lost);
}

#[test]
fn a_holder_that_grew_old_dates_the_row_anew() {
    const HOUR: u64 = 60 * 60 * 1000;
    let mut hand = handle();
    hand.later(11 * HOUR);
    hand.happens(Event::Heartbeat);
    assert!(matches!(hand.write(), Write::Heartbeat { ttl: None, .. }));
    hand.later(2 * HOUR);
    hand.happens(Event::Heartbeat);
    let day = terms().grace.as_secs();
    let ttl = at(0).0 / 1_000_000 + 13 * 60 * 60 + day;
    assert!(matches!(hand.write(), Write::Heartbeat { ttl: Some(date), .. } if *date == ttl));
}

#[test]
fn a_lease_that_an_eviction_proves_counts_from_the_copy_that_was_answered() {
    let observer = Terms {
        expiry: Expiry::Observe,
        ..terms()
    };
    let watched = Entry::from(Fields {
        expiry: Expiry::Observe,
        ..other(-1_000).fields().unwrap().clone()
    });
    let mut hand = Hand::new(observer);
    hand.applied(hand.with_me([watched.clone()]));
    hand.later(10_001);
    hand.sees(hand.with_me([watched])).asks_for("evict");
    hand.later(2_000);
    hand.lost().asks_for("evict");
    hand.applied(anchored(hand.with_me([]), 12_001))
        .acts_for(9_750);
}

#[test]
fn a_waiter_that_is_promoted_days_after_its_ticket_dates_the_row_anew() {
    const HOUR: u64 = 60 * 60 * 1000;
    let mut hand = waiting();
    hand.later(22 * HOUR);
    let handed = anchored(hand.with_me([]), i64::try_from(22 * HOUR).unwrap());
    hand.sees(handed);
    assert!(matches!(
        hand.write(),
        Write::Heartbeat { ttl: Some(_), .. }
    ));
}

/// A holder left a time so far ahead that others do not believe it yet, and we have slept since.
#[test]
fn a_renewal_time_that_others_may_have_watched_for_a_lease_is_confirmed_however_believable_it_is_now()
 {
    for wakes in [12_000, 15_500, 60_000] {
        let mut hand = waiting();
        hand.later(500);
        hand.sees(hand.with_me([other(-1_000)]));
        hand.later(wakes - 500);
        hand.sees(anchored(hand.with_me([]), 16_000))
            .asks_for("heartbeat");
    }
}

#[test]
fn a_renewal_time_that_lies_a_second_ahead_costs_no_confirmation() {
    let mut hand = waiting();
    hand.later(500);
    hand.sees(hand.with_me([other(-1_000)]));
    hand.later(500);
    hand.sees(anchored(hand.with_me([]), 2_000))
        .acts_for(10_750);
}

#[test]
fn what_an_answer_shows_to_have_been_written_too_early_always_ends_the_lease_earlier() {
    let mut hand = handle();
    hand.later(3_000);
    hand.happens(Event::Heartbeat);
    // Meanwhile the server's clock has gone on by twelve seconds more than ours.
    let row = anchored(hand.with_me([]), 3_000);
    let frozen = Moment {
        tick: tick(3_000),
        ..moment(15_000)
    };
    let applied = Event::Answered(Answer::Applied(row));
    let told = hand.acquisition.step(applied, frozen);
    assert!(
        matches!(told, Action::Act(ends) if ends <= tick(3_000)),
        "{told:?}"
    );
}

/// A wrong `Date` puts the latest possible now hours ahead, until the next answer.
#[test]
fn a_renewal_time_that_nobody_believes_takes_the_place_of_the_predecessors() {
    const AHEAD: i64 = 4 * 60 * 60 * 1000;
    let mut hand = waiting();
    hand.later(1_000);
    hand.happens(Event::Woken);
    let right = moment(hand.millis);
    let doubted = Moment {
        now: TimeInterval {
            latest: at(AHEAD),
            ..right.now
        },
        ..right
    };
    // The predecessor dates its release a second ahead.
    let released = anchored(hand.with_me([]), 2_000);
    hand.asked = hand
        .acquisition
        .step(Event::Polled(Some(released)), doubted);
    hand.asks_for("heartbeat");
    let ours = anchored(hand.with_me([]), AHEAD);
    hand.applied(ours).acts_for(9_750);
}
