use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A function as it is deployed: its program, its extension, its settings.
#[derive(Clone, Debug)]
#[must_use]
pub struct Function {
    pub(crate) program: PathBuf,
    /// What the program is started with.
    pub(crate) arguments: Vec<String>,
    /// The wrapper that starts the program, as `/opt/lambda-locks`.
    pub(crate) wrapper: Option<PathBuf>,
    /// What starts the program as `/opt/bootstrap`, on an OS-only runtime.
    pub(crate) bootstrap: Option<PathBuf>,
    pub(crate) extension: Option<PathBuf>,
    pub(crate) timeout: Duration,
    /// How many invocations each of its processes takes at a time, on Managed Instances.
    pub(crate) managed: Option<u16>,
    variables: BTreeMap<String, String>,
}

impl Function {
    /// A function whose locks are in `table` of the DynamoDB at `url`.
    pub fn new(program: &Path, url: &str, table: &str) -> Self {
        let (program, timeout) = (program.into(), Duration::from_secs(3));
        let function = Self {
            program,
            arguments: Vec::new(),
            wrapper: None,
            bootstrap: None,
            extension: None,
            timeout,
            managed: None,
            variables: BTreeMap::new(),
        };
        let function = function.variable("AWS_ENDPOINT_URL_DYNAMODB", url);
        function
            .variable("LOCKS_TABLE", table)
            .variable("LOCKS_KEY", "/orderId")
    }

    /// Another program in its place.
    pub fn program(self, program: &Path) -> Self {
        Self {
            program: program.into(),
            ..self
        }
    }

    /// What its program is started with. Default: nothing.
    pub fn arguments(self, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.into()).collect();
        Self { arguments, ..self }
    }

    /// The wrapper that starts its program, as `/opt/lambda-locks`. Default: none.
    pub fn wrapper(self, wrapper: &Path) -> Self {
        let wrapper = Some(wrapper.into());
        let wrapped = Self { wrapper, ..self };
        wrapped.variable("AWS_LAMBDA_EXEC_WRAPPER", "/opt/lambda-locks")
    }

    /// The same without its wrapper.
    pub fn without_wrapper(mut self) -> Self {
        self.wrapper = None;
        self.variables.remove("AWS_LAMBDA_EXEC_WRAPPER");
        self
    }

    /// Runs on an OS-only runtime, where this starts its program as `/opt/bootstrap`, by the name of its
    /// handler. The wrapper is there, too. Default: a managed runtime.
    pub fn os_only(self, bootstrap: &Path, handler: &str) -> Self {
        let bootstrap = Some(bootstrap.into());
        let os_only = Self { bootstrap, ..self };
        os_only.variable("_HANDLER", handler)
    }

    /// The extension that it is deployed with. Default: none.
    pub fn extension(self, program: &Path) -> Self {
        Self {
            extension: Some(program.into()),
            ..self
        }
    }

    /// The same without its extension.
    pub fn without_extension(self) -> Self {
        let extension = None;
        Self { extension, ..self }
    }

    /// How long it may work on one event. Default: 3 s, as Lambda's own.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// On Managed Instances, with so many invocations at a time. Default: one at a time.
    pub fn managed(self, at_once: u16) -> Self {
        let managed = Some(at_once);
        Self { managed, ..self }
    }

    /// A variable that function and extension see. Default: none but those that the kit needs.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The whole environment of its programs: nothing of our own process environment is in it.
    pub(crate) fn environment(&self, journal: &Path) -> BTreeMap<String, String> {
        let platform = PLATFORM.map(|(name, value)| (name.into(), value.into()));
        let mut variables = BTreeMap::from(platform);
        variables.insert(
            "LOCKS_JOURNAL_DIR".into(),
            journal.to_string_lossy().into_owned(),
        );
        variables.extend(self.variables.clone());
        variables
    }
}

const PLATFORM: [(&str, &str); 9] = [
    ("AWS_ACCESS_KEY_ID", "nobody"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ("AWS_LAMBDA_FUNCTION_NAME", "orders"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/orders"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "orders"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_SECRET_ACCESS_KEY", "nothing"),
];
