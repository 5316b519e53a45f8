//! Any batches of any records, delivered until nothing is left, by models of the sources.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};
use testkit::locks::LockTable;
use tower::{Layer, service_fn};

use super::{batch, deliver, in_queue, layer};

/// A source, and what it still has to deliver.
struct Source {
    kind: Kind,
    waiting: VecDeque<Record>,
    in_flight: Vec<Record>,
    given_up: Vec<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Standard,
    Fifo,
    Shard,
}

#[derive(Clone, Debug)]
struct Record {
    id: String,
    order: String,
    group: String,
    /// How often it was delivered.
    delivered: u32,
}

/// After so many deliveries a record is given up.
const MOST: u32 = 40;

impl Source {
    fn event(kind: Kind, records: &[Record]) -> Value {
        let events = records.iter().map(
            |Record {
                 id, order, group, ..
             }| match kind {
                Kind::Standard => in_queue("orders", id, order, group),
                Kind::Fifo => in_queue("orders.fifo", id, order, group),
                Kind::Shard => {
                    let mut record = in_queue("orders", id, order, "");
                    record["eventSource"] = json!("aws:kinesis");
                    record["kinesis"] = json!({"partitionKey": group, "sequenceNumber": id});
                    record
                }
            },
        );
        batch(&events.collect::<Vec<_>>())
    }

    /// The next batch, if the source's order allows one.
    fn next(&mut self, rng: &mut Rng) -> Option<Vec<Record>> {
        let most = rng.usize(1..=6);
        if self.kind == Kind::Shard && !self.in_flight.is_empty() {
            return None;
        }
        let mut batch = Vec::new();
        let mut left = VecDeque::new();
        let busy: BTreeSet<_> = self
            .in_flight
            .iter()
            .map(|record| record.group.clone())
            .collect();
        for record in std::mem::take(&mut self.waiting) {
            let blocked = self.kind == Kind::Fifo && busy.contains(&record.group);
            match blocked || batch.len() == most {
                true => left.push_back(record),
                false => batch.push(record),
            }
        }
        self.waiting = left;
        batch.iter_mut().for_each(|record| record.delivered += 1);
        self.in_flight.extend(batch.iter().cloned());
        (!batch.is_empty()).then_some(batch)
    }

    /// What the function has answered to a batch.
    fn answered(&mut self, batch: &[Record], answer: &Result<Value, String>, rng: &mut Rng) {
        self.in_flight
            .retain(|record| !batch.iter().any(|other| other.id == record.id));
        let failed = |record: &Record| match answer {
            Err(_) => true,
            Ok(answer) => answer["batchItemFailures"]
                .as_array()
                .is_some_and(|failures| {
                    failures
                        .iter()
                        .any(|failure| failure["itemIdentifier"] == record.id)
                }),
        };
        let first = batch.iter().position(failed);
        let again: Vec<_> = match self.kind {
            Kind::Shard => first.map_or(Vec::new(), |first| batch[first..].to_vec()),
            Kind::Standard | Kind::Fifo => batch
                .iter()
                .filter(|record| failed(record))
                .cloned()
                .collect(),
        };
        if let Ok(answer) = answer
            && self.kind == Kind::Shard
        {
            let failures = answer["batchItemFailures"].as_array().map_or(0, Vec::len);
            assert!(failures <= 1, "a shard is told of one failure: {answer}");
        }
        for mut record in again.into_iter().rev() {
            let poison = record.order.is_empty();
            if record.delivered >= if poison { 4 } else { MOST } {
                self.given_up.push(record.id);
                continue;
            }
            if self.kind == Kind::Standard && rng.bool() {
                // A queue delivers in any order, and now and then a message twice.
                record.delivered -= 1;
                self.waiting.push_back(record);
            } else {
                self.waiting.push_front(record);
            }
        }
    }
}

/// What the handlers have done: the record ids, in the order of their effects, and who is at an order.
#[derive(Default)]
struct World {
    effects: Vec<String>,
    at_work: BTreeSet<String>,
}

/// One run of everything; `failing` of ten records fail at each run.
async fn all_is_done_once(kind: Kind, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let table = LockTable::new();
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
    let environments: Vec<_> = (0..3)
        .map(|n| {
            let (world, seed) = (Arc::clone(&world), rng.u64(..));
            let rng = Arc::new(Mutex::new(Rng::with_seed(seed)));
            let handler = service_fn(move |event: LambdaEvent<Value>| {
                let (world, rng) = (Arc::clone(&world), Arc::clone(&rng));
                async move { work(kind, &event.payload, failing, &world, &rng).await }
            });
            layer(table.client(&format!("e{n}")), &vars).layer(handler)
        })
        .collect();
    let mut rounds = 0;
    loop {
        rounds += 1;
        assert!(rounds < 2000, "seed {seed}: it never ends");
        let mut running = Vec::new();
        for environment in &environments {
            let Some(records) = source.next(&mut rng) else {
                continue;
            };
            let (mut environment, event) = (environment.clone(), Source::event(kind, &records));
            running.push((
                records,
                tokio::spawn(async move { deliver(&mut environment, &event).await }),
            ));
        }
        if running.is_empty() {
            break;
        }
        for (records, answer) in running {
            source.answered(&records, &answer.await.expect("no panic"), &mut rng);
        }
        tokio::time::sleep(Duration::from_millis(rng.u64(1..50))).await;
    }
    let world = world.lock().expect("nobody panicked");
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    world
        .effects
        .iter()
        .for_each(|id| *times.entry(id).or_default() += 1);
    for record in &all {
        let expected = u32::from(!record.order.is_empty());
        let given_up = source.given_up.contains(&record.id);
        let times = times.get(record.id.as_str()).copied().unwrap_or_default();
        assert!(
            times == expected || given_up && expected == 1 && times == 0,
            "seed {seed}: {} had {times} effects",
            record.id
        );
        assert!(
            !given_up || expected == 0,
            "seed {seed}: {} was given up",
            record.id
        );
    }
    if kind != Kind::Standard {
        for group in ["g0", "g1", "g2"] {
            let of_group = |id: &&String| {
                all.iter()
                    .any(|record| record.id == **id && record.group == group)
            };
            let effects: Vec<_> = world.effects.iter().filter(of_group).collect();
            assert!(
                effects.is_sorted(),
                "seed {seed}: {group} was worked on as {effects:?}"
            );
        }
    }
}

/// Works on a batch: some records fail, and in a group all behind one that fails are left.
async fn work(
    kind: Kind,
    event: &Value,
    failing: u32,
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
    match fails_whole {
        true => Err("it failed".to_owned()),
        false => Ok(json!({"batchItemFailures": failures})),
    }
}

async fn seeds(kind: Kind) {
    for seed in 0..150 {
        all_is_done_once(kind, seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_delivers_until_every_message_had_its_effect_once() {
    seeds(Kind::Standard).await;
}

#[tokio::test(start_paused = true)]
async fn a_fifo_queue_delivers_until_every_message_had_its_effect_once_and_in_its_order() {
    seeds(Kind::Fifo).await;
}

#[tokio::test(start_paused = true)]
async fn a_shard_is_read_until_every_record_had_its_effect_once_and_in_its_order() {
    seeds(Kind::Shard).await;
}
