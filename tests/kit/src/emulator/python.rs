//! A Python with the runtime client that Lambda's own Python runtime has.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::find::program;
use crate::Error;

/// The variable that says where it is.
const VARIABLE: &str = "LAMBDA_PYTHON";

/// What it is called on the `PATH`.
const NAME: &str = "python3";

/// Finds a Python that has `awslambdaric`, by `LAMBDA_PYTHON` or on the `PATH`; if there is none, why.
pub fn python() -> Result<PathBuf, Error> {
    let python = program(VARIABLE, NAME)?;
    match has_client(&python) {
        true => Ok(python),
        false => Err(Error::new(format!(
            "`{}` has no awslambdaric; .ci/install installs one that has it",
            python.display()
        ))),
    }
}

fn has_client(python: &Path) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", "import awslambdaric"]);
    let status = command.stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
