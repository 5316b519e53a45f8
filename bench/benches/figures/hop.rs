//! What it costs that the extension stands between a runtime and Lambda: on AWS's emulator, with Lambda's own runtime
//! client for Python.
//!
//! Environments with and without it take turns in one run. `cargo bench -- hop` measures nothing else; where there is no
//! emulator or no such Python it measures nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::Error;
use testkit::dynamo::{Dynamo, Schema};
use testkit::emulator::{Emulator, Environment, python};
use testkit::lambda::{Answer, Function};
use testkit::programs::Programs;

use crate::figure::{Figure, Unit};
use crate::server::TABLE;
use crate::spread::Spread;
use crate::stopwatch::seconds;

/// The argument that measures only this.
pub(crate) const ALONE: &str = "hop";

const ROUNDS: usize = 500;

/// Events of six megabytes are slow.
const LARGE_ROUNDS: usize = 30;

const STARTS: usize = 12;

/// Lambda's limit, but for the rest of the event.
const LARGE: usize = 6_000_000;

pub(crate) async fn figures() -> Result<Vec<Figure>, Error> {
    let (emulator, python) = match (Emulator::find(), python()) {
        (Ok(emulator), Ok(python)) => (emulator, python),
        (Err(why), _) | (_, Err(why)) => {
            println!("not measured: the way through the extension: {why}");
            return Ok(Vec::new());
        }
    };
    let dynamo = Dynamo::new();
    dynamo.create_table(&Schema::locks(TABLE))?;
    let wire = dynamo.listen().await?;
    let stage = Stage {
        emulator,
        python,
        url: wire.url(),
    };
    let mut figures = stage.ways().await?;
    figures.extend(stage.memory().await?);
    figures.push(stage.start().await?);
    figures.push(packed()?);
    Ok(figures)
}

struct Stage {
    emulator: Emulator,
    python: PathBuf,
    url: String,
}

/// How an event gets to the runtime.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Without the extension.
    Direct,
    /// Through the extension, which acquires nothing. It looks for the key all the same.
    Hop,
    /// It looks for a key, finds none, and acquires no lock.
    Key,
    /// It looks for a key, finds none, and refuses the event.
    Refused,
    /// It acquires a lock.
    Lock,
}

impl Stage {
    async fn start_of(&self, way: Way) -> Result<Environment, Error> {
        self.emulator.start(&self.function(way)?).await
    }

    fn function(&self, way: Way) -> Result<Function, Error> {
        let folder = root().join("bench/benches/figures");
        let folder = folder.to_string_lossy();
        let function = Function::new(&self.python, &self.url, TABLE)
            .arguments(&["-m", "awslambdaric", "handler.handler"])
            .variable("LAMBDA_TASK_ROOT", &folder)
            .variable("PYTHONPATH", &folder)
            .variable("PYTHONDONTWRITEBYTECODE", "1")
            .timeout(Duration::from_secs(60));
        let wrapped = |function: Function| {
            let wrapper = root().join("extension/lambda-layer/opt/lambda-locks");
            Ok::<_, Error>(
                function
                    .extension(&Programs::build()?.extension)
                    .wrapper(&wrapper),
            )
        };
        let nothing = |function: Function| function.variable("LOCKS_KEY", "/nothing");
        Ok(match way {
            Way::Direct => function,
            Way::Hop => wrapped(function)?.variable("LOCKS_DISABLED", "1"),
            Way::Key => nothing(wrapped(function)?).variable("LOCKS_ON_MISSING", "run"),
            Way::Refused => nothing(wrapped(function)?).variable("LOCKS_ON_MISSING", "error"),
            Way::Lock => wrapped(function)?,
        })
    }

    /// How long the ways take, beside each other.
    async fn ways(&self) -> Result<Vec<Figure>, Error> {
        let ways = [Way::Direct, Way::Hop, Way::Key, Way::Refused];
        let small = self
            .rounds(&ways, ROUNDS, &json!({ "orderId": "42" }))
            .await?;
        let large = json!({ "orderId": "42", "ballast": "x".repeat(LARGE) });
        let large = self
            .rounds(&[Way::Direct, Way::Hop, Way::Key], LARGE_ROUNDS, &large)
            .await?;
        let all = |rounds: &[Vec<f64>], of: fn(&[f64]) -> f64| {
            Spread::of(rounds.iter().map(|round| of(round)))
        };
        let figure = |name: &str, unit, spread| Figure::new(name, unit, spread);
        Ok(vec![
            figure(
                "an event on the emulator, Python, direct",
                Unit::Millis,
                all(&small, |round| round[0])?,
            ),
            figure(
                "time that the way through the extension adds",
                Unit::Millis,
                all(&small, |round| round[1] - round[0])?,
            )
            .at_most(0.3),
            // Of the same goal: at most 1.25, where the time above is more than its own.
            figure(
                "an event through the extension, in direct ones",
                Unit::Ratio,
                all(&small, |round| round[1] / round[0])?,
            ),
            figure(
                "the same with a key that is looked for",
                Unit::Ratio,
                all(&small, |round| round[2] / round[0])?,
            ),
            figure(
                "a refusal, of which the runtime does not know",
                Unit::Millis,
                all(&small, |round| round[3])?,
            )
            .at_most(1.5),
            figure(
                "an event of 6 MB, direct",
                Unit::Millis,
                all(&large, |round| round[0])?,
            ),
            figure(
                "the same through the extension, in direct ones",
                Unit::Ratio,
                all(&large, |round| round[1] / round[0])?,
            ),
            figure(
                "the same with a key that is looked for, in direct ones",
                Unit::Ratio,
                all(&large, |round| round[2] / round[0])?,
            )
            .at_most(1.1),
        ])
    }

    /// The seconds that an event takes by each of the ways, in many rounds.
    async fn rounds(
        &self,
        ways: &[Way],
        rounds: usize,
        event: &Value,
    ) -> Result<Vec<Vec<f64>>, Error> {
        let mut environments = Vec::new();
        for way in ways {
            environments.push(self.start_of(*way).await?);
        }
        let mut measured = Vec::new();
        for round in 0..=rounds {
            let mut taken = vec![0.0; ways.len()];
            for turn in 0..ways.len() {
                // Each is the first one as often as the others.
                let nth = (turn + round) % ways.len();
                let (answer, time) = seconds(environments[nth].invoke(event.clone())).await;
                expect(ways[nth], &answer?)?;
                taken[nth] = time;
            }
            // The first round starts them all.
            if round > 0 {
                measured.push(taken);
            }
        }
        for environment in environments {
            environment.shut_down().await?;
        }
        Ok(measured)
    }

    /// The extension's memory: without its client of DynamoDB, with it, and after a large event.
    async fn memory(&self) -> Result<[Figure; 3], Error> {
        let small = json!({ "orderId": "42" });
        let large = json!({ "orderId": "42", "ballast": "x".repeat(LARGE) });
        let (idle, used) = (
            self.start_of(Way::Hop).await?,
            self.start_of(Way::Lock).await?,
        );
        let bytes = |environment: &Environment| {
            let bytes = environment.extension()?.resident_bytes()?;
            Spread::of([bytes as f64])
        };
        idle.invoke(small.clone()).await?;
        let without = bytes(&idle)?;
        for _ in 0..100 {
            expect(Way::Lock, &used.invoke(small.clone()).await?)?;
        }
        let with = bytes(&used)?;
        expect(Way::Lock, &used.invoke(large).await?)?;
        let after = bytes(&used)?;
        idle.shut_down().await?;
        used.shut_down().await?;
        let figure = |name, spread, goal| Figure::new(name, Unit::Megabytes, spread).at_most(goal);
        Ok([
            figure("extension's memory, nothing to lock", without, 8.0),
            figure("the same after 100 locks", with, 14.0),
            figure("the same after an event of 6 MB", after, 32.0),
        ])
    }

    /// The time that the extension adds to the start, its read of the table among it.
    async fn start(&self) -> Result<Figure, Error> {
        let mut added = Vec::new();
        for _ in 0..STARTS {
            let (direct, key) = (self.first(Way::Direct).await?, self.first(Way::Key).await?);
            added.push(key - direct);
        }
        let name = "time that the extension adds to the start, Python";
        Ok(Figure::new(name, Unit::Millis, Spread::of(added)?).at_most(15.0))
    }

    /// The seconds of the first event, in which both start.
    async fn first(&self, way: Way) -> Result<f64, Error> {
        let environment = self.start_of(way).await?;
        let (answer, time) = seconds(environment.invoke(json!({ "orderId": "42" }))).await;
        expect(way, &answer?)?;
        environment.shut_down().await?;
        Ok(time)
    }
}

fn expect(way: Way, answer: &Answer) -> Result<(), Error> {
    let refused = matches!(answer, Answer::Error { kind, .. } if kind == "Lock.BadKey");
    let expected = match way {
        Way::Refused => refused,
        _ => matches!(answer, Answer::Response(_)),
    };
    match expected {
        true => Ok(()),
        false => Err(Error::new(format!("{way:?} ended with {answer:?}"))),
    }
}

/// The zip of the Lambda layer, as `make layer` packs it, for this machine.
#[expect(
    clippy::disallowed_methods,
    reason = "a zip's size is a question to the file system"
)]
fn packed() -> Result<Figure, Error> {
    let failed = |error: std::io::Error| Error::new(format!("the zip cannot be packed: {error}"));
    let folder = tempfile::tempdir().map_err(failed)?;
    let layer = folder.path().join("layer");
    std::fs::create_dir_all(layer.join("extensions")).map_err(failed)?;
    let extension = layer.join("extensions/lambda-locks-extension");
    std::fs::copy(&Programs::build()?.extension, extension).map_err(failed)?;
    let scripts = root().join("extension/lambda-layer");
    std::fs::copy(scripts.join("opt/lambda-locks"), layer.join("lambda-locks")).map_err(failed)?;
    let zip = folder.path().join("layer.zip");
    let mut python = Command::new("python3");
    let python = python.arg(scripts.join("pack.py")).args([&layer, &zip]);
    if !python.status().map_err(failed)?.success() {
        return Err(Error::new("the zip cannot be packed"));
    }
    let bytes = std::fs::metadata(&zip).map_err(failed)?.len();
    let name = "size of the Lambda layer's zip";
    Ok(Figure::new(name, Unit::Megabytes, Spread::of([bytes as f64])?).at_most(6.0))
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
