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

    /// The same runtime with the handler of another folder of the project.
    pub(crate) fn with_handler(&self, folder: &str, handler: &str) -> Self {
        let mut orders = self.clone();
        orders.folder = here().join("../..").join(folder);
        orders.arguments.pop();
        orders.arguments.push(handler.to_owned());
        orders
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
