//! The environment's variables: the only file that reads them.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the one file that reads the environment"
)]

mod names;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::{Error, Kind};

/// The variables that matter, as they were when they were read.
#[derive(Clone, Debug, Default)]
pub struct Vars {
    values: BTreeMap<String, String>,
}

const FUNCTION: &str = "AWS_LAMBDA_FUNCTION_NAME";

/// The platform's own variables that matter.
const PLATFORM: [&str; 4] = [
    "AWS_LAMBDA_EXEC_WRAPPER",
    FUNCTION,
    "AWS_LAMBDA_MAX_CONCURRENCY",
    "AWS_LAMBDA_RUNTIME_API",
];

/// How Lambda started this environment.
const INITIALIZATION: &str = "AWS_LAMBDA_INITIALIZATION_TYPE";

impl Vars {
    /// Reads the process's environment.
    #[must_use]
    pub fn from_env() -> Self {
        let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
        std::env::vars_os()
            .map(|(name, value)| (text(name), text(value)))
            .collect()
    }

    /// A variable that may be left empty.
    #[must_use]
    pub fn any(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The variables that start with `LOCKS_` and are no setting.
    #[must_use]
    pub fn unknown(&self) -> Vec<&str> {
        let names = self.values.keys().map(String::as_str);
        names
            .filter(|name| name.starts_with(names::PREFIX) && !names::NAMES.contains(name))
            .collect()
    }

    /// Refuses an unknown variable whose name is almost that of a setting.
    pub(crate) fn check_names(&self) -> Result<(), Error> {
        let unknown = self.unknown().into_iter();
        let misspelt = unknown.filter_map(|name| Some((name, names::likely(name)?)));
        match misspelt.into_iter().next() {
            Some((name, likely)) => Err(Error::new(
                Kind::Configuration,
                format!("unknown variable {name}: expected {likely}"),
            )),
            None => Ok(()),
        }
    }

    /// A variable that may be left out, but not left empty.
    ///
    /// # Errors
    ///
    /// When it is empty.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Error> {
        match self.any(name) {
            Some("") => Err(self.wrong(name, "some text, or not set at all")),
            text => Ok(text),
        }
    }

    /// A whole number within a range.
    ///
    /// # Errors
    ///
    /// If it is not a whole number, or out of the range.
    pub fn number(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, Error> {
        self.counted(name, range, "", "")
    }

    /// A time in milliseconds, within a range.
    ///
    /// # Errors
    ///
    /// If it is not a whole number, or out of the range.
    pub fn millis(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<Duration>, Error> {
        self.times(name, range, "")
    }

    /// The same, if another word is allowed as well.
    pub(crate) fn millis_or(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
        other: &str,
    ) -> Result<Option<Duration>, Error> {
        self.times(name, range, &format!(", or {other}"))
    }

    fn times(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
        or: &str,
    ) -> Result<Option<Duration>, Error> {
        let number = self.counted(name, range, " of milliseconds", or)?;
        Ok(number.map(Duration::from_millis))
    }

    fn counted(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
        unit: &str,
        or: &str,
    ) -> Result<Option<u64>, Error> {
        let Some(text) = self.any(name) else {
            return Ok(None);
        };
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| {
            let (from, to) = (range.start(), range.end());
            let expected = format!("a whole number{unit} from {from} to {to}{or}");
            self.wrong(name, &expected)
        })
    }

    /// One of a few words.
    ///
    /// # Errors
    ///
    /// If it is not one of them.
    pub fn choice<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Error> {
        let Some(text) = self.any(name) else {
            return Ok(None);
        };
        let chosen = words
            .iter()
            .find(|(word, _)| *word == text)
            .map(|&(_, chosen)| chosen);
        chosen.map(Some).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            self.wrong(name, &either(&words))
        })
    }

    /// The error for a variable whose value is not as expected.
    #[must_use]
    pub fn wrong(&self, name: &str, expected: &str) -> Error {
        match self.any(name) {
            Some(value) => Error::invalid(name, value, expected),
            None => Error::new(
                Kind::Configuration,
                format!("{name} is not set: expected {expected}"),
            ),
        }
    }

    /// Whether Lambda keeps a snapshot of what is initialised now, and starts many processes from it.
    pub(crate) fn is_snapshot(&self) -> bool {
        self.any(INITIALIZATION) == Some("snap-start")
    }

    /// The Lambda function that this process belongs to.
    #[must_use]
    pub fn function_name(&self) -> Option<&str> {
        self.any(FUNCTION).filter(|name| !name.is_empty())
    }
}

/// A list of words, as a sentence has it.
fn either(words: &[String]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        words => words.concat(),
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Vars {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(vars: I) -> Self {
        let vars = vars
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        let ours = vars.filter(|(name, _)| {
            name.starts_with(names::PREFIX)
                || PLATFORM.contains(&name.as_str())
                || name == INITIALIZATION
        });
        Self {
            values: ours.collect(),
        }
    }
}
