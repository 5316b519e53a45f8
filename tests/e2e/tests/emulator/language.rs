//! The function `orders` in other languages, with AWS's own runtime clients: the extension locks for them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use testkit::Error;
use testkit::emulator::{Node, python};
use testkit::lambda::Function;

use crate::scene::found;

/// A language.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Language {
    Node,
    Python,
}

/// A function in one of them, and what starts it.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    program: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
}

impl Language {
    /// The function `orders` in this language, if its runtime is here.
    pub(crate) fn orders(self) -> Option<&'static Orders> {
        static NODE: OnceLock<Option<Orders>> = OnceLock::new();
        static PYTHON: OnceLock<Option<Orders>> = OnceLock::new();
        match self {
            Self::Node => NODE.get_or_init(|| found(in_node())).as_ref(),
            Self::Python => PYTHON.get_or_init(|| found(in_python())).as_ref(),
        }
    }
}

impl Orders {
    /// A function that is this one.
    pub(crate) fn start(&self, function: Function) -> Function {
        let arguments: Vec<_> = self.arguments.iter().map(String::as_str).collect();
        let wrapper = here().join("../../extension/lambda-layer/opt/lambda-locks");
        let folder = self.folder.to_string_lossy();
        let function = function.program(&self.program).arguments(&arguments);
        let function = function.wrapper(&wrapper).variable("LOCKS_CONTEXT", "1");
        let function = function.variable("LAMBDA_TASK_ROOT", &folder);
        let function = function.variable("PYTHONDONTWRITEBYTECODE", "1");
        function.variable("PYTHONPATH", &folder)
    }

    /// The same on an OS-only runtime: the program is a script that starts it.
    pub(crate) fn start_by_itself(&self, function: Function) -> Function {
        let bootstrap = here().join("../../extension/lambda-layer/os-only/bootstrap");
        let function = self.start(function).os_only(&bootstrap, "program.sh");
        let function = function.variable("AWS_LAMBDA_EXEC_WRAPPER", "");
        let function = function.variable("AWS_LAMBDA_EXEC_WRAPPER", "");
        let function = function.variable("LOCKS_PROXY", "1");
        function.variable("ORDERS_PYTHON", &self.program.to_string_lossy())
    }

    /// The same without a wrapper: it is told by hand where the extension listens.
    pub(crate) fn start_unwrapped(&self, function: Function, port: u16) -> Function {
        let (port, program) = (port.to_string(), self.program.to_string_lossy());
        let api = format!("AWS_LAMBDA_RUNTIME_API=127.0.0.1:{port}");
        let arguments = self.arguments.iter().map(String::as_str);
        let arguments: Vec<_> = [&*api, &*program].into_iter().chain(arguments).collect();
        let function = self.start(function).without_wrapper();
        let function = function
            .variable("LOCKS_PROXY", "1")
            .variable("LOCKS_PROXY_PORT", &port);
        function
            .program(Path::new("/usr/bin/env"))
            .arguments(&arguments)
    }

    /// The same runtime with another handler.
    pub(crate) fn handler(&self, handler: &str) -> Self {
        let mut orders = self.clone();
        orders.arguments.pop();
        orders.arguments.push(handler.to_owned());
        orders
    }

    /// The same runtime with a handler in another folder of the project.
    pub(crate) fn with_handler(&self, folder: &str, handler: &str) -> Self {
        let folder = here().join("../..").join(folder);
        let orders = self.handler(handler);
        Self { folder, ..orders }
    }
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn in_node() -> Result<Orders, Error> {
    let Node { program, client } = Node::find()?;
    Ok(Orders {
        program,
        arguments: vec![
            client.to_string_lossy().into_owned(),
            "orders.handler".to_owned(),
        ],
        folder: here().join("tests/emulator/node"),
    })
}

fn in_python() -> Result<Orders, Error> {
    Ok(Orders {
        program: python()?,
        arguments: ["-m", "awslambdaric", "orders.handler"]
            .map(str::to_owned)
            .to_vec(),
        folder: here().join("tests/emulator/python"),
    })
}
