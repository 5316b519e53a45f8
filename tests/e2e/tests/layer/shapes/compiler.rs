//! Compiling a program against what this one was compiled against.

use std::path::Path;
use std::process::Command;

use testkit::programs::libraries;

/// What programs may use.
const CRATES: [&str; 5] = [
    "lambda_http",
    "lambda_locks",
    "lambda_runtime",
    "serde",
    "tower",
];

/// What is said of a program that does not compile, or nothing of one that does.
pub(crate) fn refusal(program: &str) -> Option<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/layer/shapes/refused");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut rustc = Command::new(Path::new(env!("CARGO")).with_file_name("rustc"));
    rustc.args(["--edition=2024", "--emit=metadata", "--cap-lints=allow"]);
    rustc.arg("--out-dir").arg(folder.path());
    let libraries = libraries("layer", &CRATES).expect("they are built");
    for (name, library) in CRATES.iter().zip(libraries) {
        let beside = library.parent().expect("a file is in a folder");
        rustc.arg(format!("--extern={name}={}", library.display()));
        rustc.arg(format!("-Ldependency={}/deps", beside.display()));
        rustc.arg(format!("-Ldependency={}", beside.display()));
    }
    let output = rustc.arg(source.join(program)).output();
    let output = output.expect("the compiler is beside cargo");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (!output.status.success()).then_some(said)
}
