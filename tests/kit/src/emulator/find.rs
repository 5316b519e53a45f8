//! Where the emulator is, and whether it can run here.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use super::environment::Environment;
use super::sandbox::Sandbox;
use crate::Error;
use crate::lambda::Function;

/// The variable that says where the emulator is.
const VARIABLE: &str = "LAMBDA_RIE";

/// What it is called on the `PATH`.
const NAME: &str = "aws-lambda-rie";

/// The emulator's program.
#[derive(Clone, Debug)]
pub struct Emulator(PathBuf);

impl Emulator {
    /// Finds it by `LAMBDA_RIE` or on the `PATH`; if it cannot be used here, why.
    pub fn find() -> Result<Self, Error> {
        if !cfg!(target_os = "linux") {
            return Err(Error::new("AWS's emulator of Lambda needs Linux"));
        }
        let program = variable(VARIABLE).map_or_else(on_path, named)?;
        Sandbox::check()?;
        Ok(Self(program))
    }

    /// Whether nothing may be skipped because the emulator is not there: so it is in CI, which
    /// installs it.
    pub fn is_required() -> bool {
        variable("CI").is_some_and(|value| value == "true")
    }

    /// Whether it can run a managed function, which it does as another user.
    pub fn can_change_users(&self) -> bool {
        rustix::process::geteuid().is_root()
    }

    /// Starts an environment of a function. The function itself and its extension start with the
    /// first event, as in AWS.
    pub async fn start(&self, function: &Function) -> Result<Environment, Error> {
        Environment::start(&self.0, function).await
    }
}

fn named(path: OsString) -> Result<PathBuf, Error> {
    let path = PathBuf::from(path);
    let missing = || Error::new(format!("{VARIABLE} is `{}`: no such file", path.display()));
    if path.is_file() {
        Ok(path)
    } else {
        Err(missing())
    }
}

fn on_path() -> Result<PathBuf, Error> {
    let folders = variable("PATH").unwrap_or_default();
    let mut paths = env::split_paths(&folders).map(|folder| folder.join(NAME));
    let missing = || {
        Error::new(format!(
            "{VARIABLE} is not set, and no `{NAME}` is on the PATH"
        ))
    };
    paths.find(|path| path.is_file()).ok_or_else(missing)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this file finds out what is here"
)]
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name)
}
