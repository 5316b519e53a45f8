use super::*;

const HOUR: Duration = Duration::from_secs(60 * 60);
const SKEW: Duration = Duration::from_millis(2500);

/// Noon, or so.
const NOON: u64 = 1_763_640_000_000_000;

fn tick(millis: u64) -> MonotonicInstant {
    MonotonicInstant(Duration::from_millis(millis))
}

fn ms(millis: i64) -> Timestamp {
    Timestamp(NOON.checked_add_signed(millis * 1000).unwrap())
}

/// An answer with this `Date`, in whole seconds from noon.
fn shown(sent: u64, received: u64, second: i64) -> Server {
    Server::shown(tick(sent), tick(received), ms(second * 1000))
}

#[test]
fn an_answer_bounds_the_servers_clock_to_its_second_and_the_round_trip() {
    let (earliest, latest) = shown(0, 20, 0).now(tick(20));
    // 50 ms either way are what front ends may differ.
    assert_eq!((earliest, latest), (ms(-50), ms(1000 + 20 + 50)));
}

#[test]
fn a_slow_answer_proves_less() {
    let width = |received| {
        let (earliest, latest) = shown(0, received, 0).now(tick(received));
        latest.since(earliest).as_millis()
    };
    assert_eq!((width(10), width(2000)), (1110, 3100));
}

#[test]
fn two_answers_prove_more_than_one() {
    // One near the end of a second, and one at the beginning of the next.
    let both = shown(0, 10, 0).narrowed(shown(100, 110, 1)).unwrap();
    let (earliest, latest) = both.now(tick(110));
    assert!(latest.since(earliest) <= Duration::from_millis(220));
    assert!(earliest <= ms(1000) && latest >= ms(1000));
}

#[test]
fn what_is_known_widens_with_age() {
    let width = |at| {
        let (earliest, latest) = shown(0, 0, 0).now(tick(at));
        latest.since(earliest)
    };
    assert_eq!(width(0), Duration::from_millis(1100));
    // 200 millionths, either way.
    assert_eq!(width(1_000_000), Duration::from_millis(1100 + 400));
}

#[test]
fn one_answer_proves_nothing_against_those_before_it() {
    for (ahead, behind) in [(HOUR, Duration::ZERO), (Duration::ZERO, HOUR)] {
        let mut clock = told(Expiry::Verified, Duration::ZERO, Duration::ZERO);
        let lie = ms(0) + ahead - behind;
        clock.observe_server_date(clock.tick(), clock.tick(), lie.to_system_time());
        let doubtful = clock.moment().now;
        for possible in [ms(0), lie] {
            assert!(doubtful.earliest <= possible && possible <= doubtful.latest);
        }
        // The next one agrees with the first: the lie is forgotten.
        clock.observe_server_date(clock.tick(), clock.tick(), ms(0).to_system_time());
        let now = clock.moment().now;
        assert!(now.latest.since(now.earliest) < Duration::from_secs(2));
        assert!(now.earliest <= ms(0) && ms(0) <= now.latest);
    }
}

#[test]
fn two_answers_that_agree_prove_more_than_one_that_came_before() {
    let mut clock = told(Expiry::Verified, Duration::ZERO, Duration::ZERO);
    for _ in 0..2 {
        clock.observe_server_date(clock.tick(), clock.tick(), ms(0).to_system_time() + HOUR);
    }
    let now = clock.moment().now;
    assert!(now.earliest <= ms(0) + HOUR && ms(0) + HOUR <= now.latest);
    assert!(now.latest.since(now.earliest) < Duration::from_secs(2));
}

#[test]
fn without_a_date_the_local_clock_is_trusted_within_its_skew_and_no_further() {
    let mut clock = clock(Expiry::Verified);
    assert!(clock.observe_missing_date(), "it is news once");
    assert!(!clock.observe_missing_date());
    let now = clock.moment().now;
    assert_eq!((now.earliest, now.latest), (ms(0) - SKEW, ms(0) + SKEW));
}

#[test]
fn a_wall_clock_that_has_run_on_alone_shows_how_long_the_machine_stood_still() {
    let ahead = Arc::new(std::sync::Mutex::new(Duration::ZERO));
    let shown = Arc::clone(&ahead);
    let wall = WallClock::new(move || ms(0).to_system_time() + *shown.lock().unwrap());
    let clock = Clock::new(Expiry::Verified, SKEW, wall);
    let mark = clock.mark();
    assert_eq!(clock.missed_since(mark), Duration::ZERO);
    *ahead.lock().unwrap() = Duration::from_millis(200);
    assert_eq!(
        clock.missed_since(mark),
        Duration::ZERO,
        "clocks run apart a little"
    );
    *ahead.lock().unwrap() = Duration::from_secs(12);
    let missed = clock.missed_since(mark);
    assert!(missed > Duration::from_secs(11), "{missed:?}");
    assert_eq!(clock.missed_since(clock.mark()), Duration::ZERO);
}

fn clock(expiry: Expiry) -> Clock {
    let noon = ms(0).to_system_time();
    Clock::new(expiry, SKEW, WallClock::new(move || noon))
}

/// The clock, after two answers whose `Date` is this far from noon.
fn told(expiry: Expiry, ahead: Duration, behind: Duration) -> Clock {
    let mut clock = clock(expiry);
    for _ in 0..2 {
        tell(&mut clock, ahead, behind);
    }
    clock
}

/// An answer comes whose `Date` is this far from noon.
fn tell(clock: &mut Clock, ahead: Duration, behind: Duration) {
    let now = clock.tick();
    clock.observe_server_date(now, now, ms(0).to_system_time() + ahead - behind);
}

fn allows_for(clock: &Clock, time: Timestamp) -> bool {
    let now = clock.moment().now;
    now.earliest <= time && time <= now.latest
}

fn is_sure(clock: &Clock) -> bool {
    let now = clock.moment().now;
    now.latest.since(now.earliest) < Duration::from_secs(2)
}

#[test]
fn a_first_answer_that_the_wall_clock_contradicts_is_doubted() {
    for expiry in [Expiry::Verified, Expiry::Clock, Expiry::Observe] {
        for (ahead, behind) in [(HOUR, Duration::ZERO), (Duration::ZERO, HOUR)] {
            let mut clock = clock(expiry);
            tell(&mut clock, ahead, behind);
            let told = ms(0) + ahead - behind;
            assert!(
                allows_for(&clock, ms(0)) && allows_for(&clock, told),
                "{expiry:?}"
            );
            // The next one is as the wall clock: the first is forgotten.
            tell(&mut clock, Duration::ZERO, Duration::ZERO);
            assert!(
                allows_for(&clock, ms(0)) && !allows_for(&clock, told),
                "{expiry:?}"
            );
        }
    }
}

#[test]
fn a_first_answer_is_held_against_what_the_client_knew_before() {
    let sure = |ahead, behind| {
        // A wall clock that is an hour slow.
        let mut next = told(Expiry::Verified, HOUR, Duration::ZERO).reset();
        tell(&mut next, ahead, behind);
        assert!(allows_for(&next, ms(0) + HOUR));
        is_sure(&next)
    };
    assert!(sure(HOUR, Duration::ZERO), "as before");
    assert!(!sure(HOUR * 2, Duration::ZERO), "an hour ahead of that");
    assert!(!sure(Duration::ZERO, HOUR), "two hours behind it");
    assert!(
        !sure(Duration::ZERO, Duration::ZERO),
        "the wall clock was wrong before"
    );
}

#[test]
fn after_a_freeze_a_first_answer_is_held_against_the_wall_clock() {
    let ahead = Arc::new(std::sync::Mutex::new(Duration::ZERO));
    let shown = Arc::clone(&ahead);
    let wall = WallClock::new(move || ms(0).to_system_time() + *shown.lock().unwrap());
    let mut before = Clock::new(Expiry::Verified, SKEW, wall);
    tell(&mut before, Duration::ZERO, Duration::ZERO);
    *ahead.lock().unwrap() = HOUR;
    let mut after = before.reset();
    tell(&mut after, HOUR, Duration::ZERO);
    assert!(is_sure(&after) && allows_for(&after, ms(0) + HOUR));
    let mut after = before.reset();
    tell(&mut after, HOUR * 2, Duration::ZERO);
    assert!(!is_sure(&after) && allows_for(&after, ms(0) + HOUR));
}

#[test]
fn before_the_first_answer_the_wall_clock_is_taken_within_bounds() {
    for (expiry, late) in [
        (Expiry::Verified, Duration::from_secs(1)),
        (Expiry::Clock, Duration::ZERO),
        (Expiry::Observe, Duration::from_secs(1)),
    ] {
        let now = clock(expiry).moment().now;
        assert_eq!(
            (now.earliest, now.likely),
            (ms(0) - SKEW, ms(0)),
            "{expiry:?}"
        );
        assert_eq!(now.latest, ms(0) + late, "{expiry:?}");
    }
}

#[test]
fn after_two_answers_the_server_is_believed_and_not_the_wall_clock() {
    for (ahead, behind) in [(HOUR, Duration::ZERO), (Duration::ZERO, HOUR)] {
        for expiry in [Expiry::Verified, Expiry::Clock, Expiry::Observe] {
            let now = told(expiry, ahead, behind).moment().now;
            let server = ms(0) + ahead - behind;
            assert!(now.earliest <= server && server <= now.latest, "{expiry:?}");
            // In `clock` others may be late by the skew.
            let others = match expiry {
                Expiry::Clock => SKEW,
                Expiry::Verified | Expiry::Observe => Duration::ZERO,
            };
            assert!(
                now.latest.since(now.earliest) < Duration::from_secs(2) + others,
                "{expiry:?}"
            );
            assert!(
                now.earliest <= now.likely && now.likely <= now.latest,
                "{expiry:?}"
            );
        }
    }
}

#[test]
fn a_local_clock_that_the_server_does_not_contradict_is_trusted_within_its_skew() {
    let now = told(Expiry::Clock, Duration::from_secs(1), Duration::ZERO)
        .moment()
        .now;
    assert_eq!((now.earliest, now.latest), (ms(0) - SKEW, ms(0)));
}

#[test]
fn nothing_that_was_learnt_outlives_its_acquisition() {
    let reset = told(Expiry::Verified, HOUR, Duration::ZERO).reset();
    assert_eq!(reset.moment().now.likely, ms(0));
}

#[test]
fn a_tick_is_a_point_on_the_runtimes_clock_and_back() {
    let clock = clock(Expiry::Verified);
    let now = clock.tick();
    assert!(!clock.is_past(clock.instant(now + HOUR)));
    assert!(clock.is_past(clock.instant(now)));
    assert!(
        clock.is_past(clock.instant(now - HOUR)),
        "before the clock was made is long past"
    );
    assert!(
        !clock.is_past(clock.after(Duration::MAX)),
        "nothing is too far away to be expressed"
    );
}

#[test]
fn a_mark_is_a_moment_by_all_clocks() {
    let time = Arc::new(std::sync::Mutex::new(ms(0)));
    let shown = Arc::clone(&time);
    let wall = WallClock::new(move || shown.lock().unwrap().to_system_time());
    let clock = Clock::new(Expiry::Verified, SKEW, wall);
    let (before, mark, after) = (clock.tick(), clock.mark(), clock.tick());
    assert!(before <= mark.tick() && mark.tick() <= after);
    assert!(!clock.has_gone_back(mark), "it shows the same");
    *time.lock().unwrap() = ms(1);
    assert!(!clock.has_gone_back(mark));
    *time.lock().unwrap() = ms(-1);
    assert!(clock.has_gone_back(mark));
}

/// Clocks run apart by a quarter of a second, and by one part in two thousand of the time that has passed.
#[test]
fn what_clocks_may_run_apart_grows_with_the_time() {
    let time = Arc::new(std::sync::Mutex::new(ms(0)));
    let shown = Arc::clone(&time);
    let wall = WallClock::new(move || shown.lock().unwrap().to_system_time());
    let clock = Clock::new(Expiry::Verified, SKEW, wall);
    let hour = Mark {
        tick: clock.tick() - HOUR,
        ..clock.mark()
    };
    for (apart_ms, missed) in [(0, false), (2_000, false), (2_100, true)] {
        *time.lock().unwrap() = ms(3_600_000 + apart_ms);
        assert_eq!(!clock.missed_since(hour).is_zero(), missed, "{apart_ms} ms");
    }
}

#[test]
fn doubt_ends_with_the_answer_that_decides_and_with_the_acquisition() {
    let mut clock = told(Expiry::Verified, Duration::ZERO, Duration::ZERO);
    assert!(!clock.is_in_doubt());
    tell(&mut clock, HOUR, Duration::ZERO);
    assert!(clock.is_in_doubt());
    assert!(!clock.reset().is_in_doubt());
    tell(&mut clock, Duration::ZERO, Duration::ZERO);
    assert!(!clock.is_in_doubt());
}

#[test]
fn an_answer_without_a_date_counts_for_its_own_acquisition() {
    let mut clock = clock(Expiry::Verified);
    clock.observe_missing_date();
    assert_eq!(clock.moment().now.latest, ms(0) + SKEW);
    assert_eq!(
        clock.reset().moment().now.latest,
        ms(0) + Duration::from_secs(1)
    );
}

#[test]
fn intervals_that_touch_do_not_contradict_each_other() {
    let (a, b, c) = (ms(0), ms(1), ms(2));
    assert!(!disjoint((a, b), (b, c)) && !disjoint((b, c), (a, b)));
    assert!(disjoint((a, a), (b, c)) && disjoint((b, c), (a, a)));
}

/// Only a gap that the machine's clocks show makes the wall clock a witness against what the client knew.
#[test]
fn a_wall_clock_that_agrees_with_a_lie_does_not_outweigh_what_the_client_knew() {
    for (ahead, behind) in [(HOUR, Duration::ZERO), (Duration::ZERO, HOUR)] {
        let mut next = told(Expiry::Verified, ahead, behind).reset();
        tell(&mut next, Duration::ZERO, Duration::ZERO);
        assert!(next.is_in_doubt());
        assert!(allows_for(&next, ms(0) + ahead - behind) && allows_for(&next, ms(0)));
    }
}

#[test]
fn a_slow_answer_takes_nothing_back_that_a_fast_one_has_proven() {
    let (fast, slow) = (shown(0, 10, 0), shown(100, 2100, 0));
    let (earliest, latest) = fast.narrowed(slow).unwrap().now(tick(2100));
    // What the fast one said, and half a millisecond for the drift; the slow one was sent later.
    assert!(earliest >= ms(2100 - 10 - 50 - 1), "{earliest:?}");
    assert!(latest <= ms(2100 + 1000 - 100 + 50), "{latest:?}");
}
