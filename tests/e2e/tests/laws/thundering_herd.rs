//! A thundering herd on one key: 130 clients that all want to work, and 130 that race for one short job.
//!
//! Each client is some milliseconds away from the table. Time is paused and randomness is seeded, so the
//! counts do not depend on the machine.

use std::ops::Range;
use std::time::Duration;

use dynamodb_locks::protocol::Entry;
use dynamodb_locks::{Error, Locks, Settings};
use fastrand::Rng;
use testkit::Clock;
use testkit::dynamo::{Fate, Logged, Request};
use testkit::history::{Work, inversions, violations};
use testkit::locks::{KEY, LockTable, Step};
use tokio::task::JoinSet;
use tokio::time::sleep;

const CLIENTS: usize = 130;

/// In ms, one way.
const LATENCY: Range<u64> = 2..6;

/// In ms.
const HOLD: Range<u64> = 3..51;

const SECOND: Duration = Duration::from_secs(1);

fn millis(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// A table some milliseconds away.
fn far_table(seed: u64) -> LockTable {
    fastrand::seed(seed);
    let table = LockTable::new();
    table.dynamo().plan(move |request: &Request| {
        let mut rng = Rng::with_seed(seed << 32 | request.number);
        let [there, back] = [rng.u64(LATENCY), rng.u64(LATENCY)].map(millis);
        Fate::delivered().before(there).after(back)
    });
    table
}

/// Clocks are never quite the same; in paused time, which goes by whole milliseconds, they would be.
fn clients(table: &LockTable, settings: impl Fn(Settings) -> Settings) -> Vec<Locks> {
    let patient = |s: Settings| settings(s.max_wait(SECOND * 60));
    let member = |number| {
        let off = Duration::from_micros(fastrand::u64(0..1000));
        let member = table.a_client(&format!("member-{number}")).fast(off);
        member.with(patient).ready()
    };
    (0..CLIENTS).map(member).collect()
}

/// Everybody arrives some time within `spread`, and works once.
async fn arrive_within(
    table: &LockTable,
    clients: Vec<Locks>,
    spread: Duration,
) -> Vec<Result<Work, Error>> {
    let mut members = JoinSet::new();
    for (number, locks) in clients.into_iter().enumerate() {
        let arrival = spread.mul_f64(fastrand::f64());
        let hold = millis(fastrand::u64(HOLD));
        let clock = table.clock().clone();
        members.spawn(async move {
            sleep(arrival).await;
            work(&locks, &clock, number, hold).await
        });
    }
    members.join_all().await
}

async fn work(locks: &Locks, clock: &Clock, number: usize, hold: Duration) -> Result<Work, Error> {
    let held = locks.acquire(KEY).await?;
    let (fence, begin) = (Some(held.fence()), clock.since_epoch());
    sleep(hold).await;
    let (key, who, end) = (KEY.to_owned(), number.to_string(), clock.since_epoch());
    held.release().await?;
    Ok(Work {
        key,
        fence,
        begin,
        end,
        who,
    })
}

/// No two at once, fences rise, nobody overtakes, nobody is left behind; and what it cost.
fn judge(table: &LockTable, works: &[Work], of: &str) {
    let log = table.dynamo().log();
    let entered: Vec<_> = log.iter().filter_map(entered).collect();
    let mut broken = violations(works);
    broken.extend(inversions(KEY, &entered, works));
    let broken: Vec<_> = broken.iter().map(ToString::to_string).collect();
    assert!(broken.is_empty(), "{of}: {broken:#?}");
    assert_eq!(entered.len(), works.len(), "{of}: who entered has worked");
    assert!(table.row().queue.is_empty());

    let steps: Vec<_> = log.iter().map(|logged| Step::of(&logged.request)).collect();
    let sent = |step| steps.iter().filter(|sent| **sent == step).count();
    let [enqueues, looks, releases] = [Step::Enqueue, Step::Poll, Step::Release].map(sent);
    let each = |many: usize| many as f64 / CLIENTS as f64;
    println!("{of}: {} of {CLIENTS} served", works.len());
    println!(
        "  {enqueues} enqueues, {:.2} each; {looks} looks, {:.2} each",
        each(enqueues),
        each(looks)
    );
    for (op, count) in table.dynamo().counts().iter() {
        println!("  {op}: {} requests, {} units", count.requests, count.units);
    }
    assert!(
        each(enqueues) <= 3.0,
        "{of}: {:.2} enqueues each",
        each(enqueues)
    );
    assert_eq!(releases, works.len());
    assert_eq!(
        steps.len(),
        enqueues + looks + releases,
        "{of}: and nothing else"
    );
}

/// The fence of an entry that this request has put into the queue.
fn entered(logged: &Logged) -> Option<u64> {
    let (200, _) = logged.applied.as_ref()? else {
        return None;
    };
    let entry = &logged.request.body["ExpressionAttributeValues"][":in"]["SS"][0];
    Entry::read(entry.as_str()?).ticket().map(|ticket| ticket.0)
}

async fn all_are_served(of: &str, seed: u64, spread: Duration) {
    let table = far_table(seed);
    let clients = clients(&table, |s| s.queue_cap(200));
    let works: Result<Vec<_>, _> = arrive_within(&table, clients, spread)
        .await
        .into_iter()
        .collect();
    let works = works.expect("there is room for all, and time");
    assert_eq!(works.len(), CLIENTS);
    judge(&table, &works, of);
}

#[tokio::test(start_paused = true)]
async fn who_arrive_at_once_are_all_served_one_at_a_time_and_in_their_order() {
    all_are_served("130 within 10 ms", 1, millis(10)).await;
}

#[tokio::test(start_paused = true)]
async fn who_arrive_within_a_second_are_all_served_one_at_a_time_and_in_their_order() {
    all_are_served("130 within a second", 2, SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn whom_the_queue_has_no_room_for_are_told_so_and_leave_nothing_behind() {
    let table = far_table(3);
    let clients = clients(&table, |s| s);
    let (works, refusals): (Vec<_>, Vec<_>) = arrive_within(&table, clients, millis(10))
        .await
        .into_iter()
        .partition(Result::is_ok);
    let works: Vec<_> = works.into_iter().flatten().collect();
    assert!(works.len() >= 40, "{} were served", works.len());
    assert!(!refusals.is_empty());
    for refusal in refusals.into_iter().filter_map(Result::err) {
        assert!(refusal.is_full(), "{refusal}");
    }
    judge(&table, &works, "130 within 10 ms, room for 40");
}

#[tokio::test(start_paused = true)]
async fn of_those_who_race_for_one_short_job_each_second_exactly_one_wins() {
    const ROUNDS: usize = 5;
    let table = far_table(4);
    let clients = clients(&table, |s| s);
    let mut last = 0;
    for round in 0..ROUNDS {
        let mut members = JoinSet::new();
        for locks in clients.clone() {
            let late = millis(fastrand::u64(0..10));
            members.spawn(async move {
                sleep(late).await;
                let held = locks.try_acquire(KEY).await?;
                sleep(millis(200)).await;
                let fence = held.fence();
                held.release().await.map(|()| fence)
            });
        }
        let (won, refused): (Vec<_>, Vec<_>) = members
            .join_all()
            .await
            .into_iter()
            .partition(Result::is_ok);
        let [Ok(fence)] = won[..] else {
            panic!("{} won round {round}", won.len());
        };
        assert!(fence > last, "round {round}");
        last = fence;
        for refusal in refused.into_iter().filter_map(Result::err) {
            assert!(refusal.is_busy(), "{refusal}");
            assert!(refusal.retry_after().is_some());
        }
        sleep(SECOND - millis(250)).await;
    }
    let total = table.dynamo().counts().total();
    println!(
        "{CLIENTS} race {ROUNDS} times: {} writes, {} units",
        total.requests, total.units
    );
    assert_eq!(
        table.dynamo().counts().of("UpdateItem"),
        total,
        "nobody reads"
    );
    // One each, and the winner's release.
    assert_eq!(total.requests as usize, ROUNDS * (CLIENTS + 1));
    assert!(table.row().queue.is_empty());
}
