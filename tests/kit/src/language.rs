//! The function `orders` in other languages, with AWS's own runtime clients: the extension locks for them.

use std::path::{Path, PathBuf};

use crate::Error;
use crate::emulator::{Node, python};
use crate::lambda::Function;

/// A language.
#[derive(Clone, Copy, Debug)]
pub enum Language {
    /// JavaScript, with `aws-lambda-ric`.
    Node,
    /// Python, with `awslambdaric`.
    Python,
}

/// A function in one of them, and what starts it.
#[derive(Clone, Debug)]
pub struct Orders {
    program: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
}

impl Language {
    /// The function `orders` in this language; or why its runtime is not here.
    pub fn orders(self) -> Result<Orders, Error> {
        match self {
            Self::Node => in_node(),
            Self::Python => in_python(),
        }
    }
}

impl Orders {
    /// A function that is this one.
    pub fn start(&self, function: Function) -> Function {
        let arguments: Vec<_> = self.arguments.iter().map(String::as_str).collect();
        let folder = self.folder.to_string_lossy();
        let function = function.program(&self.program).arguments(&arguments);
        let function = function
            .wrapper(&opt("opt/lambda-locks"))
            .variable("LOCKS_CONTEXT", "1");
        let handler = self.arguments.last().map_or("", String::as_str);
        let function = function.variable("_HANDLER", handler);
        let function = function.variable("LAMBDA_TASK_ROOT", &folder);
        let function = function.variable("PYTHONDONTWRITEBYTECODE", "1");
        function.variable("PYTHONPATH", &folder)
    }

    /// The same on an OS-only runtime: the program is a script that starts it.
    pub fn start_by_itself(&self, function: Function) -> Function {
        let function = os_only(self.start(function), "program.sh");
        function.variable("ORDERS_PYTHON", &self.program.to_string_lossy())
    }

    /// The same without the extension.
    pub fn start_alone(&self, function: Function) -> Function {
        self.start(function).without_wrapper()
    }

    /// The same without a wrapper: it is told by hand where the extension listens.
    pub fn start_unwrapped(&self, function: Function, port: u16) -> Function {
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
    pub fn handler(&self, handler: &str) -> Self {
        let mut orders = self.clone();
        orders.arguments.pop();
        orders.arguments.push(handler.to_owned());
        orders
    }

    /// The same runtime with a handler in another folder of the project.
    pub fn with_handler(&self, folder: &str, handler: &str) -> Self {
        let folder = here().join("../..").join(folder);
        let orders = self.handler(handler);
        Self { folder, ..orders }
    }
}

/// A function whose program, called as its handler, is started by the second Lambda layer's bootstrap.
pub fn os_only(function: Function, handler: &str) -> Function {
    let function = function.wrapper(&opt("opt/lambda-locks"));
    let function = function.os_only(&opt("os-only/bootstrap"), handler);
    // Such a runtime knows no wrapper.
    let function = function.variable("AWS_LAMBDA_EXEC_WRAPPER", "");
    function.variable("LOCKS_PROXY", "1")
}

/// A script of the Lambda layers.
fn opt(script: &str) -> PathBuf {
    here().join("../../extension/lambda-layer").join(script)
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
        folder: here().join("../function/node"),
    })
}

fn in_python() -> Result<Orders, Error> {
    Ok(Orders {
        program: python()?,
        arguments: ["-m", "awslambdaric", "orders.handler"]
            .map(str::to_owned)
            .to_vec(),
        folder: here().join("../function/python"),
    })
}
