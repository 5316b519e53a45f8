use super::*;

const LEASE: Duration = Duration::from_secs(10);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn schedule() -> Schedule {
    Schedule::new(millis(450), LEASE, Pace::default())
}

fn turn(rank: usize, age_ms: u64, dead_in_ms: Option<u64>) -> Pause {
    Pause::Turn {
        rank,
        age: millis(age_ms),
        dead_in: dead_in_ms.map(millis),
    }
}

fn at(time: u64) -> Tick {
    Tick(millis(time))
}

/// So many round trips of no length: the ages at which a single waiter looks in two seconds.
fn looks_of_a_single_waiter(mut schedule: Schedule) -> Vec<u64> {
    let (mut age, mut looks) = (0, Vec::new());
    while age < 2000 {
        let look = schedule.pause(turn(1, age, None), at(age));
        // Timers know no parts of a millisecond.
        age += u64::try_from(look.as_micros().div_ceil(1000)).unwrap();
        looks.push(age);
    }
    looks.pop();
    looks
}

#[test]
fn a_single_waiter_looks_at_most_twelve_times_in_two_seconds() {
    for seed in 0..200 {
        fastrand::seed(seed);
        let looks = looks_of_a_single_waiter(schedule());
        assert!(looks.len() <= 12, "{looks:?}");
        let taken = [1, 12, 50, 64, 150, 300, 400, 700, 1500][seed as usize % 9];
        let pace = Pace::default();
        pace.own(millis(taken));
        pace.learn(millis(taken * 5 / 4), 1 + seed as usize % 3);
        let schedule = Schedule::new(millis(450), LEASE, pace);
        let looks = looks_of_a_single_waiter(schedule);
        assert!(looks.len() <= 12, "{taken}: {looks:?}");
    }
}

#[test]
fn the_next_in_line_looks_in_proportion_to_the_age_of_the_hold() {
    let look = schedule().pause(turn(1, 0, None), at(0));
    assert!(look <= FIRST && look >= FIRST.mul_f64(0.9), "{look:?}");
    let look = schedule().pause(turn(1, 500, None), at(500));
    assert!(look <= millis(350) && look >= millis(315), "{look:?}");
}

#[test]
fn who_has_seen_the_queue_move_sleeps_until_it_is_next_and_its_turn_may_come() {
    let mut schedule = schedule();
    schedule.pause(turn(20, 30, None), at(100));
    // Five were through: 60 ms each or a little less, and fifteen are left.
    let look = schedule.pause(turn(15, 30, None), at(400));
    let full = millis(14 * 60).mul_f64(TRUST) + millis(60);
    assert!(look <= full && look >= full.mul_f64(0.5), "{look:?}");
    // The next in line waits until this turn may end, and then looks often.
    schedule.pause(turn(2, 0, None), at(1230));
    let look = schedule.pause(turn(1, 0, None), at(1240));
    assert!(look <= millis(50) && look >= millis(10), "{look:?}");
    let look = schedule.pause(turn(1, 50, None), at(1290));
    assert!(look <= millis(10), "{look:?}");
}

#[test]
fn whatever_was_seen_before_a_long_turn_is_looked_at_ever_more_seldom() {
    for rank in [1, 2, 5, 39] {
        let pace = Pace::default();
        pace.learn(millis(10), 3);
        let mut schedule = Schedule::new(millis(450), LEASE, pace);
        schedule.pause(turn(rank + 1, 10, None), at(0));
        schedule.pause(turn(rank, 0, None), at(10));
        let look = schedule.pause(turn(rank, 20_000, None), at(20_010));
        let most = (millis(450) * u32::try_from(rank).unwrap()).min(LEASE / 3);
        assert!(look >= most.mul_f64(0.69), "{rank}: {look:?}");
    }
}

#[test]
fn no_pause_is_longer_than_the_cap_of_its_rank_or_a_third_of_the_lease() {
    let look = schedule().pause(turn(1, 1_000_000, None), at(2_000_000));
    assert!(look <= millis(450));
    let look = schedule().pause(turn(2, 1_000_000, None), at(2_000_000));
    assert!(look <= millis(900));
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
