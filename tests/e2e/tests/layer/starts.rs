//! The table is read once while a function starts, so that one that cannot be used stops the function there.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dynamodb_locks::{Locks, Settings, Vars};
use lambda_locks::LockLayer;
use serde_json::{Value, json};
use testkit::dynamo::{Dynamo, Fate, Refusal, Request, Schema, Wire};
use testkit::lambda::{Answer, Environment, Function, What};
use testkit::programs::{Programs, single};

const TABLE: &str = "locks";

/// What ends a function's start, in the words of its log.
const UNUSABLE: &str = "no invocation will get a lock";

/// One environment of the function `orders`, and its table.
struct Scene {
    environment: Environment,
    lines: Arc<Mutex<Vec<String>>>,
    dynamo: Dynamo,
    _wire: Wire,
}

impl Scene {
    async fn of(threads: Threads, change: impl FnOnce(Function) -> Function) -> Self {
        let program = match threads {
            Threads::One => single().expect("cargo builds it"),
            Threads::Several => &Programs::build().expect("cargo builds it").function,
        };
        let dynamo = Dynamo::new();
        dynamo.create_table(&Schema::locks(TABLE)).expect("a table");
        let wire = dynamo.listen().await.expect("a port");
        let function = Function::new(program, &wire.url(), TABLE);
        let function = change(function.timeout(Duration::from_secs(10)));
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let told = Arc::clone(&lines);
        let environment = Environment::new("A", &function, move |occurrence| {
            if let What::Function(line) = occurrence.what {
                told.lock().expect("nobody panics in it").push(line);
            }
        });
        Self {
            environment: environment.expect("a folder"),
            lines,
            dynamo,
            _wire: wire,
        }
    }

    async fn invoke(&self) -> Answer {
        self.environment.invoke(json!({ "orderId": "42" })).await
    }

    fn requests(&self, operation: &str) -> u64 {
        self.dynamo.counts().of(operation).requests
    }

    /// The function has not started, and its log says once why.
    async fn stops_at_its_start(&self, why: &str) {
        let answer = self.invoke().await;
        assert!(matches!(&answer, Answer::NotStarted(_)), "{answer:?}");
        let lines = self.lines.lock().expect("nobody panics in it");
        let read = |line: &String| serde_json::from_str::<Value>(line).ok();
        let mut logged: Vec<_> = lines.iter().filter_map(read).collect();
        logged.retain(|line| line["fields"]["message"] == UNUSABLE);
        assert_eq!(logged.len(), 1, "{lines:#?}");
        assert_eq!(logged[0]["level"], "ERROR");
        let error = logged[0]["fields"]["error"].as_str().unwrap_or_default();
        assert!(error.starts_with(why), "{error}");
    }
}

/// On what the function runs.
#[derive(Clone, Copy, Debug)]
enum Threads {
    One,
    Several,
}

const BOTH: [Threads; 2] = [Threads::Several, Threads::One];

#[tokio::test]
async fn a_missing_table_stops_a_function_at_its_start() {
    for threads in BOTH {
        let nowhere = |function: Function| function.variable("LOCKS_TABLE", "nowhere");
        let scene = Scene::of(threads, nowhere).await;
        let why = "cannot use the lock table: there is no table `nowhere` in this region";
        scene.stops_at_its_start(why).await;
    }
}

#[tokio::test]
async fn missing_rights_stop_a_function_at_its_start() {
    for threads in BOTH {
        let scene = Scene::of(threads, |function| function).await;
        scene.dynamo.plan(|request: &Request| match &*request.op {
            "GetItem" => Fate::refused(Refusal::Denied),
            _ => Fate::delivered(),
        });
        let why = "cannot use the lock table: the credentials need dynamodb:UpdateItem and GetItem";
        scene.stops_at_its_start(why).await;
    }
}

#[tokio::test]
async fn what_may_pass_does_not_stop_a_function_at_its_start() {
    let fates: [fn() -> Fate; 3] = [
        || Fate::refused(Refusal::Throttled),
        || Fate::refused(Refusal::Internal),
        Fate::dropped,
    ];
    for (threads, fate) in BOTH
        .into_iter()
        .flat_map(|threads| fates.map(|fate| (threads, fate)))
    {
        let scene = Scene::of(threads, |function| function).await;
        scene
            .dynamo
            .plan(move |request: &Request| match &*request.op {
                "GetItem" => fate(),
                _ => Fate::delivered(),
            });
        let answer = scene.invoke().await;
        assert!(matches!(answer, Answer::Response(_)), "{answer:?}");
    }
}

#[tokio::test]
async fn a_start_is_one_read_and_an_invocation_two_writes() {
    for threads in BOTH {
        let scene = Scene::of(threads, |function| function).await;
        for _ in 0..2 {
            let answer = scene.invoke().await;
            assert!(matches!(answer, Answer::Response(_)), "{answer:?}");
        }
        assert_eq!(
            (scene.requests("GetItem"), scene.requests("UpdateItem")),
            (1, 4)
        );
    }
}

#[tokio::test]
async fn a_snapshot_is_taken_before_anything_is_asked_of_the_table() {
    let dynamo = Dynamo::new();
    let connected = async |initialization: &str| {
        let vars = [
            ("AWS_LAMBDA_INITIALIZATION_TYPE", initialization),
            ("LOCKS_JOURNAL_DIR", ""),
            ("LOCKS_TABLE", "nowhere"),
        ];
        let vars: Vars = vars.into_iter().collect();
        let settings = Settings::from_vars(&vars).expect("they are right");
        let locks = Locks::with_client(&dynamo.client("a"), settings);
        let layer = LockLayer::builder().locks(locks.expect("no journal, no trouble"));
        let layer: LockLayer<Value> = layer.key("/orderId").build().expect("it is right");
        layer.connected().await
    };
    assert!(connected("snap-start").await.is_ok());
    assert_eq!(dynamo.counts().total().requests, 0);
    assert!(connected("on-demand").await.is_err());
}

#[tokio::test]
async fn a_function_without_locks_asks_nothing_of_the_table() {
    for threads in BOTH {
        let disabled = |function: Function| {
            let function = function.variable("LOCKS_DISABLED", "1");
            function.variable("LOCKS_TABLE", "nowhere")
        };
        let scene = Scene::of(threads, disabled).await;
        let answer = scene.invoke().await;
        assert!(matches!(answer, Answer::Response(_)), "{answer:?}");
        assert_eq!(scene.dynamo.counts().total().requests, 0);
    }
}
