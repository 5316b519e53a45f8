//! Any batches of any records, delivered until nothing is left, by models of the sources.

mod source;

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};
use testkit::dynamo::{Fate, Request};
use testkit::locks::{LockTable, die};
use tokio::time::timeout;
use tower::{Layer, service_fn};

use self::source::{Kind, Record, Source};
use super::{deliver, layer};

/// What goes wrong beside the work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Faults {
    None,
    /// Requests and answers are lost or late, and processes die.
    All,
}

/// The layer with one thought left out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mutant {
    None,
    /// A record that is held back is not reported.
    ForgetsOneThatIsHeldBack,
    /// A shard is told of the last failure.
    ReportsTheLast,
    /// What the handler reports counts as done.
    CompletesWhatFailed,
    /// A queue that keeps an order is taken for one that does not.
    ForgetsTheGroups,
}

/// What the handlers have done: the record ids, in the order of their effects, and who is at an order.
#[derive(Default)]
struct World {
    effects: Vec<String>,
    at_work: BTreeSet<String>,
}

/// One run of everything; `failing` of ten records fail at each run.
async fn all_is_done_once(
    kind: Kind,
    seed: u64,
    faults: Faults,
    mutant: Mutant,
) -> Result<(), String> {
    let mut rng = Rng::with_seed(seed);
    let table = LockTable::new();
    if faults == Faults::All {
        let network = Mutex::new(Rng::with_seed(rng.u64(..)));
        let fate = move |_: &Request| fate(&mut network.lock().expect("nobody panicked"));
        table.dynamo().plan(fate);
    }
    let failing = rng.u32(0..4);
    let records: VecDeque<_> = (0..rng.usize(4..24))
        .map(|n| {
            let order = match rng.u8(0..10) {
                0 => String::new(),
                _ => format!("o{}", rng.u8(0..4)),
            };
            Record {
                id: format!("m{n:02}"),
                group: format!("g{}", rng.u8(0..3)),
                order,
                delivered: 0,
            }
        })
        .collect();
    let all = records.clone();
    let mut source = Source {
        kind,
        waiting: records,
        in_flight: Vec::new(),
        given_up: Vec::new(),
    };
    let world = Arc::new(Mutex::new(World::default()));
    let event_key = match kind {
        Kind::Shard => "/Records/*/kinesis/sequenceNumber",
        Kind::Standard | Kind::Fifo => "/Records/*/messageId",
    };
    let vars = [
        ("LOCKS_KEY", "/Records/*/body/orderId"),
        ("LOCKS_DEDUP", "skip"),
        ("LOCKS_DEDUP_KEY", event_key),
        ("LOCKS_ON_BUSY", if rng.bool() { "fail" } else { "wait" }),
    ];
    let environment = |n: usize, seed: u64| {
        let world = Arc::clone(&world);
        let rng = Arc::new(Mutex::new(Rng::with_seed(seed)));
        let handler = service_fn(move |event: LambdaEvent<Value>| {
            let (world, rng) = (Arc::clone(&world), Arc::clone(&rng));
            async move { work(kind, &event.payload, failing, mutant, &world, &rng).await }
        });
        layer(table.client(&format!("e{n}")), &vars).layer(handler)
    };
    let mut environments: Vec<_> = (0..3).map(|n| environment(n, rng.u64(..))).collect();
    // Effects of batches that died before they could say so.
    let mut untold = Vec::new();
    for round in 0.. {
        if round == 2000 {
            return Err(format!("seed {seed}: it never ends"));
        }
        let mut running = Vec::new();
        for (n, environment) in environments.iter().enumerate() {
            let Some(records) = source.next(&mut rng) else {
                continue;
            };
            let kind = match mutant {
                Mutant::ForgetsTheGroups if kind == Kind::Fifo => Kind::Standard,
                _ => kind,
            };
            let (mut environment, event) = (environment.clone(), Source::event(kind, &records));
            let dies = faults == Faults::All && rng.u8(0..12) == 0;
            let lives = if dies { rng.u64(1..250) } else { 1_000_000 };
            let answer = async move {
                let mut answer = Box::pin(async move { deliver(&mut environment, &event).await });
                match timeout(Duration::from_millis(lives), &mut answer).await {
                    Ok(answer) => Some(answer),
                    Err(_) => {
                        die(answer);
                        None
                    }
                }
            };
            running.push((n, records, tokio::spawn(answer)));
        }
        if running.is_empty() {
            break;
        }
        for (n, records, answer) in running {
            let answer = answer.await.map_err(|panic| panic.to_string())?;
            let answer = answer.unwrap_or_else(|| {
                environments[n] = environment(n, rng.u64(..));
                let mut world = world.lock().expect("nobody panicked");
                for record in &records {
                    world.at_work.remove(&record.body());
                    untold.push(record.id.clone());
                }
                Err("it died".to_owned())
            });
            let answer = answer.map(|answer| changed(answer, &records, mutant));
            if kind == Kind::Shard && failures(&answer).len() > 1 {
                return Err(format!(
                    "seed {seed}: a shard is told of one failure: {answer:?}"
                ));
            }
            source.answered(&records, &answer, &mut rng);
        }
        let pause = match faults {
            Faults::None => rng.u64(1..50),
            Faults::All => rng.u64(1..4000),
        };
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    let effects = std::mem::take(&mut world.lock().expect("nobody panicked").effects);
    judge(kind, &all, &source.given_up, &untold, &effects)
        .map_err(|why| format!("seed {seed}: {why}"))
}

fn failures(answer: &Result<Value, String>) -> Vec<Value> {
    let failures = answer
        .as_ref()
        .ok()
        .and_then(|answer| answer["batchItemFailures"].as_array());
    failures.cloned().unwrap_or_default()
}

/// What the source is told, as the mutant has it.
fn changed(answer: Value, records: &[Record], mutant: Mutant) -> Value {
    let mut failures = failures(&Ok(answer.clone()));
    match mutant {
        _ if failures.is_empty() => return answer,
        Mutant::ForgetsOneThatIsHeldBack => drop(failures.remove(0)),
        Mutant::ReportsTheLast => {
            let last = records.last().map(|record| &record.id);
            failures = vec![json!({ "itemIdentifier": last })];
        }
        _ => return answer,
    }
    json!({"batchItemFailures": failures})
}

/// Whether every record that can be worked on had its effect once, and in the order of its group.
fn judge(
    kind: Kind,
    all: &VecDeque<Record>,
    given_up: &[String],
    untold: &[String],
    effects: &[String],
) -> Result<(), String> {
    for record in all {
        let expected = usize::from(!record.order.is_empty());
        let times = effects.iter().filter(|id| **id == record.id).count();
        let again = untold.iter().filter(|id| **id == record.id).count();
        if times < expected || times > expected + again * expected {
            return Err(format!("{} had {times} effects", record.id));
        }
        if given_up.contains(&record.id) && expected == 1 {
            return Err(format!("{} was given up", record.id));
        }
    }
    if kind == Kind::Standard {
        return Ok(());
    }
    for group in ["g0", "g1", "g2"] {
        let is_of = |id: &str| {
            all.iter()
                .any(|record| record.id == id && record.group == group)
        };
        // What is done again because a process died comes out of its turn.
        let once = |id: &&String| is_of(id) && !untold.contains(id);
        let effects: Vec<_> = effects.iter().filter(once).collect();
        if !effects.is_sorted() {
            return Err(format!("{group} was worked on in the order {effects:?}"));
        }
    }
    Ok(())
}

/// Works on a batch: some records fail, and in a group all behind one that fails are left.
async fn work(
    kind: Kind,
    event: &Value,
    failing: u32,
    mutant: Mutant,
    world: &Mutex<World>,
    rng: &Mutex<Rng>,
) -> Result<Value, String> {
    let records = event["Records"].as_array().expect("a batch");
    let orders: BTreeSet<_> = records
        .iter()
        .map(|record| record["body"].to_string())
        .collect();
    for order in &orders {
        assert!(
            world
                .lock()
                .expect("nobody panicked")
                .at_work
                .insert(order.clone()),
            "two work on {order}"
        );
    }
    let takes = Duration::from_millis(rng.lock().expect("nobody panicked").u64(1..100));
    tokio::time::sleep(takes).await;
    let mut failures = Vec::new();
    let mut left = BTreeSet::new();
    let fails_whole = rng.lock().expect("nobody panicked").u32(0..40) < failing;
    for record in records {
        let group = match kind {
            Kind::Standard => String::new(),
            Kind::Fifo => record["attributes"]["MessageGroupId"].to_string(),
            Kind::Shard => "the shard".to_owned(),
        };
        let fails = fails_whole || rng.lock().expect("nobody panicked").u32(0..10) < failing;
        if fails || left.contains(&group) {
            if kind != Kind::Standard {
                left.insert(group);
            }
            failures.push(json!({"itemIdentifier": record["messageId"]}));
        } else {
            let id = record["messageId"].as_str().expect("an id");
            world
                .lock()
                .expect("nobody panicked")
                .effects
                .push(id.to_owned());
        }
    }
    for order in &orders {
        world.lock().expect("nobody panicked").at_work.remove(order);
    }
    match (fails_whole, mutant) {
        (true, _) => Err("it failed".to_owned()),
        (false, Mutant::CompletesWhatFailed) => Ok(Value::Null),
        (false, _) => Ok(json!({"batchItemFailures": failures})),
    }
}

const SEEDS: u64 = 150;

/// Deaths take leases, and time.
const SEEDS_WITH_FAULTS: u64 = 40;

async fn seeds(kind: Kind, faults: Faults) {
    let seeds = match faults {
        Faults::None => SEEDS,
        Faults::All => SEEDS_WITH_FAULTS,
    };
    for seed in 0..seeds {
        let done = all_is_done_once(kind, seed, faults, Mutant::None).await;
        assert_eq!(done, Ok(()));
    }
}

/// What happens to a request.
fn fate(rng: &mut Rng) -> Fate {
    let late = |most: u64, rng: &mut Rng| Duration::from_millis(rng.u64(0..most));
    let fate = match rng.u8(0..20) {
        0 => Fate::lost(),
        1 => Fate::dropped(),
        2 => Fate::delivered().again(late(2000, rng)),
        _ => Fate::delivered(),
    };
    let most = if rng.u8(0..20) == 0 { 1500 } else { 20 };
    fate.before(late(most, rng)).after(late(most, rng))
}

#[tokio::test(start_paused = true)]
async fn every_thought_that_is_left_out_is_noticed() {
    for (kind, mutant) in [
        (Kind::Standard, Mutant::ForgetsOneThatIsHeldBack),
        (Kind::Standard, Mutant::CompletesWhatFailed),
        (Kind::Fifo, Mutant::ForgetsOneThatIsHeldBack),
        (Kind::Fifo, Mutant::CompletesWhatFailed),
        (Kind::Fifo, Mutant::ForgetsTheGroups),
        (Kind::Shard, Mutant::ForgetsOneThatIsHeldBack),
        (Kind::Shard, Mutant::CompletesWhatFailed),
        (Kind::Shard, Mutant::ReportsTheLast),
    ] {
        let mut noticed = false;
        for seed in 0..SEEDS {
            noticed = noticed
                || all_is_done_once(kind, seed, Faults::None, mutant)
                    .await
                    .is_err();
        }
        assert!(noticed, "{kind:?}: {mutant:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_delivers_until_every_message_had_its_effect_once() {
    seeds(Kind::Standard, Faults::None).await;
}

#[tokio::test(start_paused = true)]
async fn a_fifo_queue_delivers_until_every_message_had_its_effect_once_and_in_its_order() {
    seeds(Kind::Fifo, Faults::None).await;
}

#[tokio::test(start_paused = true)]
async fn a_shard_is_read_until_every_record_had_its_effect_once_and_in_its_order() {
    seeds(Kind::Shard, Faults::None).await;
}

#[tokio::test(start_paused = true)]
async fn the_same_where_answers_are_lost_and_processes_die() {
    for kind in [Kind::Standard, Kind::Fifo, Kind::Shard] {
        seeds(kind, Faults::All).await;
    }
}
