//! The life of an environment, in the platform's order.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

use super::api::Api;
use super::occurrence::{Occurrence, Reporter, What};
use super::process::Process;
use crate::answer::Answer;
use crate::dynamo::Wait;
use crate::function::Function;
use crate::{Clock, Error};

/// How long extension and function have to come up.
const INIT: Duration = Duration::from_secs(10);
/// How long the function lives on after SIGTERM: Lambda promises no more beside an extension.
const TERMINATION: Duration = Duration::from_millis(300);
/// How long a shutdown may take, the function's termination included.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// An execution environment: one event at a time, and one journal folder for all its life.
#[derive(Debug)]
pub struct Environment {
    function: Function,
    journal: TempDir,
    reporter: Reporter,
    accepting: Wait,
    /// Counts the events.
    turn: tokio::sync::Mutex<u64>,
    running: Mutex<Option<Arc<Running>>>,
}

#[derive(Debug)]
struct Running {
    api: Api,
    extension: Option<Process>,
    function: Process,
}

impl Environment {
    /// An environment in which nothing runs yet; `tell` is told what happens in it.
    pub fn new<T>(name: &str, function: &Function, report: T) -> Result<Self, Error>
    where
        T: Fn(Occurrence) + Send + Sync + 'static,
    {
        let journal = tempfile::tempdir();
        let (environment, report) = (name.into(), Arc::new(report));
        Ok(Self {
            function: function.clone(),
            journal: journal.map_err(|e| Error::new(format!("cannot make a folder: {e}")))?,
            reporter: Reporter {
                environment,
                report,
            },
            accepting: Wait::No,
            turn: tokio::sync::Mutex::default(),
            running: Mutex::default(),
        })
    }

    /// How long it takes until the runtime learns that its response was accepted: the caller has it before. Default: no
    /// time.
    #[must_use]
    pub fn accepts_after(self, wait: impl Into<Wait>) -> Self {
        let accepting = wait.into();
        Self { accepting, ..self }
    }

    /// The journal's folder.
    pub fn journal(&self) -> &Path {
        self.journal.path()
    }

    /// Works on an event when all earlier ones are done; starts or restarts both if need be.
    pub async fn invoke(&self, event: Value) -> Answer {
        let mut turn = self.turn.lock().await;
        *turn += 1;
        match self.running().await {
            Ok(running) => self.work(&running, *turn, &event).await,
            Err(error) => Answer::NotStarted(error.to_string()),
        }
    }

    /// Kills the function at once, as `kill -9` does; false if there is none.
    pub fn kill_function(&self) -> bool {
        let running = self.slot().clone();
        let alive = running.filter(|running| !running.function.has_ended());
        alive.inspect(|alive| self.kill(&alive.function)).is_some()
    }

    /// Kills the extension at once; false if there is none.
    pub fn kill_extension(&self) -> bool {
        let running = self.slot().clone();
        let extension = running
            .as_ref()
            .and_then(|running| running.extension.as_ref());
        extension
            .inspect(|extension| extension.signal(Signal::KILL))
            .is_some()
    }

    /// Shuts down when all events are done, as the platform does where nothing comes any more.
    pub async fn shut_down(&self) {
        let _turn = self.turn.lock().await;
        let running = self.slot().clone();
        if let Some(running) = running {
            self.reset(&running, "spindown").await;
        }
    }

    async fn running(&self) -> Result<Arc<Running>, Error> {
        let before = self.slot().clone();
        match before {
            Some(running) if !running.function.has_ended() => return Ok(running),
            Some(dead) => self.reset(&dead, "failure").await,
            None => {}
        }
        let late = |_| Err(Error::new("the environment did not come up in time"));
        let running = Arc::new(timeout(INIT, self.start()).await.unwrap_or_else(late)?);
        self.reporter.report(What::Started);
        Ok(self.slot().insert(running).clone())
    }

    async fn start(&self) -> Result<Running, Error> {
        let api = Api::start(self.accepting.clone()).await?;
        let extension = self.function.extension.as_deref();
        let extension = extension.map(|program| self.spawn(program, &[], &api, What::Extension));
        let extension = extension.transpose()?;
        let alone = extension.is_none();
        let registered = api.until(|state| state.registered || alone);
        before_end("extension", extension.as_ref(), registered).await?;
        let (program, arguments) = (&self.function.program, &*self.function.arguments);
        let function = self.spawn(program, arguments, &api, What::Function)?;
        let waiting = api.until(|state| state.function_waits && (state.extension_waits || alone));
        let waiting = before_end("extension", extension.as_ref(), waiting);
        before_end("function", Some(&function), waiting).await??;
        Ok(Running {
            api,
            extension,
            function,
        })
    }

    fn spawn(
        &self,
        program: &Path,
        arguments: &[String],
        api: &Api,
        line: fn(String) -> What,
    ) -> Result<Process, Error> {
        let reporter = self.reporter.clone();
        let mut command = Command::new(program);
        command.args(arguments);
        command.env_clear();
        command.envs(self.function.environment(self.journal.path()));
        command.env("AWS_LAMBDA_RUNTIME_API", api.server.address().to_string());
        let process = Process::start(&mut command, move |text| reporter.report(line(text)));
        process.map_err(|e| Error::new(format!("cannot start {}: {e}", program.display())))
    }

    async fn work(&self, running: &Running, number: u64, event: &Value) -> Answer {
        let id = format!("{}-{number}", self.reporter.environment);
        let mut answer = None;
        let worked = async {
            let deadline_ms = from_now(self.function.timeout);
            answer = Some(running.api.invoke(&id, deadline_ms, event).await);
            running.api.until(|state| state.function_waits).await;
        };
        let worked = before_end("extension", running.extension.as_ref(), worked);
        let worked = before_end("function", Some(&running.function), worked);
        let (instead, reason) = match timeout(self.function.timeout, worked).await {
            Ok(Ok(Ok(()))) => return answer.expect("it is there once the work is done"),
            Ok(_) => (Answer::Died, "failure"),
            Err(_) => (Answer::TimedOut, "timeout"),
        };
        self.reset(running, reason).await;
        answer.unwrap_or(instead)
    }

    async fn reset(&self, running: &Running, reason: &'static str) {
        let event = json!({
            "eventType": "SHUTDOWN", "shutdownReason": reason, "deadlineMs": from_now(SHUTDOWN),
        });
        let of_themselves = async {
            self.stop(running).await;
            if let Some(extension) = &running.extension {
                running.api.shut_down(&event);
                self.reporter.report(What::ShutdownSent(reason));
                extension.ended().await;
            }
        };
        let _ = timeout(SHUTDOWN, of_themselves).await;
        if let Some(extension) = &running.extension {
            extension.signal(Signal::KILL);
            let ended = What::ExtensionEnded(extension.ended().await.code());
            self.reporter.report(ended);
        }
        *self.slot() = None;
    }

    async fn stop(&self, running: &Running) {
        let function = &running.function;
        // Without an extension the platform gives the function no time.
        if running.extension.is_some() && !function.has_ended() {
            self.reporter.report(What::Terminated);
            function.signal(Signal::TERM);
            let _ = timeout(TERMINATION, function.ended()).await;
        }
        if !function.has_ended() {
            self.kill(function);
        }
        function.ended().await;
        self.reporter.report(What::Reaped);
    }

    fn kill(&self, function: &Process) {
        self.reporter.report(What::Killed);
        function.signal(Signal::KILL);
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Awaits something, unless the process ends first.
async fn before_end<T>(
    who: &str,
    process: Option<&Process>,
    awaited: impl Future<Output = T>,
) -> Result<T, Error> {
    let Some(process) = process else {
        return Ok(awaited.await);
    };
    tokio::select! {
        done = awaited => Ok(done),
        status = process.ended() => Err(Error::new(format!("the {who} ended: {status}"))),
    }
}

fn from_now(time: Duration) -> u128 {
    (Clock::system().since_epoch() + time).as_millis()
}
