//! A process tree in namespaces of its own, which leaves nothing behind.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use super::log::Log;
use super::process::Process;
use crate::Error;

/// Runs a program where `/opt/extensions` holds one file, or none, and `/var/task/bootstrap` is another,
/// or is not there, and so are `/opt/lambda-locks` and `/opt/bootstrap`, until it ends or stdin does.
/// `sh` is the first process of its process namespace: the kernel lets no other outlive it.
const SCRIPT: &str = r#"
    mount -t tmpfs tmpfs /opt && mkdir /opt/extensions || exit
    if [ -n "$1" ]; then
        mine="/opt/extensions/${1##*/}"
        : > "$mine" && mount --bind "$1" "$mine" || exit
    fi
    if [ -n "$2$4" ]; then
        mount -t tmpfs tmpfs /var && mkdir /var/task || exit
    fi
    if [ -n "$2" ]; then
        : > /var/task/bootstrap && mount --bind "$2" /var/task/bootstrap || exit
    fi
    if [ -n "$3" ]; then
        : > /opt/lambda-locks && mount --bind "$3" /opt/lambda-locks || exit
    fi
    if [ -n "$4" ]; then
        : > /opt/bootstrap && mount --bind "$4" /opt/bootstrap || exit
    fi
    shift 4
    exec 3<&0
    { read -r _ <&3; kill -KILL -1; } &
    "$@" 3<&- &
    wait $!
"#;

/// A running process tree. Dropping it kills every process in it, and waits for that.
#[derive(Debug)]
pub(super) struct Sandbox {
    unshare: Child,
    lifeline: Option<ChildStdin>,
}

/// The files that only this process tree sees, at the places that Lambda has for them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Files<'a> {
    /// In `/opt/extensions`.
    pub(super) extension: Option<&'a Path>,
    /// `/var/task/bootstrap`.
    pub(super) bootstrap: Option<&'a Path>,
    /// `/opt/lambda-locks`.
    pub(super) wrapper: Option<&'a Path>,
    /// `/opt/bootstrap`.
    pub(super) os_only: Option<&'a Path>,
}

impl Sandbox {
    /// Starts a command with exactly the given environment variables, and follows what it prints.
    pub(super) fn start(
        files: Files<'_>,
        command: &[OsString],
        variables: &BTreeMap<String, String>,
        log: &Log,
    ) -> Result<Self, Error> {
        let mut unshare = unshare(files)
            .args(command)
            .envs(variables)
            .spawn()
            .map_err(|error| Error::new(format!("cannot start `unshare`: {error}")))?;
        let lifeline = unshare.stdin.take();
        unshare
            .stdout
            .take()
            .into_iter()
            .for_each(|stdout| log.follow(stdout));
        unshare
            .stderr
            .take()
            .into_iter()
            .for_each(|stderr| log.follow(stderr));
        Ok(Self { unshare, lifeline })
    }

    /// Whether this machine lets us have a sandbox at all; if not, why.
    pub(super) fn check() -> Result<(), Error> {
        let failed = |error| Error::new(format!("cannot start `unshare`: {error}"));
        let mut child = unshare(Files::default())
            .arg("true")
            .spawn()
            .map_err(failed)?;
        let lifeline = child.stdin.take();
        let out = child.wait_with_output().map_err(failed)?;
        drop(lifeline);
        let said = String::from_utf8_lossy(&out.stderr);
        match said.trim() {
            "" if out.status.success() => Ok(()),
            why => Err(Error::new(format!(
                "`unshare` gives us no namespaces: {why}"
            ))),
        }
    }

    /// The living process in here that runs the program `name`.
    pub(super) fn process(&self, name: &str) -> Option<Process> {
        Process::below(self.unshare.id(), name)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        // It cannot fail: nobody else waits for this child.
        let _ = self.unshare.wait();
    }
}

fn unshare(files: Files<'_>) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--mount-proc"]);
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["sh", "-c", SCRIPT, "sh"]);
    let Files {
        extension,
        bootstrap,
        wrapper,
        os_only,
    } = files;
    for file in [extension, bootstrap, wrapper, os_only] {
        command.arg(file.unwrap_or(Path::new("")));
    }
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}
