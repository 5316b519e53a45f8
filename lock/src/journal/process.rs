//! Which process wrote a record, and whether it still lives.
//!
//! A pid alone does not tell: pids repeat, and another machine has the same ones. A process is known by
//! its pid, the time it started, and the boot of the machine that it runs on.

use serde::{Deserialize, Serialize};

/// A process of this machine.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Process {
    pid: u32,
    started: Option<String>,
    /// Absent in the records of a system that tells nothing of its boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    boot: Option<String>,
}

impl Process {
    pub(crate) fn current() -> Self {
        let pid = std::process::id();
        Self {
            pid,
            started: started(pid),
            boot: boot(),
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
        Self {
            pid,
            started: None,
            boot: boot(),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether its pid means anything here. In a folder that machines share, or that outlives a reboot, some
    /// records are of another boot: nobody here can tell whether their writers live.
    pub(crate) fn is_of_this_boot(&self) -> bool {
        self.boot.is_none() || self.boot == boot()
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

/// What no two boots of no two machines have in common: random(4).
#[cfg(target_os = "linux")]
fn boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

#[cfg(not(target_os = "linux"))]
fn boot() -> Option<String> {
    None
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
            boot: None,
        };
        assert!(!nobody.is_alive());
    }

    #[test]
    fn a_process_of_another_boot_is_none_of_ours() {
        let here = Process::current();
        assert!(here.is_of_this_boot());
        let elsewhere = Process {
            boot: Some("another".to_owned()),
            ..here
        };
        assert!(!elsewhere.is_of_this_boot());
    }

    #[test]
    fn a_zombie_is_dead() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = Process {
            pid: child.id(),
            started: None,
            boot: None,
        };
        while process.is_alive() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }
}
