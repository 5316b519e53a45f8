//! What the person asked for, and where it is shown.

use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};

use rustix::termios::tcgetwinsize;
use testkit::Error;

/// How to run the demo.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Whether the function has the layer.
    pub(super) layer: Layer,
    /// The file for a picture of both runs, without and with the layer.
    svg: Option<PathBuf>,
    /// The width of the terminal; `None` where there is none.
    pub(super) terminal: Option<usize>,
    /// Whether there are colours.
    pub(super) colours: bool,
}

/// Whether the function has the layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Layer {
    With,
    Without,
}

/// What a lane and what is said behind it need; in a narrower terminal plain lines are better.
const NARROWEST: usize = 80;

impl Options {
    /// With the layer, into a pipe.
    #[cfg(test)]
    pub(super) const PIPED: Self = Self {
        layer: Layer::With,
        svg: None,
        terminal: None,
        colours: false,
    };

    /// Where a picture of both runs goes, if one was asked for.
    pub(crate) fn svg(&self) -> Option<&Path> {
        self.svg.as_deref()
    }

    /// The same, with the layer or without it.
    pub(crate) fn with(&self, layer: Layer) -> Self {
        Self {
            layer,
            ..self.clone()
        }
    }

    /// Reads the arguments and the environment, and asks the terminal.
    pub(crate) fn read() -> Result<Self, Error> {
        if !cfg!(any(target_os = "linux", target_os = "macos")) {
            return Err(Error::new("this demo runs on Linux and macOS only"));
        }
        let terminal = terminal();
        let colours = terminal.is_some() && !is_set("NO_COLOR");
        let (layer, svg) = arguments(std::env::args().skip(1))?;
        Ok(Self {
            layer,
            svg,
            terminal,
            colours,
        })
    }
}

fn arguments(
    mut arguments: impl Iterator<Item = String>,
) -> Result<(Layer, Option<PathBuf>), Error> {
    let (mut layer, mut svg) = (Layer::With, None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--without-layer" => layer = Layer::Without,
            "--svg" => svg = Some(arguments.next().ok_or_else(no_file)?.into()),
            _ => return Err(unknown(&argument)),
        }
    }
    Ok((layer, svg))
}

fn no_file() -> Error {
    Error::new("`--svg` needs a file: `--svg demo.svg`")
}

fn unknown(argument: &str) -> Error {
    let known = "`--without-layer`, `--svg FILE`";
    Error::new(format!(
        "unknown argument `{argument}`: expected {known} or nothing"
    ))
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
        let read = |argument: &str| arguments([argument.to_owned()].into_iter());
        assert_eq!(read("--without-layer").expect("known").0, Layer::Without);
        let error = read("--help-me").expect_err("unknown");
        assert!(error.to_string().contains("`--help-me`"), "{error}");
    }

    #[test]
    fn a_picture_needs_a_file() {
        let read = |words: &[&str]| arguments(words.iter().map(|&word| word.to_owned()));
        let (_, svg) = read(&["--svg", "demo.svg"]).expect("known");
        assert_eq!(svg.as_deref(), Some(Path::new("demo.svg")));
        let error = read(&["--svg"]).expect_err("no file");
        assert!(error.to_string().contains("needs a file"), "{error}");
    }
}
