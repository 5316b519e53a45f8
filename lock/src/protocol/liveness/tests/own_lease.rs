//! How long the own lease lasts, and what proves it to others.

use super::*;

#[test]
fn a_little_of_a_lease_is_kept_back() {
    assert_eq!(safe_lease(LEASE), Duration::from_millis(9_750));
    assert_eq!(
        safe_lease(Duration::from_millis(500)),
        Duration::from_millis(475)
    );
}

#[test]
fn clocks_that_run_apart_by_400_ppm_do_not_outlast_a_long_lease() {
    for seconds in [375, 900, 3600, 7 * 24 * 3600] {
        let lease = Duration::from_secs(seconds);
        assert!(safe_lease(lease) + lease / 2500 < lease, "{lease:?}");
    }
}

#[test]
fn what_was_written_too_early_comes_off_the_own_lease() {
    let sent = tick(0);
    // The latest possible now of then, and one that was two seconds too early.
    let honest = proven_by(&terms(), ms(500), sent, moment(100));
    assert_eq!(honest, tick(9_750));
    let early = proven_by(&terms(), ms(-1_500), sent, moment(100));
    assert_eq!(early, tick(7_750));
    let an_hour = proven_by(&terms(), ms(-3_600_000), sent, moment(100));
    assert_eq!(an_hour, sent, "it proves nothing");
}

#[test]
fn the_renewal_time_that_a_predecessor_left_proves_its_successor_alive() {
    let row = Row {
        renewed_at: Some(ms(5_000)),
        ..holder(None)
    };
    let me = row.holder().and_then(Entry::fields).unwrap();
    let proven = |row: &Row, at| {
        let proven = is_proven_by_renewal(&terms(), row, me, tick(at), moment(at));
        proven.then(|| proven_by_renewal(&terms(), row.alive_at(me), moment(at)))
    };
    // By the latest possible now, which is half a second ahead.
    assert_eq!(proven(&row, 6_000), Some(tick(14_250)));
    assert_eq!(proven(&row, 60_000), Some(tick(60_000)), "it is over");
    let fast = Row {
        renewed_at: Some(ms(3_600_000)),
        ..row.clone()
    };
    assert_eq!(proven(&fast, 6_000), None);
}

#[test]
fn a_renewal_time_counts_only_if_all_others_believe_it_for_certain() {
    // Five seconds ahead of the earliest now is what all clients believe, and a second ahead of the
    // latest is what needs no confirmation.
    let row = |renewed_at| Row {
        renewed_at: Some(ms(renewed_at)),
        ..holder(None)
    };
    let narrow = Terms {
        skew: Duration::ZERO,
        ..terms()
    };
    let proven = |ahead: i64, skew| {
        let row = row(60_000 + ahead);
        let me = row.holder().and_then(Entry::fields).unwrap();
        let me = Fields { skew, ..me.clone() };
        is_proven_by_renewal(&narrow, &row, &me, tick(60_000), moment(60_000))
    };
    let wide = Duration::from_millis(2500);
    assert!(proven(1_500, wide) && !proven(1_501, wide));
    assert!(proven(1_500, Duration::ZERO), "two seconds at least");
    let vague = |behind| {
        let at = Moment {
            now: TimeInterval {
                earliest: ms(54_000),
                likely: ms(60_000),
                latest: ms(60_000),
            },
            ..moment(60_000)
        };
        let row = row(behind);
        let me = row.holder().and_then(Entry::fields).unwrap().clone();
        is_proven_by_renewal(&terms(), &row, &me, tick(60_000), at)
    };
    assert!(vague(59_000), "by the earliest possible now");
    assert!(!vague(59_001), "not by the latest");
}

#[test]
fn a_renewal_time_that_another_client_may_have_watched_for_a_lease_does_not_count() {
    let row = Row {
        renewed_at: Some(ms(60_000)),
        ..holder(None)
    };
    let me = row.holder().and_then(Entry::fields).unwrap();
    let proven = |behind| is_proven_by_renewal(&terms(), &row, me, tick(behind), moment(60_000));
    // It was believable half a lease after that to all clients with a correct clock.
    assert!(proven(50_500) && !proven(50_499));
}

#[test]
fn a_deadline_that_was_written_too_early_ends_the_work_a_second_later_than_that() {
    let terms = Terms {
        deadline: Some(tick(8_000)),
        ..terms()
    };
    // The latest possible now was half a second later than what was written a moment ago.
    let by = |early: u64| {
        let own = moment(0).now.latest - Duration::from_millis(early);
        deadline(&terms, own, tick(0), moment(0))
    };
    assert_eq!(by(1_000), Some(tick(8_000)));
    assert_eq!(by(1_500), Some(tick(7_500)));
}
