//! The real programs, built by cargo.
//!
//! Cargo says where it put them: a path is never guessed, so what runs is never a stale file.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::Error;

/// The function with the layer, and the extension.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `orders`.
    pub function: PathBuf,
    /// `lambda-locks-extension`.
    pub extension: PathBuf,
}

impl Programs {
    /// Builds both, the first time that this process asks.
    pub fn build() -> Result<&'static Self, Error> {
        static BUILT: OnceLock<Result<Programs, Error>> = OnceLock::new();
        let built = BUILT.get_or_init(|| {
            let (function, extension) = ("orders", "lambda-locks-extension");
            let built = cargo(&["--bin", function, "--bin", extension])?;
            Ok(Programs {
                function: built.path(function)?,
                extension: built.path(extension)?,
            })
        });
        built.as_ref().map_err(Clone::clone)
    }
}

/// Builds `unlocked`, the same function without the layer, the first time that this process asks.
pub fn unlocked() -> Result<&'static Path, Error> {
    static BUILT: OnceLock<Result<PathBuf, Error>> = OnceLock::new();
    let built = BUILT.get_or_init(|| cargo(&[])?.path("unlocked"));
    built.as_deref().map_err(Clone::clone)
}

/// Builds `single`, the same function on one thread, the first time that this process asks.
pub fn single() -> Result<&'static Path, Error> {
    static BUILT: OnceLock<Result<PathBuf, Error>> = OnceLock::new();
    let built = BUILT.get_or_init(|| cargo(&["--example", "single"])?.path("single"));
    built.as_deref().map_err(Clone::clone)
}

/// Builds `batches`, the same function on messages of a queue, the first time that this process asks.
pub fn batches() -> Result<&'static Path, Error> {
    static BUILT: OnceLock<Result<PathBuf, Error>> = OnceLock::new();
    let built = BUILT.get_or_init(|| cargo(&["--example", "batches"])?.path("batches"));
    built.as_deref().map_err(Clone::clone)
}

/// Builds `quickstart`, the function of README.md, which answers with what it is given, the first time that this
/// process asks.
pub fn quickstart() -> Result<&'static Path, Error> {
    static BUILT: OnceLock<Result<PathBuf, Error>> = OnceLock::new();
    let built = BUILT.get_or_init(|| cargo(&["--example", "quickstart"])?.path("quickstart"));
    built.as_deref().map_err(Clone::clone)
}

/// Builds the examples in Rust, the first time that this process asks, and names one of them.
pub fn example(name: &str) -> Result<PathBuf, Error> {
    static BUILT: OnceLock<Result<Report, Error>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let bins = EXAMPLES.iter().flat_map(|name| ["--bin", name]);
        cargo(&bins.collect::<Vec<_>>())
    });
    built.as_ref().map_err(Clone::clone)?.path(name)
}

/// The programs in examples/rust.
const EXAMPLES: [&str; 5] = ["program", "queue", "schedule", "state_machine", "web"];

/// The libraries that a test was built against, the first time that this process asks.
pub fn libraries(test: &str, names: &[&str]) -> Result<&'static [PathBuf], Error> {
    static BUILT: OnceLock<Result<Vec<PathBuf>, Error>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let built = cargo(&["--test", test])?;
        names.iter().map(|name| built.library(name)).collect()
    });
    built.as_deref().map_err(Clone::clone)
}

/// What cargo reported, a JSON message a line.
struct Report(String);

fn cargo(targets: &[&str]) -> Result<Report, Error> {
    let failed = |why: String| {
        Error::new(format!(
            "cargo could not build {}: {why}",
            targets.join(" ")
        ))
    };
    let output = command(targets)
        .output()
        .map_err(|e| failed(e.to_string()))?;
    if !output.status.success() {
        return Err(failed("what it says above tells why".into()));
    }
    Ok(Report(String::from_utf8_lossy(&output.stdout).into_owned()))
}

fn command(targets: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--message-format=json-render-diagnostics"]);
    command.args([
        "--manifest-path",
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"),
    ]);
    // The whole workspace, and an example, which needs the dev-dependencies, as in the build that made this program:
    // dependencies then have the same features, and none is compiled again.
    command
        .args(["--workspace", "--example", "unlocked"])
        .args(targets);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    for name in OUTER_PACKAGE {
        command.env_remove(name);
    }
    command.stderr(Stdio::inherit());
    command
}

/// What `cargo run` and `cargo test` set for this program. `ring` would be built anew wherever they
/// change, and all of TLS and the SDK with it.
const OUTER_PACKAGE: [&str; 7] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

impl Report {
    fn path(&self, target: &str) -> Result<PathBuf, Error> {
        let executable = |message: &Value| Some(message["executable"].as_str()?.to_owned());
        self.built(target, executable)
    }

    fn library(&self, target: &str) -> Result<PathBuf, Error> {
        self.built(target, |message| {
            let files = message["filenames"].as_array()?;
            let mut files = files.iter().filter_map(Value::as_str);
            files
                .find(|file| file.ends_with(".rlib"))
                .map(str::to_owned)
        })
    }

    fn built(
        &self,
        target: &str,
        file: impl Fn(&Value) -> Option<String>,
    ) -> Result<PathBuf, Error> {
        let messages = self
            .0
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut programs = messages.filter(|message| message["target"]["name"] == target);
        let found = programs.find_map(|message| file(&message).map(PathBuf::from));
        found.ok_or_else(|| {
            Error::new(format!(
                "cargo built `{target}` but did not say where it is"
            ))
        })
    }
}
