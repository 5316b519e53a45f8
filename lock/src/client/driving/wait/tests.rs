use super::*;

const LEASE: Duration = Duration::from_secs(10);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn schedule() -> Schedule {
    Schedule::new(millis(450), LEASE, Pace::default())
}

fn turn(position: usize, age_ms: u64, dead_in_ms: Option<u64>) -> Pause {
    Pause::Turn {
        position,
        age: millis(age_ms),
        time_to_expiry: dead_in_ms.map(millis),
    }
}

fn at(time: u64) -> MonotonicInstant {
    MonotonicInstant(millis(time))
}

/// So many round trips of no length: the ages at which a single waiter looks in two seconds.
fn looks_of_a_single_waiter(mut schedule: Schedule) -> Vec<u64> {
    let (mut age, mut polls) = (0, Vec::new());
    while age < 2000 {
        let delay = schedule.pause(turn(1, age, None), at(age));
        // Timers know no parts of a millisecond.
        age += u64::try_from(delay.as_micros().div_ceil(1000)).unwrap();
        polls.push(age);
    }
    polls.pop();
    polls
}

#[test]
fn a_single_waiter_looks_at_most_twelve_times_in_two_seconds() {
    for seed in 0..200 {
        fastrand::seed(seed);
        let polls = looks_of_a_single_waiter(schedule());
        assert!(polls.len() <= 12, "{polls:?}");
        let taken = [1, 12, 50, 64, 150, 300, 400, 700, 1500][seed as usize % 9];
        let pace = Pace::default();
        pace.own(millis(taken));
        pace.learn(millis(taken * 5 / 4), 1 + seed as usize % 3);
        let schedule = Schedule::new(millis(450), LEASE, pace);
        let polls = looks_of_a_single_waiter(schedule);
        assert!(polls.len() <= 12, "{taken}: {polls:?}");
    }
}

#[test]
fn the_next_in_line_looks_in_proportion_to_the_age_of_the_hold() {
    let delay = schedule().pause(turn(1, 0, None), at(0));
    assert!(delay <= FIRST && delay >= FIRST.mul_f64(0.9), "{delay:?}");
    let delay = schedule().pause(turn(1, 500, None), at(500));
    assert!(delay <= millis(350) && delay >= millis(315), "{delay:?}");
}

#[test]
fn who_has_seen_the_queue_move_sleeps_until_it_is_next_and_its_turn_may_come() {
    let mut schedule = schedule();
    schedule.pause(turn(20, 30, None), at(100));
    // Five were through: 60 ms each or a little less, and fifteen are left.
    let delay = schedule.pause(turn(15, 30, None), at(400));
    let full = millis(14 * 60).mul_f64(TRUST) + millis(60);
    assert!(delay <= full && delay >= full.mul_f64(0.5), "{delay:?}");
    // The next in line waits until this turn may end, and then looks often.
    schedule.pause(turn(2, 0, None), at(1230));
    let delay = schedule.pause(turn(1, 0, None), at(1240));
    assert!(delay <= millis(50) && delay >= millis(10), "{delay:?}");
    let delay = schedule.pause(turn(1, 50, None), at(1290));
    assert!(delay <= millis(10), "{delay:?}");
}

#[test]
fn whatever_was_seen_before_a_long_turn_is_looked_at_ever_more_seldom() {
    for position in [1, 2, 5, 39] {
        let pace = Pace::default();
        pace.learn(millis(10), 3);
        let mut schedule = Schedule::new(millis(450), LEASE, pace);
        schedule.pause(turn(position + 1, 10, None), at(0));
        schedule.pause(turn(position, 0, None), at(10));
        let delay = schedule.pause(turn(position, 20_000, None), at(20_010));
        let most = (millis(450) * u32::try_from(position).unwrap()).min(LEASE / 3);
        assert!(delay >= most.mul_f64(0.69), "{position}: {delay:?}");
    }
}

#[test]
fn no_pause_is_longer_than_the_cap_of_its_rank_or_a_third_of_the_lease() {
    let delay = schedule().pause(turn(1, 1_000_000, None), at(2_000_000));
    assert!(delay <= millis(450));
    let delay = schedule().pause(turn(2, 1_000_000, None), at(2_000_000));
    assert!(delay <= millis(900));
    assert!(schedule().pause(turn(40, 1_000_000, None), at(2_000_000)) <= LEASE / 3);
    assert!(schedule().pause(Pause::Herd(u32::MAX), at(0)) <= millis(450));
    let mut short = Schedule::new(millis(450), millis(500), Pace::default());
    assert!(short.pause(turn(1, 1_000_000, None), at(2_000_000)) <= millis(167));
}

#[test]
fn a_pause_ends_when_the_holder_can_be_found_dead() {
    assert_eq!(
        schedule().pause(turn(1, 9_000, Some(30)), at(9_000)),
        millis(30)
    );
}

#[test]
fn repeats_slow_down_and_stay_bounded() {
    assert!(repeat(0) <= REPEAT);
    assert!(repeat(u32::MAX) <= REPEAT_MOST);
    assert!(repeat(u32::MAX) >= REPEAT_MOST / 2);
}
