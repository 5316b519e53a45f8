//! The process that wrote a record, and whether it is alive.
//!
//! A pid alone is not enough: pids repeat, and other machines have the same ones. A process is
//! identified by its pid, its start time, and the boot of its machine.

use serde::{Deserialize, Serialize};

/// A process of this machine.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Process {
    pid: u32,
    started: Option<String>,
    /// Absent where the system has no boot identifier.
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

    /// Distinguishes this process from those of other hosts, for people.
    pub(crate) fn label() -> String {
        let host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        format!("{host}-{}", std::process::id())
    }

    /// The process with this pid, whenever it started.
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

    /// Whether its pid is valid here. A folder that machines share, or that outlives a reboot, has
    /// records of other boots: whether their writers live cannot be known here.
    pub(crate) fn is_of_this_boot(&self) -> bool {
        self.boot.is_none() || self.boot == boot()
    }

    /// A process is dead if its pid is unused, has another start time, or is a zombie.
    pub(crate) fn is_alive(&self) -> bool {
        match started(self.pid) {
            None => false,
            // If the writer did not know its start time, only the pid counts.
            now => self.started.is_none() || self.started == now,
        }
    }
}

/// The boot identifier: random(4).
#[cfg(target_os = "linux")]
fn boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

#[cfg(not(target_os = "linux"))]
fn boot() -> Option<String> {
    None
}

/// When a living process started, in the system's own unit.
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
