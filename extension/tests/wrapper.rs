//! What the scripts of the Lambda layers start, and where they point it to.

#![expect(
    clippy::disallowed_methods,
    reason = "the scripts are copied to a folder of the test's own"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SCRIPTS: [&str; 2] = ["opt/lambda-locks", "os-only/bootstrap"];
const HANDLER: &str = "#!/bin/sh\necho \"$AWS_LAMBDA_RUNTIME_API $*\"\n";
const WRAPPED: (&str, &str) = ("AWS_LAMBDA_EXEC_WRAPPER", "/opt/lambda-locks");

/// A folder that stands for `/opt`.
struct Opt(PathBuf);

impl Opt {
    fn new(test: &str) -> Self {
        let opt = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(test));
        fs::create_dir_all(opt.0.join("extensions")).expect("the folder is the test's own");
        for script in SCRIPTS {
            let layers = Path::new(env!("CARGO_MANIFEST_DIR")).join("lambda-layer");
            let text = fs::read_to_string(layers.join(script)).expect("the script is there");
            let (_, name) = script.split_once('/').expect("it lies in a folder");
            opt.put(name, &text.replace("/opt/", &opt.path("")));
        }
        opt.put("extensions/lambda-locks-extension", "");
        opt.put("handler", HANDLER);
        opt
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the folder is the test's own");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path(name), executable).expect("the file is the test's own");
    }

    /// Runs a script with these variables; `/opt` in their values is this folder.
    fn run(&self, script: &str, arguments: &[&str], vars: &[(&str, &str)]) -> Output {
        let mut command = Command::new("timeout");
        command.args(["10", &self.path(script)]).args(arguments);
        command.env_clear().env("PATH", "/usr/bin:/bin");
        command.env("AWS_LAMBDA_RUNTIME_API", "lambda:9001");
        for (name, value) in vars {
            command.env(name, value.replace("/opt/", &self.path("")));
        }
        command.output().expect("there is a shell")
    }

    /// What the wrapper starts is told of this Runtime API and these arguments.
    fn told(&self, vars: &[(&str, &str)]) -> String {
        let output = self.run(
            "lambda-locks",
            &[&self.path("handler"), "an argument"],
            vars,
        );
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }
}

#[test]
fn the_wrapper_points_the_runtime_at_the_extension() {
    let opt = Opt::new("points");
    assert_eq!(opt.told(&[WRAPPED]), "127.0.0.1:9019 an argument");
    let port = ("LOCKS_PROXY_PORT", "9020");
    assert_eq!(opt.told(&[WRAPPED, port]), "127.0.0.1:9020 an argument");
    assert_eq!(
        opt.told(&[("LOCKS_PROXY", "1")]),
        "127.0.0.1:9019 an argument"
    );
    // The extension tells its caller what is wrong.
    assert_eq!(
        opt.told(&[("LOCKS_PROXY", "yes")]),
        "127.0.0.1:9019 an argument"
    );
}

#[test]
fn a_runtime_that_is_not_locked_for_talks_to_lambda() {
    let opt = Opt::new("off");
    let off = ("LOCKS_PROXY", "0");
    assert_eq!(opt.told(&[WRAPPED, off]), "lambda:9001 an argument");
    let handler = [("LAMBDA_TASK_ROOT", "/opt/"), ("_HANDLER", "handler"), off];
    let output = opt.run("bootstrap", &["an argument"], &handler);
    assert_eq!(output.stdout, b"lambda:9001 an argument\n", "{output:?}");
}

#[test]
fn a_runtime_is_not_pointed_at_an_extension_that_does_not_listen() {
    let opt = Opt::new("deaf");
    let handler = [("LAMBDA_TASK_ROOT", "/opt/"), ("_HANDLER", "handler")];
    for output in [
        opt.run("bootstrap", &[], &handler),
        opt.run("lambda-locks", &[&opt.path("handler")], &[]),
    ] {
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(
            said.contains("set LOCKS_PROXY=1") && said.lines().count() == 1,
            "{said}"
        );
        assert!(output.stdout.is_empty(), "{output:?}");
    }
}

#[test]
fn another_wrapper_comes_first() {
    let opt = Opt::new("another");
    let another = "#!/bin/sh\nexport AWS_LAMBDA_RUNTIME_API=another:1\necho another\nexec \"$@\"\n";
    opt.put("another", another);
    let chained = [WRAPPED, ("LOCKS_EXEC_WRAPPER", "/opt/another")];
    assert_eq!(opt.told(&chained), "another\n127.0.0.1:9019 an argument");
    let off = [&chained[..], &[("LOCKS_PROXY", "0")]].concat();
    assert_eq!(opt.told(&off), "another\nanother:1 an argument");
}

#[test]
fn a_wrapper_that_is_to_wrap_itself_starts_the_runtime() {
    let opt = Opt::new("itself");
    let itself = [WRAPPED, ("LOCKS_EXEC_WRAPPER", "/opt/lambda-locks")];
    assert_eq!(opt.told(&itself), "127.0.0.1:9019 an argument");
}
