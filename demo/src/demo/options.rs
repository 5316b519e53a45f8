//! What the person asked for, and where it is shown.

use std::io::{IsTerminal, stdout};

use rustix::termios::tcgetwinsize;
use testkit::Error;

/// How to run the demo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Whether the function has the layer.
    pub(super) layer: Layer,
    /// The width of the terminal; `None` where there is none.
    pub(super) terminal: Option<usize>,
    /// Whether there are colours.
    pub(super) colours: bool,
}

/// Whether the function has the layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Layer {
    With,
    Without,
}

/// What a lane and what is said behind it need; in a narrower terminal plain lines are better.
const NARROWEST: usize = 80;

impl Options {
    /// Reads the arguments and the environment, and asks the terminal.
    pub(crate) fn read() -> Result<Self, Error> {
        if !cfg!(any(target_os = "linux", target_os = "macos")) {
            return Err(Error::new("this demo runs on Linux and macOS only"));
        }
        let terminal = terminal();
        let colours = terminal.is_some() && !is_set("NO_COLOR");
        Ok(Self {
            layer: layer(std::env::args().skip(1))?,
            terminal,
            colours,
        })
    }
}

fn layer(arguments: impl Iterator<Item = String>) -> Result<Layer, Error> {
    let mut layer = Layer::With;
    for argument in arguments {
        if argument != "--without-layer" {
            let sentence =
                format!("`{argument}` means nothing here: use `--without-layer` or nothing");
            return Err(Error::new(sentence));
        }
        layer = Layer::Without;
    }
    Ok(layer)
}

fn terminal() -> Option<usize> {
    if !stdout().is_terminal() || variable("TERM").is_none_or(|kind| kind == "dumb") {
        return None;
    }
    let size = tcgetwinsize(stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|width| *width >= NARROWEST)
}

/// NO_COLOR counts if it is not empty: <https://no-color.org>.
fn is_set(name: &str) -> bool {
    variable(name).is_some_and(|value| !value.is_empty())
}

#[expect(
    clippy::disallowed_methods,
    reason = "only this file of the demo reads the environment"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_argument_is_named() {
        let read = |argument: &str| layer([argument.to_owned()].into_iter());
        assert_eq!(read("--without-layer").expect("known"), Layer::Without);
        let error = read("--help-me").expect_err("unknown");
        assert!(error.to_string().contains("`--help-me`"), "{error}");
    }
}
