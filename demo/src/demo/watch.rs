//! Showing the story while it is played: as lanes in a terminal, as plain lines elsewhere.

use std::io::{Write, stdout};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use testkit::{Clock, Error};
use tokio::time::{interval, timeout};

use super::lanes::Picture;
use super::options::{Layer, Options};
use super::plain::Plain;
use super::record::Record;
use super::setup::Setup;

/// How often the picture changes.
const FRAME: Duration = Duration::from_millis(100);
/// The story takes a third of this.
const LONGEST: Duration = Duration::from_secs(25);

/// Shows the story until it is over and everything has been shut down.
pub(crate) async fn watch(
    options: &Options,
    setup: &Setup,
    story: impl Future<Output = ()>,
) -> Result<Record, Error> {
    print(opening(options.layer))?;
    print(&setup.languages().told())?;
    let mut view = View::new(options);
    let mut story = pin!(timeout(LONGEST, story));
    let mut frame = interval(FRAME);
    let played = loop {
        tokio::select! {
            played = &mut story => break played,
            _ = frame.tick() => print(&view.show(&setup.record(), now()))?,
        }
    };
    let end = now();
    setup.shut_down().await;
    print(&view.last(&setup.record(), end))?;
    played.map_err(|_| Error::new("the story did not come to its end"))?;
    Ok(setup.record())
}

/// How the story is shown.
enum View<'a> {
    Lanes {
        options: &'a Options,
        width: usize,
        drawn: usize,
    },
    Plain(Plain),
}

impl<'a> View<'a> {
    fn new(options: &'a Options) -> Self {
        match options.terminal {
            Some(width) => View::Lanes {
                options,
                width,
                drawn: 0,
            },
            None => View::Plain(Plain::default()),
        }
    }

    fn show(&mut self, record: &Record, now: Duration) -> String {
        match self {
            View::Plain(plain) => plain.lines(record, now),
            View::Lanes {
                options,
                width,
                drawn,
            } => {
                let picture = Picture {
                    record,
                    now,
                    width: *width,
                    colours: options.colours,
                };
                redrawn(&picture.lines(), drawn)
            }
        }
    }

    fn last(&mut self, record: &Record, end: Duration) -> String {
        match self {
            View::Plain(plain) => plain.rest(record, end),
            View::Lanes { .. } => self.show(record, end),
        }
    }
}

/// The lines in the place of those that were drawn before.
fn redrawn(lines: &[String], drawn: &mut usize) -> String {
    let up = if *drawn > 0 {
        format!("\x1b[{drawn}A")
    } else {
        String::new()
    };
    *drawn = lines.len();
    lines
        .iter()
        .fold(up, |text, line| text + "\x1b[2K" + line + "\n")
}

fn opening(layer: Layer) -> &'static str {
    match layer {
        Layer::With => {
            "Four Lambda environments share one DynamoDB table. Only one at a time may work on an\n\
             order: lambda-locks sees to it, also when a function is killed in mid-work.\n"
        }
        Layer::Without => {
            "Four Lambda environments work on the same orders. Without the layer nothing keeps\n\
             two of them from working on one order at the same time.\n"
        }
    }
}

/// Prints, and says so if that is not possible: a pipe may be closed.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut out = stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|e| Error::new(format!("cannot write to the standard output: {e}")))
}

/// Writes a file, the only one that the demo writes.
#[expect(clippy::disallowed_methods, reason = "the file was asked for by name")]
pub(crate) fn save(file: &Path, text: &str) -> Result<(), Error> {
    let written = std::fs::write(file, text);
    written.map_err(|e| Error::new(format!("cannot write {}: {e}", file.display())))
}

fn now() -> Duration {
    Clock::system().since_epoch()
}
