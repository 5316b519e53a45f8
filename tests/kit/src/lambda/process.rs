//! One process: it is read, and waited for, until it is gone.

use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};

/// A process that was started; dropped, it is killed.
#[derive(Debug)]
pub(super) struct Process {
    signals: mpsc::UnboundedSender<Signal>,
    ended: watch::Receiver<Option<ExitStatus>>,
}

impl Process {
    /// Starts a process; `line` is told all that it writes before its end is known.
    pub(super) fn start<L>(command: &mut Command, line: L) -> std::io::Result<Self>
    where
        L: Fn(String) + Send + Sync + 'static,
    {
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn()?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (signals, received) = mpsc::unbounded_channel();
        let (end, ended) = watch::channel(None);
        tokio::spawn(async move {
            let lines = async { tokio::join!(read(out, &line), read(err, &line)) };
            if let (Some(status), _) = tokio::join!(mind(child, received), lines) {
                end.send_replace(Some(status));
            }
        });
        Ok(Self { signals, ended })
    }

    pub(super) fn signal(&self, signal: Signal) {
        // Nobody takes a signal for a process that is gone.
        let _ = self.signals.send(signal);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    pub(super) async fn ended(&self) -> ExitStatus {
        let mut ended = self.ended.clone();
        let status = ended.wait_for(Option::is_some).await.map(|status| *status);
        status
            .ok()
            .flatten()
            .expect("a process is minded until it has ended")
    }
}

/// Waits for the end of a process; `None` if nobody wants it any more.
async fn mind(
    mut child: Child,
    mut signals: mpsc::UnboundedReceiver<Signal>,
) -> Option<ExitStatus> {
    loop {
        tokio::select! {
            status = child.wait() => return Some(status.unwrap_or_default()),
            signal = signals.recv() => send(&child, signal?),
        }
    }
}

fn send(child: &Child, signal: Signal) {
    // There is an id as long as the child was not waited for, and so long it is nobody else's.
    if let Some(id) = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)) {
        let _ = kill_process(id, signal);
    }
}

async fn read(stream: Option<impl AsyncRead + Unpin>, line: &impl Fn(String)) {
    let Some(stream) = stream else { return };
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(text)) = lines.next_line().await {
        line(text);
    }
}
