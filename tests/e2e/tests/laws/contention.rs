//! Many for one key, each a client of its own: over HTTP, and in paused time, where every round trip
//! takes as long and what is counted does not depend on the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use dynamodb_locks::protocol::Entry;
use dynamodb_locks::{Locks, Settings};
use testkit::Clock;
use testkit::dynamo::{Dynamo, Logged, Schema, Wire};
use testkit::history::{Work, inversions, violations};
use testkit::locks::{Contention, Cost, KEY, LEASE, ROUND_TRIP, by_the_next_in_line, by_the_sweep};
use tokio::task::JoinSet;

const CONTENDERS: usize = 32;
const ROUNDS: usize = 2;

/// Everybody who works right now, and the clock they work by.
#[derive(Clone)]
struct CriticalSection {
    clock: Clock,
    inside: Arc<AtomicUsize>,
}

impl CriticalSection {
    /// Works for a moment, and tells whether another client was there.
    async fn work(&self, who: String, fence: u64) -> Work {
        let begin = self.clock.since_epoch();
        let others = self.inside.fetch_add(1, SeqCst);
        assert_eq!(others, 0, "{who} is not alone");
        tokio::time::sleep(Duration::from_millis(fastrand::u64(0..4))).await;
        self.inside.fetch_sub(1, SeqCst);
        let end = self.clock.since_epoch();
        let (key, fence) = (KEY.to_owned(), Some(fence));
        Work {
            key,
            fence,
            begin,
            end,
            who,
        }
    }
}

fn contender(wire: &Wire, owner: &str) -> Locks {
    let settings = Settings::new().table("locks").owner(owner);
    let settings = settings.max_wait(Duration::from_secs(90));
    Locks::with_client(&wire.client(), settings).expect("no journal, no trouble")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_work_one_at_a_time_and_in_the_order_in_which_they_came() {
    let dynamo = Dynamo::new();
    dynamo.create_table(&Schema::locks("locks")).unwrap();
    dynamo.keep_log();
    let wire = dynamo.listen().await.unwrap();
    let section = CriticalSection {
        clock: Clock::tokio(),
        inside: Arc::default(),
    };

    let mut contenders = JoinSet::new();
    for number in 0..CONTENDERS {
        let who = format!("contender-{number}");
        let (locks, section) = (contender(&wire, &who), section.clone());
        contenders.spawn(async move {
            let mut works = Vec::new();
            for _ in 0..ROUNDS {
                let held = locks.acquire(KEY).await.unwrap();
                works.push(section.work(who.clone(), held.fence()).await);
                held.release().await.unwrap();
            }
            works
        });
    }
    let works = contenders.join_all().await.concat();

    assert_eq!(works.len(), CONTENDERS * ROUNDS);
    judge(&works, &dynamo.log());
    let row = dynamo.row("locks", KEY, "default").unwrap();
    assert_eq!(row.get("queue"), None, "nobody is left in the queue");
    for (op, count) in dynamo.counts().iter() {
        let each = count.requests as f64 / works.len() as f64;
        println!(
            "{op}: {} requests, {} units, {each:.2} an acquisition",
            count.requests, count.units
        );
    }
}

/// The fences in the order in which their entries came into the queue.
fn enqueued(log: &[Logged]) -> Vec<u64> {
    let entered = log
        .iter()
        .filter(|logged| matches!(logged.applied, Some((200, _))));
    let entry = entered.filter_map(|logged| {
        let values = &logged.request.body["ExpressionAttributeValues"];
        values[":in"]["SS"][0].as_str()
    });
    let tickets = entry.filter_map(|text| Entry::read(text).ticket());
    tickets.map(|ticket| ticket.0).collect()
}

/// Laws 1 to 3.
fn judge(history: &[Work], log: &[Logged]) {
    let mut broken = violations(history);
    broken.extend(inversions(KEY, &enqueued(log), history));
    let broken: Vec<_> = broken.iter().map(ToString::to_string).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

/// A lock that is never free, and passes from hand to hand each 50 ms.
async fn contend(members: usize) -> Cost {
    let hold = Duration::from_millis(50);
    let seed = 1;
    let cost = Contention {
        members,
        hold,
        seed,
    }
    .measure()
    .await;
    let Cost { writes, reads, .. } = &cost;
    println!(
        "{members} at a lock: each {:.3} writes of {:.3} units, reads of {:.3}; handed over in {:.2} round \
         trips, of 100 in at most {:.2}",
        cost.each(writes.requests as f64),
        cost.each(writes.units),
        cost.each(reads.units),
        cost.handover(50),
        cost.handover(99),
    );
    let broken: Vec<_> = cost.broken.iter().map(ToString::to_string).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(cost.acquisitions > 50, "{}", cost.acquisitions);
    cost
}

#[tokio::test(start_paused = true)]
async fn with_twenty_at_a_lock_an_acquisition_is_two_writes_of_one_unit() {
    let cost = contend(20).await;
    assert!(cost.each(cost.writes.requests as f64) <= 2.05);
    assert!(cost.each(cost.writes.units) <= 2.05);
    assert!(cost.each(cost.reads.units) <= 4.0);
}

#[tokio::test(start_paused = true)]
async fn with_forty_at_a_lock_only_the_size_of_the_row_costs_more() {
    let cost = contend(40).await;
    assert!(cost.each(cost.writes.requests as f64) <= 2.05);
    assert!(cost.each(cost.writes.units) <= 4.1);
    assert!(cost.each(cost.reads.units) <= 4.0);
}

#[tokio::test(start_paused = true)]
async fn a_lock_of_the_dead_is_free_after_the_sweep_or_at_the_end_of_the_lease() {
    for seed in 0..5 {
        let (swept, stolen) = (by_the_sweep(seed).await, by_the_next_in_line(seed).await);
        let (swept, stolen) = (swept.unwrap(), stolen.unwrap());
        println!("swept: the next holds after {swept:?}; not swept: after {stolen:?}");
        // One round trip for the sweep, one for the look that sees it, and the pause before that.
        let pause = Duration::from_millis(450).mul_f64(1.2);
        assert!(swept <= pause + ROUND_TRIP * 3, "{swept:?}");
        assert!(stolen <= LEASE + Duration::from_secs(1), "{stolen:?}");
    }
}
