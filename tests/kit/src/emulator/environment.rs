//! One execution environment.

use std::ffi::{OsStr, OsString};
use std::fs::Permissions;
use std::iter::once;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::Mutex;
use tokio::time::{interval, timeout};

use super::PATIENCE;
use super::invoke::invoke;
use super::log::{Line, Log};
use super::process::{Process, Signal};
use super::sandbox::{Files, Sandbox};
use crate::Error;
use crate::lambda::{Answer, Function};

/// A running environment. Dropping it kills every process in it.
#[derive(Debug)]
pub struct Environment {
    sandbox: Sandbox,
    log: Log,
    address: SocketAddr,
    emulator: String,
    function: String,
    extension: Option<String>,
    journal: PathBuf,
    _folder: TempDir,
    turn: Mutex<()>,
    /// Whether events take turns: Lambda gives an environment one at a time, unless it is managed, and
    /// the emulator would not survive two.
    takes_turns: bool,
}

impl Environment {
    pub(super) async fn start(emulator: &Path, function: &Function) -> Result<Self, Error> {
        let folder = folder().map_err(|error| failed("make a journal folder", error))?;
        let journal = folder.path().join("journal");
        let addresses = free_addresses().map_err(|error| failed("find free ports", error))?;
        let mut variables = function.environment(&journal);
        let timeout = function.timeout.as_secs().to_string();
        variables.insert("AWS_LAMBDA_FUNCTION_TIMEOUT".into(), timeout);
        let managed = function.managed.map(|at_once| at_once.to_string());
        let managed = managed.map(|at_once| ("AWS_LAMBDA_MAX_CONCURRENCY".into(), at_once));
        variables.extend(managed);
        // Environments of the emulator share one network.
        let port = free_address().map_err(|error| failed("find a free port", error))?;
        variables
            .entry("LOCKS_PROXY_PORT".into())
            .or_insert_with(|| port.port().to_string());
        let log = Log::default();
        let sandbox = Sandbox::start(
            Files {
                extension: function.extension.as_deref(),
                // On Managed Instances it takes the program from there, and from nowhere else.
                bootstrap: function.managed.map(|_| &*function.program),
                wrapper: function.wrapper.as_deref(),
                os_only: function.bootstrap.as_deref(),
            },
            &command(emulator, addresses, function),
            &variables,
            &log,
        )?;
        let environment = Self {
            sandbox,
            log,
            address: addresses[1],
            emulator: file_name(emulator),
            function: match function.managed {
                Some(_) => "bootstrap".to_owned(),
                None => file_name(&function.program),
            },
            extension: function.extension.as_deref().map(file_name),
            journal,
            _folder: folder,
            turn: Mutex::default(),
            takes_turns: function.managed.is_none(),
        };
        environment.listening().await?;
        Ok(environment)
    }

    /// Sends an event and waits for the answer. Events sent at the same time take turns, unless the
    /// function is a managed one.
    pub async fn invoke(&self, event: Value) -> Result<Answer, Error> {
        let _turn = match self.takes_turns {
            true => Some(self.turn.lock().await),
            false => None,
        };
        self.in_time("an answer", invoke(self.address, event))
            .await?
    }

    /// Every line that was printed so far, the emulator's own among them.
    pub fn lines(&self) -> Vec<Line> {
        self.log.lines()
    }

    /// Waits until nobody is left who could print anything.
    pub async fn ended(&self) -> Result<(), Error> {
        self.in_time("its end", self.log.end()).await
    }

    /// The first line that `wanted` accepts, already printed or still to come.
    pub async fn line(&self, wanted: impl Fn(&Line) -> bool) -> Result<Line, Error> {
        let line = self.in_time("a line", self.log.first(wanted)).await?;
        line.ok_or_else(|| self.error("ended without the line that was waited for"))
    }

    /// The function's process; an error if there is none.
    pub fn function(&self) -> Result<Process, Error> {
        self.sandbox
            .process(&self.function)
            .ok_or_else(|| self.error("runs no function"))
    }

    /// The extension's process; an error if there is none.
    pub fn extension(&self) -> Result<Process, Error> {
        let name = self.extension.as_deref();
        name.and_then(|name| self.sandbox.process(name))
            .ok_or_else(|| self.error("runs no extension"))
    }

    /// The journal's folder.
    pub fn journal(&self) -> &Path {
        &self.journal
    }

    /// Shuts it down as the platform does, also in mid-work, and waits until all of it is gone.
    pub async fn shut_down(&self) -> Result<(), Error> {
        if let Some(emulator) = self.sandbox.process(&self.emulator) {
            // It may have ended by itself.
            let _ = emulator.signal(Signal::TERM);
        }
        self.ended().await
    }

    /// Waits until the emulator accepts connections.
    async fn listening(&self) -> Result<(), Error> {
        let mut look = interval(Duration::from_millis(5));
        let connected = async {
            while tokio::net::TcpStream::connect(self.address).await.is_err() {
                if self.log.has_ended() {
                    return Err(self.error("did not start"));
                }
                look.tick().await;
            }
            Ok(())
        };
        self.in_time("its start", connected).await?
    }

    async fn in_time<T>(&self, what: &str, awaited: impl Future<Output = T>) -> Result<T, Error> {
        let waited = timeout(PATIENCE, awaited).await;
        waited.map_err(|_| self.error(&format!("let us wait too long for {what}")))
    }

    fn error(&self, sentence: &str) -> Error {
        Error::new(format!(
            "the environment {sentence}; it printed:\n{}",
            self.log.text()
        ))
    }
}

/// A folder in which anybody may make another: managed functions run as a user of their own.
#[expect(
    clippy::disallowed_methods,
    reason = "what a folder is made with is cut by our own mask"
)]
fn folder() -> std::io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o777))?;
    Ok(folder)
}

fn command(emulator: &Path, addresses: [SocketAddr; 2], function: &Function) -> Vec<OsString> {
    // Left to itself it listens on every address that the machine has.
    let [api, own] = addresses.map(|address| address.to_string());
    let options = [
        ("--log-level", "info"),
        ("--runtime-api-address", &api),
        ("--runtime-interface-emulator-address", &own),
    ];
    let options = options
        .iter()
        .flat_map(|(name, value)| [name.into(), value.into()]);
    let command = once(emulator.into()).chain(options);
    if function.bootstrap.is_some() {
        // It finds the one in /opt.
        return command.collect();
    }
    command
        .chain(function.wrapper.iter().map(|_| "/opt/lambda-locks".into()))
        .chain(once(function.program.clone().into()))
        .chain(function.arguments.iter().map(OsString::from))
        .collect()
}

fn free_addresses() -> std::io::Result<[SocketAddr; 2]> {
    Ok([free_address()?, free_address()?])
}

/// A free address. It has a connection in TIME_WAIT, so for a minute the kernel offers it to nobody
/// else, though a program that asks for it by number, as the emulator does, gets it.
fn free_address() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let client = TcpStream::connect(address)?;
    let (server, _) = listener.accept()?;
    // Who closes first is left with the TIME_WAIT.
    drop(server);
    drop(client);
    Ok(address)
}

fn file_name(program: &Path) -> String {
    program
        .file_name()
        .and_then(OsStr::to_str)
        .unwrap_or_default()
        .to_owned()
}

fn failed(what: &str, why: impl std::fmt::Display) -> Error {
    Error::new(format!("cannot {what}: {why}"))
}
