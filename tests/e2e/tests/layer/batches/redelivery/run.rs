//! One run: environments that work off a source side by side, and what is judged at its end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use fastrand::Rng;
use lambda_locks::Locked;
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};
use testkit::dynamo::{Fate, Request};
use testkit::locks::{LockTable, die};
use tokio::time::{sleep, timeout};
use tower::{Layer, Service, service_fn};

use super::source::{Kind, Record, Source};
use super::{Faults, Mutant};
use crate::batches::{deliver, layer};

/// What the handlers have done.
#[derive(Default)]
struct World {
    /// The records that had their effects, in that order.
    effects: Vec<String>,
    /// Which environment works on an order.
    at_work: BTreeMap<String, usize>,
    /// Records whose effects a batch could not tell of, because it died.
    untold: Vec<String>,
}

impl World {
    fn died(&mut self, nth: usize, records: &[Record]) {
        self.at_work.retain(|_, environment| *environment != nth);
        self.untold
            .extend(records.iter().map(|record| record.id.clone()));
    }
}

/// What the environments of a run share.
pub(super) struct Run {
    kind: Kind,
    failing: u32,
    faults: Faults,
    mutant: Mutant,
    vars: [(&'static str, &'static str); 4],
    table: LockTable,
    source: Mutex<Source>,
    world: Mutex<World>,
}

/// No run takes longer.
const LONGEST: Duration = Duration::from_secs(4 * 60 * 60);

/// One run of everything; `failing` of ten records fail at each run.
pub(super) async fn all_is_done_once(
    kind: Kind,
    seed: u64,
    faults: Faults,
    mutant: Mutant,
) -> Result<(), String> {
    let done = async {
        let mut rng = Rng::with_seed(seed);
        let run = Arc::new(Run::new(kind, &mut rng, faults, mutant));
        let all = run.source().waiting.clone();
        let environments = (0..3).map(|nth| {
            let rng = Rng::with_seed(rng.u64(..));
            tokio::spawn(Arc::clone(&run).environment(nth, rng))
        });
        for environment in environments.collect::<Vec<_>>() {
            let ended = timeout(LONGEST, environment).await;
            let ended = ended.map_err(|_| "it never ends".to_owned())?;
            ended.map_err(|panic| panic.to_string())??;
        }
        run.judge(&all)
    };
    done.await
        .map_err(|why: String| format!("seed {seed}: {why}"))
}

impl Run {
    fn new(kind: Kind, rng: &mut Rng, faults: Faults, mutant: Mutant) -> Self {
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
        let event_key = match kind {
            Kind::Shard => "/Records/*/kinesis/sequenceNumber",
            Kind::Standard | Kind::Fifo => "/Records/*/messageId",
        };
        Self {
            kind,
            failing,
            faults,
            mutant,
            vars: [
                ("LOCKS_KEY", "/Records/*/body/orderId"),
                ("LOCKS_DEDUP", "skip"),
                ("LOCKS_DEDUP_KEY", event_key),
                ("LOCKS_ON_BUSY", if rng.bool() { "fail" } else { "wait" }),
            ],
            table,
            source: Mutex::new(Source::new(kind, records)),
            world: Mutex::default(),
        }
    }

    fn source(&self) -> MutexGuard<'_, Source> {
        self.source.lock().expect("nobody panicked")
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("nobody panicked")
    }

    /// Works off the source, batch by batch, until nothing is left of it. Now and then it dies, and is started anew.
    async fn environment(self: Arc<Self>, nth: usize, mut rng: Rng) -> Result<(), String> {
        let mut service = self.start(nth, rng.u64(..));
        loop {
            let records = self.source().next(&mut rng);
            let Some(records) = records else {
                if self.source().is_over() {
                    return Ok(());
                }
                sleep(Duration::from_millis(rng.u64(1..20))).await;
                continue;
            };
            let dies = self.faults == Faults::All && rng.u8(0..12) == 0;
            let lives = if dies { rng.u64(1..250) } else { 1_000_000 };
            let kind = match self.mutant {
                Mutant::ForgetsTheGroups if self.kind == Kind::Fifo => Kind::Standard,
                _ => self.kind,
            };
            let event = Source::event(kind, &records);
            let mut invoked = service.clone();
            let mut answer = Box::pin(async move { deliver(&mut invoked, &event).await });
            let lived = timeout(Duration::from_millis(lives), &mut answer).await;
            let answer = match lived {
                Ok(answer) => answer.map(|answer| changed(answer, &records, self.mutant)),
                Err(_) => {
                    die(answer);
                    service = self.start(nth, rng.u64(..));
                    self.world().died(nth, &records);
                    Err("it died".to_owned())
                }
            };
            if self.kind == Kind::Shard && failures(&answer).len() > 1 {
                return Err(format!("a shard is told of one failure: {answer:?}"));
            }
            self.source().answered(&records, &answer, &mut rng);
            let pause = match self.faults {
                Faults::None => rng.u64(1..50),
                Faults::All => rng.u64(1..4000),
            };
            sleep(Duration::from_millis(pause)).await;
        }
    }

    fn start(
        self: &Arc<Self>,
        nth: usize,
        seed: u64,
    ) -> Locked<
        impl Service<
            LambdaEvent<Value>,
            Response = Value,
            Error = String,
            Future = impl Future<Output = Result<Value, String>> + Send + use<>,
        > + Clone
        + Send
        + use<>,
        Value,
    > {
        let (run, rng) = (Arc::clone(self), Arc::new(Mutex::new(Rng::with_seed(seed))));
        let handler = service_fn(move |event: LambdaEvent<Value>| {
            let (run, rng) = (Arc::clone(&run), Arc::clone(&rng));
            async move { run.work(nth, &event.payload, &rng).await }
        });
        layer(self.table.client(&format!("e{nth}")), &self.vars).layer(handler)
    }

    /// Works on a batch: some records fail, and in a group all behind one that fails are left.
    async fn work(&self, nth: usize, event: &Value, rng: &Mutex<Rng>) -> Result<Value, String> {
        let records = event["Records"].as_array().expect("a batch");
        for record in records {
            let at_work = self.world().at_work.insert(record["body"].to_string(), nth);
            assert!(
                at_work.is_none_or(|other| other == nth),
                "two work on {}",
                record["body"]
            );
        }
        let (takes, fails_whole) = {
            let mut rng = rng.lock().expect("nobody panicked");
            (rng.u64(1..100), rng.u32(0..40) < self.failing)
        };
        sleep(Duration::from_millis(takes)).await;
        let mut failures = Vec::new();
        let mut left = BTreeSet::new();
        for record in records {
            let group = match self.kind {
                Kind::Standard => String::new(),
                Kind::Fifo => record["attributes"]["MessageGroupId"].to_string(),
                Kind::Shard => "the shard".to_owned(),
            };
            let fails = rng.lock().expect("nobody panicked").u32(0..10) < self.failing;
            if fails_whole || fails || left.contains(&group) {
                if self.kind != Kind::Standard {
                    left.insert(group);
                }
                failures.push(json!({"itemIdentifier": record["messageId"]}));
            } else {
                let id = record["messageId"].as_str().expect("an id");
                self.world().effects.push(id.to_owned());
            }
        }
        self.world()
            .at_work
            .retain(|_, environment| *environment != nth);
        match (fails_whole, self.mutant) {
            (true, _) => Err("it failed".to_owned()),
            (false, Mutant::CompletesWhatFailed) => Ok(Value::Null),
            (false, _) => Ok(json!({"batchItemFailures": failures})),
        }
    }

    /// Whether every record that can be worked on had its effect once, and in the order of its group.
    fn judge(&self, all: &VecDeque<Record>) -> Result<(), String> {
        let World {
            effects, untold, ..
        } = std::mem::take(&mut *self.world());
        for record in all {
            let expected = usize::from(!record.order.is_empty());
            let times = effects.iter().filter(|id| **id == record.id).count();
            let again = untold.iter().filter(|id| **id == record.id).count();
            if times < expected || times > expected + again * expected {
                return Err(format!("{} had {times} effects", record.id));
            }
            if self.source().given_up.contains(&record.id) && expected == 1 {
                return Err(format!("{} was given up", record.id));
            }
        }
        if self.kind == Kind::Standard {
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
