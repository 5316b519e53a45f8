//! What is deployed is what the code needs: its rights, its variables, its table.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where its stage cannot be set"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use dynamodb_locks::{
    AcquireOptions, Journal, KeyKind, Locks, OnExpiry, RecoveryOutcome, Settings, Vars,
};
use lambda_locks::LockLayer;
use serde_json::{Value, json};
use testkit::dynamo::{Dynamo, Fate, Gate, Schema};
use testkit::locks::{KEY, LockTable, Step, die};

/// The same stack, for SAM and for the Serverless Framework.
const STACKS: [(&str, &str); 2] = [
    ("template.yaml", include_str!("../../../../template.yaml")),
    ("serverless.yml", include_str!("../../../../serverless.yml")),
];

const LEASE: Duration = Duration::from_secs(10);

/// The lines of a stack that are not comments, without their indentation.
fn lines(stack: &'static str) -> impl Iterator<Item = &'static str> {
    stack
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
}

/// The operations that a stack's statements allow: each function has one, and all allow the same.
fn allowed(stack: &'static str) -> BTreeSet<String> {
    let statements = lines(stack).filter(|line| line.contains("Effect: "));
    let statements: Vec<_> = statements.collect();
    let actions = lines(stack).filter_map(|line| line.strip_prefix("Action: ["));
    let mut actions: Vec<_> = actions.collect();
    assert!(statements.iter().all(|line| *line == "- Effect: Allow"));
    assert_eq!(actions.len(), statements.len());
    actions.dedup();
    let [actions] = actions[..] else {
        panic!("all statements have one list of actions: {actions:?}");
    };
    let actions = actions.trim_end_matches(']').split(", ");
    let operation = |action: &str| action.strip_prefix("dynamodb:").map(str::to_owned);
    actions
        .map(|action| operation(action).expect("it is a right on DynamoDB"))
        .collect()
}

/// Everything that a function can do to a lock, and what the extension does after its death.
async fn everything(table: &LockTable) {
    uncontended_and_contended(table).await;
    after_a_death(table).await;
    fail_closed(table).await;
    swept(table).await;
}

/// Where time stands still two tickets would be the same.
async fn tick() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

async fn uncontended_and_contended(table: &LockTable) {
    let (a, b) = (table.client("a"), table.client("b"));
    let held = a.acquire(KEY).await.unwrap();
    tokio::time::sleep(LEASE / 2).await;
    let limits = AcquireOptions::wait(LEASE / 10);
    let waited = b.acquire_with(KEY, limits).await;
    assert!(waited.unwrap_err().is_timed_out());
    held.release().await.unwrap();
    tick().await;
    a.try_acquire(KEY).await.unwrap().release().await.unwrap();
    tick().await;
}

async fn after_a_death(table: &LockTable) {
    let (dead, next) = (|| table.client("dead"), table.client("next"));
    die(dead().acquire(KEY).await.unwrap());
    tick().await;
    // A waiter evicts; a client that only tries takes the place of the dead.
    let limits = AcquireOptions::wait(LEASE * 2);
    let held = next.acquire_with(KEY, limits).await.unwrap();
    held.release().await.unwrap();
    tick().await;
    die(dead().acquire(KEY).await.unwrap());
    tokio::time::sleep(LEASE * 2).await;
    let held = next.try_acquire(KEY).await.unwrap();
    held.release().await.unwrap();
    tick().await;
}

async fn fail_closed(table: &LockTable) {
    let closed = |name| {
        table
            .a_client(name)
            .with(|s| s.on_expiry(OnExpiry::Hold))
            .ready()
    };
    let (a, b) = (closed("a"), closed("b"));
    let first = a.acquire("closed").await.unwrap();
    let second = tokio::spawn(async move { b.acquire("closed").await });
    tokio::time::sleep(LEASE / 10).await;
    first.release().await.unwrap();
    second.await.unwrap().unwrap().release().await.unwrap();
}

async fn swept(table: &LockTable) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("journal");
    let dying = |name| table.a_client(name).with(|s| s.journal(&dir)).ready();
    die(dying("holder").acquire(KEY).await.unwrap());
    die(dying("holder").acquire("waited for").await.unwrap());
    let next = table.client("next");
    let waits = tokio::spawn(async move { next.acquire("waited for").await });
    table.delivered("next", Step::Enqueue, 1).await;
    let gate = Gate::closed();
    table.fate("late", Step::Enqueue, 1, Fate::delivered().before(&gate));
    let late = dying("late");
    let mut asking = Box::pin(late.acquire("late"));
    let asked = tokio::time::timeout(LEASE / 200, &mut asking).await;
    assert!(asked.is_err());
    die(asking);
    orphan(&dir);
    let mut given = Vec::new();
    for found in Journal::open(&dir).unwrap().read().unwrap() {
        let (intent, sweep) = (found.intent.unwrap(), table.client("sweep"));
        given.push(sweep.recover(&intent, found.path, LEASE).await.unwrap());
    }
    given.sort_by_key(|how| *how == RecoveryOutcome::Invalidated);
    use RecoveryOutcome::{Invalidated, Withdrawn};
    assert_eq!(given, [Withdrawn, Withdrawn, Invalidated]);
    waits.await.unwrap().unwrap().release().await.unwrap();
}

/// The writer of all notes has died.
#[expect(clippy::disallowed_methods, reason = "a test forges what it cannot do")]
fn orphan(dir: &Path) {
    for file in std::fs::read_dir(dir).unwrap() {
        let path = file.unwrap().path();
        let mut intent: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        intent["writer"] = json!({ "pid": u32::MAX - 1, "started": "1" });
        std::fs::write(path, intent.to_string()).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_rights_are_those_for_the_requests_that_are_sent_and_no_others() {
    let table = LockTable::new();
    everything(&table).await;
    let log = table.dynamo().log();
    let steps: BTreeSet<_> = log.iter().map(|logged| Step::of(&logged.request)).collect();
    // A refused abandonment that is sent again is the only step left out.
    let all = [
        Step::Enqueue,
        Step::Try,
        Step::Release,
        Step::WithdrawAlone,
        Step::WithdrawQuietly,
        Step::WithdrawRaising,
        Step::Heartbeat,
        Step::Evict,
        Step::EvictAndEnter,
        Step::Invalidate,
        Step::Poll,
    ];
    assert_eq!(steps, all.into(), "every step of the protocol was sent");
    let sent: BTreeSet<_> = log
        .iter()
        .map(|logged| logged.request.op.to_string())
        .collect();
    for (name, stack) in STACKS {
        assert_eq!(allowed(stack), sent, "{name}");
    }
}

/// The variables of a stack and what it sets them to.
fn variables(stack: &'static str) -> Vec<(&'static str, &'static str)> {
    lines(stack)
        .filter(|line| line.starts_with("LOCKS_"))
        .filter_map(|line| line.split_once(": "))
        .collect()
}

/// The code of all that is deployed.
fn sources() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = ["lock/src", "middleware/src", "extension/src"];
    folders.map(|folder| text(&root.join(folder))).concat()
}

#[test]
fn every_variable_that_is_set_is_one_that_is_read() {
    let sources = sources();
    for (stack, set) in STACKS {
        let variables = variables(set);
        assert!(variables.len() >= 3, "{stack}");
        for (name, _) in variables {
            let read = sources.contains(&format!("\"{name}\""));
            assert!(read, "{name} in {stack} is read by nobody");
        }
    }
}

#[test]
fn every_metric_that_is_shown_is_one_that_is_written() {
    let (_, template) = STACKS[0];
    let sources = sources();
    let alarm = said(template, "MetricName: ", "");
    let shown = template.split("[\"lambda-locks\", \"").skip(1);
    let shown = shown.filter_map(|rest| Some(rest.split_once('"')?.0));
    let shown: BTreeSet<_> = shown.chain([alarm]).collect();
    assert_eq!(shown.len(), 13, "{shown:?}");
    for name in shown {
        let written = sources.contains(&format!("\"{name}\""));
        assert!(written, "{name} is written by nobody");
    }
}

/// All Rust below a folder.
#[expect(clippy::disallowed_methods, reason = "the code is what is looked at")]
fn text(folder: &Path) -> String {
    let found = std::fs::read_dir(folder).unwrap();
    let paths = found.map(|file| file.unwrap().path());
    let read = |path: std::path::PathBuf| match path.is_dir() {
        true => text(&path),
        false => std::fs::read_to_string(path).unwrap(),
    };
    paths.map(read).collect()
}

#[test]
fn what_is_set_is_accepted() {
    for (name, stack) in STACKS {
        let set = |metrics| {
            variables(stack)
                .into_iter()
                .map(move |(name, value)| match name {
                    "LOCKS_TABLE" => (name, "locks-dev"),
                    "LOCKS_METRICS" => (name, metrics),
                    _ => (name, value),
                })
        };
        for metrics in ["0", "1"] {
            let vars: Vars = set(metrics).collect();
            drop(Settings::from_vars(&vars).expect(name));
            let locks = Locks::new(Settings::new()).unwrap();
            let layer = LockLayer::builder().locks(locks).vars(&vars);
            drop(layer.build::<()>().expect(name));
        }
    }
}

/// What stands in a stack between two texts, on the only line that has both.
fn said(stack: &'static str, before: &str, after: &str) -> &'static str {
    let mut found = lines(stack)
        .filter_map(|line| line.split_once(before))
        .filter_map(|(_, rest)| match after {
            "" => Some(rest),
            after => Some(rest.split_once(after)?.0),
        });
    let only = found.next().expect("it is said");
    assert_eq!(found.next(), None, "it is said once");
    only
}

#[tokio::test]
async fn the_table_is_right_for_the_default_settings() {
    for (_, stack) in STACKS {
        let name = |role| said(stack, "{ AttributeName: ", &format!(", KeyType: {role}"));
        let (partition, sort) = (name("HASH"), name("RANGE"));
        let kind = |name| {
            said(
                stack,
                &format!("AttributeName: {name}, AttributeType: "),
                " }",
            )
        };
        let ttl = said(stack, "TimeToLiveSpecification: { AttributeName: ", ",");
        let schema = Schema::locks("locks-dev")
            .partition(partition, kind(partition))
            .sort(sort, kind(sort))
            .ttl(ttl);
        let dynamo = Dynamo::new();
        dynamo.create_table(&schema).unwrap();
        let locks = Locks::with_client(&dynamo.client("a"), Settings::new()).unwrap();
        locks
            .ensure_table()
            .await
            .expect("it is as the code would make it");
        assert_eq!(kind(partition), format!("{:?}", KeyKind::default()));
    }
}
