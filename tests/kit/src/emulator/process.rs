//! A process of an environment, found by its name.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, kill_process};
use tokio::time::{interval, timeout};

use super::PATIENCE;
use crate::{Clock, Error};

pub use rustix::process::Signal;

/// A process, dead or alive. Pids repeat; a pid and the time of its start do not.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    pid: i32,
    started: String,
}

impl Process {
    /// The living process that runs the program `name`, among those that descend from `root`.
    pub(super) fn below(root: u32, name: &str) -> Option<Self> {
        let mut parents = vec![root.to_string()];
        let mut others = table();
        while let Some(parent) = parents.pop() {
            let (children, rest): (Vec<_>, Vec<_>) =
                others.into_iter().partition(|row| row.parent == parent);
            if let Some(found) = children.iter().find(|row| row.runs(name)) {
                return Some(found.process.clone());
            }
            parents.extend(children.iter().map(|row| row.process.pid.to_string()));
            others = rest;
        }
        None
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<(), Error> {
        let pid = Pid::from_raw(self.pid).filter(|_| self.is_alive());
        let sent = pid.is_some_and(|pid| kill_process(pid, signal).is_ok());
        let dead = || Error::new(format!("process {} is dead and takes no signal", self.pid));
        if sent { Ok(()) } else { Err(dead()) }
    }

    /// Waits until it is dead; when that was, since the Unix epoch.
    pub async fn death(&self) -> Result<Duration, Error> {
        let mut look = interval(Duration::from_millis(1));
        let dead = async {
            while self.is_alive() {
                look.tick().await;
            }
            Clock::system().since_epoch()
        };
        let died = timeout(PATIENCE, dead).await;
        died.map_err(|_| Error::new(format!("process {} does not die", self.pid)))
    }

    /// How often its main thread was put on a processor or taken off it.
    pub fn context_switches(&self) -> Result<u64, Error> {
        self.sum(|name| name.ends_with("ctxt_switches"))
    }

    /// How many bytes of memory it has.
    pub fn resident_bytes(&self) -> Result<u64, Error> {
        Ok(self.sum(|name| name == "VmRSS")? * 1024)
    }

    /// The sum of the numbers with these names, in what the kernel says of it.
    #[expect(
        clippy::disallowed_methods,
        reason = "this file knows the process table"
    )]
    fn sum(&self, named: impl Fn(&str) -> bool) -> Result<u64, Error> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid));
        let status = status.map_err(|_| Error::new(format!("process {} is dead", self.pid)))?;
        let numbers = status.lines().filter_map(|line| {
            let (_, value) = line.split_once(':').filter(|(name, _)| named(name))?;
            value.trim().trim_end_matches(" kB").parse::<u64>().ok()
        });
        Ok(numbers.sum())
    }

    fn is_alive(&self) -> bool {
        Row::read(&self.pid.to_string()).is_some_and(|row| row.process == *self)
    }
}

/// What the process table says of a process that is alive.
struct Row {
    process: Process,
    parent: String,
    name: String,
}

impl Row {
    /// The kernel keeps this much of a program's name.
    const NAME_LEN: usize = 15;

    fn runs(&self, program: &str) -> bool {
        self.name.bytes().eq(program.bytes().take(Self::NAME_LEN))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this file knows the process table"
    )]
    fn read(pid: &str) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Understands `pid (name) state parent ... start ...`, where the name may contain anything.
    fn parse(stat: &str) -> Option<Self> {
        let (head, tail) = stat.rsplit_once(')')?;
        let (pid, name) = head.split_once(" (")?;
        let mut tail = tail.split_whitespace();
        let _alive = tail.next().filter(|state| !matches!(*state, "Z" | "X"))?;
        let parent = tail.next()?.to_owned();
        // proc(5): the parent is field 4, and the time of the start field 22.
        let started = tail.nth(17)?.to_owned();
        let process = Process {
            pid: pid.parse().ok()?,
            started,
        };
        Some(Self {
            process,
            parent,
            name: name.to_owned(),
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this file knows the process table"
)]
fn table() -> Vec<Row> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    names.filter_map(|name| Row::read(name.to_str()?)).collect()
}
