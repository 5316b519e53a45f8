//! A Node, and the runtime client that Lambda's own Node runtime has.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::find::program;
use crate::Error;

/// Loads the client's native part, which fits one version of Node.
const LOAD: &str = "require(require('fs').realpathSync(process.argv[1]) + '/../rapid-client.node')";

/// A Node with the runtime client.
#[derive(Clone, Debug)]
pub struct Node {
    /// Node itself.
    pub program: PathBuf,
    /// The client: what Node is started with, and then the handler.
    pub client: PathBuf,
}

impl Node {
    /// Finds them by `LAMBDA_NODE` and `LAMBDA_NODE_CLIENT`, or as `node` and `aws-lambda-ric` on the `PATH`;
    /// if they are not there, or do not fit, why.
    pub fn find() -> Result<Self, Error> {
        let node = Self {
            program: program("LAMBDA_NODE", "node")?,
            client: program("LAMBDA_NODE_CLIENT", "aws-lambda-ric")?,
        };
        match node.fits() {
            true => Ok(node),
            false => Err(Error::new(format!(
                "`{}` is not built for `{}`; .ci/install installs both",
                node.client.display(),
                node.program.display()
            ))),
        }
    }

    fn fits(&self) -> bool {
        let mut command = Command::new(&self.program);
        command.args(["-e", LOAD]).arg(&self.client);
        // It reads that as soon as it is loaded.
        command.env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1");
        let status = command.stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }
}
