//! Invocations of any kind, side by side in several environments, with faults of the network: a property of the
//! layer, over all that can become of a handler.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use lambda_locks::{LayerError, LockErrorKind};
use serde_json::{Value, json};
use testkit::dynamo::{Fate, Request};
use testkit::locks::{KEY, LockTable};
use tokio::time::{sleep, timeout};
use tower::{Layer, service_fn};

use super::{Event, answered, event, invoke, layer, millis, order, queued};

/// Who works on the order.
#[derive(Clone, Default)]
struct AtWork(Arc<Mutex<Vec<usize>>>);

/// Work on the order, until it is dropped.
struct Work(AtWork, usize, Then);

/// What becomes of a handler.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Then {
    Succeeds,
    Fails,
    Panics,
    /// It never ends by itself.
    Hangs,
    /// It hangs, and its destructor panics when it is stopped.
    HangsAndPanics,
}

const THEN: [Then; 5] = [
    Then::Succeeds,
    Then::Fails,
    Then::Panics,
    Then::Hangs,
    Then::HangsAndPanics,
];

impl AtWork {
    fn begin(&self, environment: usize, then: Then) -> Work {
        let mut at_work = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(at_work.is_empty(), "{environment} works beside {at_work:?}");
        at_work.push(environment);
        Work(self.clone(), environment, then)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let mut at_work = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        at_work.retain(|environment| *environment != self.1);
        drop(at_work);
        if self.2 == Then::HangsAndPanics && !std::thread::panicking() {
            panic!("in a destructor");
        }
    }
}

/// What happens to a request. An outage takes all requests of some seconds.
fn fate(rng: &mut Rng, outage: bool) -> Fate {
    let late = |rng: &mut Rng| millis(rng.u64(0..30));
    let fate = match rng.u8(0..20) {
        _ if outage => Fate::dropped(),
        0 => Fate::lost(),
        1 => Fate::dropped(),
        2 => Fate::delivered().again(millis(rng.u64(0..2000))),
        _ => Fate::delivered(),
    };
    fate.before(late(rng)).after(late(rng))
}

/// One environment: some invocations, one after the other.
async fn environment(table: Arc<LockTable>, nth: usize, at_work: AtWork, mut rng: Rng) {
    let vars = [
        ("LOCKS_LEASE_DURATION_MS", "2000"),
        ("LOCKS_MAX_WAIT_MS", "5000"),
    ];
    let mut invocations = Vec::new();
    for _ in 0..rng.usize(2..6) {
        let then = THEN[rng.usize(..THEN.len())];
        invocations.push((
            then,
            rng.u64(0..2500),
            rng.u64(1200..12_000),
            rng.u8(0..8) == 0,
        ));
    }
    let handler = service_fn(move |event: Event| {
        let then = THEN[event.payload["then"].as_u64().unwrap_or_default() as usize];
        let takes = millis(event.payload["takes"].as_u64().unwrap_or_default());
        let work = at_work.begin(nth, then);
        async move {
            sleep(takes).await;
            match then {
                Then::Succeeds => {}
                Then::Fails => return Err("it failed".to_owned()),
                Then::Panics => panic!("in the handler"),
                Then::Hangs | Then::HangsAndPanics => std::future::pending().await,
            }
            drop(work);
            Ok::<_, String>(json!("done"))
        }
    });
    let locked = layer(table.client(&format!("e{nth}")), &vars).layer(handler);
    for (then, takes, left, dropped) in invocations {
        let index = THEN.iter().position(|other| *other == then);
        let payload = json!({ "orderId": KEY, "then": index, "takes": takes });
        let begun = table.now();
        let (mut service, event) = (locked.clone(), event(payload, millis(left)));
        let mut invoked = tokio::spawn(async move { answered(&mut service, event).await });
        if dropped {
            // The caller has lost its patience.
            if timeout(millis(left / 3), &mut invoked).await.is_err() {
                invoked.abort();
                drop(invoked.await);
            }
            continue;
        }
        let ended = invoked.await;
        let took = table.now().since(begun);
        assert!(
            took <= millis(left),
            "{then:?} ends within {left} ms, and not after {took:?}"
        );
        match ended {
            Ok(Ok(answer)) => {
                assert_eq!(then, Then::Succeeds, "{answer:?}");
                assert_eq!(answer.into_inner(), Some(json!("done")));
            }
            Ok(Err(LayerError::Handler(_))) => assert_eq!(then, Then::Fails),
            Ok(Err(LayerError::Lock(failure))) => {
                let kind = failure.kind();
                let stopped = [LockErrorKind::Deadline, LockErrorKind::Lost];
                let none = [LockErrorKind::TimedOut, LockErrorKind::Unavailable];
                assert!(stopped.contains(&kind) || none.contains(&kind), "{kind:?}");
            }
            Ok(Err(other)) => panic!("{other}"),
            Err(_) => assert!(
                matches!(then, Then::Panics | Then::HangsAndPanics),
                "{then:?}"
            ),
        }
        sleep(millis(rng.u64(0..300))).await;
    }
}

async fn one_at_a_time_and_all_released(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let table = Arc::new(LockTable::new());
    let network = Mutex::new(Rng::with_seed(rng.u64(..)));
    let (from, clock) = (rng.u64(0..20_000), table.clock().clone());
    let begun = clock.now();
    let plan = move |_: &Request| {
        let since = clock.now().duration_since(begun).unwrap_or_default();
        let outage = (millis(from)..millis(from + 3000)).contains(&since);
        fate(
            &mut network.lock().unwrap_or_else(PoisonError::into_inner),
            outage,
        )
    };
    table.dynamo().plan(plan);
    let at_work = AtWork::default();
    let environments = (0..3).map(|nth| {
        let rng = Rng::with_seed(rng.u64(..));
        tokio::spawn(environment(Arc::clone(&table), nth, at_work.clone(), rng))
    });
    for environment in environments.collect::<Vec<_>>() {
        environment
            .await
            .unwrap_or_else(|panic| panic!("seed {seed}: {panic}"));
    }
    table.dynamo().plan(|_: &Request| Fate::delivered());
    // What could not be released ends with its lease, and nothing else is left.
    sleep(Duration::from_secs(10)).await;
    let handler = service_fn(async |event: Event| Ok::<Value, String>(event.payload));
    let mut next = layer(table.client("next"), &[]).layer(handler);
    let answer = invoke(&mut next, order()).await;
    assert!(
        answer.is_ok(),
        "seed {seed}: {:?}",
        answer.err().map(|error| error.to_string())
    );
    assert_eq!(queued(&table), 0, "seed {seed}");
}

#[tokio::test(start_paused = true)]
async fn whatever_becomes_of_handlers_one_works_at_a_time_and_every_lock_is_released() {
    for seed in 0..150 {
        one_at_a_time_and_all_released(seed).await;
    }
}
