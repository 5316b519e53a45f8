//! Which process wrote a note, and whether it still lives.
//!
//! A pid alone does not tell: pids repeat. A process is known by its pid and the time it started.

use serde::{Deserialize, Serialize};

/// A process of this machine.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Process {
    pid: u32,
    started: Option<String>,
}

impl Process {
    pub(crate) fn current() -> Self {
        let pid = std::process::id();
        Self {
            pid,
            started: started(pid),
        }
    }

    /// What tells this process from those of other hosts, to people.
    pub(crate) fn label() -> String {
        let host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        format!("{host}-{}", std::process::id())
    }

    /// Whoever has a pid, whenever it started.
    pub(crate) fn of(pid: u32) -> Self {
        let started = None;
        Self { pid, started }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Dead is: no such pid, another start time, or a zombie.
    pub(crate) fn is_alive(&self) -> bool {
        match started(self.pid) {
            None => false,
            // Of a writer that could not tell when it started only the pid is known.
            now => self.started.is_none() || self.started == now,
        }
    }
}

/// When a living process started, in whatever unit the system counts.
#[cfg(target_os = "linux")]
fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may hold anything, brackets and spaces as well.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    let alive = !matches!(state, "Z" | "X" | "x");
    // proc(5): the start time is field 22, and the state is field 3.
    alive.then(|| fields.nth(18).map(str::to_owned)).flatten()
}

#[cfg(not(target_os = "linux"))]
fn started(pid: u32) -> Option<String> {
    let arguments = ["-o", "state=", "-o", "lstart=", "-p", &pid.to_string()];
    let listed = std::process::Command::new("ps")
        .args(arguments)
        .output()
        .ok()?;
    let line = String::from_utf8(listed.stdout).ok()?;
    let (state, started) = line.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| started.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive() {
        assert!(Process::current().is_alive());
    }

    #[test]
    fn a_process_with_the_same_pid_and_another_start_is_dead() {
        let before = Process {
            started: Some("1".to_owned()),
            ..Process::current()
        };
        assert!(!before.is_alive());
    }

    #[test]
    fn a_pid_that_nobody_has_is_dead() {
        let nobody = Process {
            pid: u32::MAX - 1,
            started: None,
        };
        assert!(!nobody.is_alive());
    }

    #[test]
    fn a_zombie_is_dead() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = Process {
            pid: child.id(),
            started: None,
        };
        while process.is_alive() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }
}
