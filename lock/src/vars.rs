//! The environment's variables: the only file that reads them.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the one file that reads the environment"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Error, Kind};

/// The variables that matter, as they were when they were read.
#[derive(Clone, Debug, Default)]
pub struct Vars {
    values: BTreeMap<String, String>,
    /// What somebody has asked for. What nobody asks for is likely misspelt.
    asked: Arc<Mutex<BTreeSet<String>>>,
}

/// Everything of ours starts so.
const OURS: &str = "LOCKS_";

const FUNCTION: &str = "AWS_LAMBDA_FUNCTION_NAME";

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
        self.asked().insert(name.to_owned());
        self.values.get(name).map(String::as_str)
    }

    /// Variables that look like ours, and that nobody has asked for.
    #[must_use]
    pub fn unknown(&self) -> Vec<&str> {
        let asked = self.asked();
        let names = self.values.keys().map(String::as_str);
        names
            .filter(|&name| name.starts_with(OURS) && !asked.contains(name))
            .collect()
    }

    fn asked(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// When it is none, or out of the range.
    pub fn number(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, Error> {
        self.counted(name, range, "")
    }

    /// A time in milliseconds, within a range.
    ///
    /// # Errors
    ///
    /// When it is no whole number, or out of the range.
    pub fn millis(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<Duration>, Error> {
        Ok(self
            .counted(name, range, " of milliseconds")?
            .map(Duration::from_millis))
    }

    fn counted(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
        unit: &str,
    ) -> Result<Option<u64>, Error> {
        let Some(text) = self.any(name) else {
            return Ok(None);
        };
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| {
            let right = format!(
                "a whole number{unit} from {} to {}",
                range.start(),
                range.end()
            );
            self.wrong(name, &right)
        })
    }

    /// One of a few words.
    ///
    /// # Errors
    ///
    /// When it is none of them.
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
            self.wrong(name, &words.join(" or "))
        })
    }

    /// The error for a variable whose value is not right.
    #[must_use]
    pub fn wrong(&self, name: &str, right: &str) -> Error {
        let message = match self.any(name) {
            Some(value) => format!("{name} is `{}`; right is {right}", value.escape_debug()),
            None => format!("{name} is not set; right is {right}"),
        };
        Error::new(Kind::Configuration, message)
    }

    /// The Lambda function that this process belongs to.
    #[must_use]
    pub fn function_name(&self) -> Option<&str> {
        self.any(FUNCTION).filter(|name| !name.is_empty())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Vars {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(vars: I) -> Self {
        let vars = vars
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        let ours = vars.filter(|(name, _)| name.starts_with(OURS) || name == FUNCTION);
        Self {
            values: ours.collect(),
            asked: Arc::default(),
        }
    }
}
