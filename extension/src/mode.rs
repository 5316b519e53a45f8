//! Whether the extension locks for a runtime of any language, and how: what the variables say.

use std::net::{Ipv4Addr, SocketAddr};

use dynamodb_locks::{Error, Vars};
use lambda_locks_proxy::Upstream;

/// The wrapper whose presence switches the mode on.
const WRAPPER: &str = "/opt/lambda-locks";

/// 9000 to 9009 and 2772 to 2773 belong to others.
const PORT: u16 = 9019;

/// Between whom the extension stands. Without them nothing reaches the caller, not even an error.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    /// Where the runtime connects to.
    pub(crate) address: SocketAddr,
    /// Where the proxy forwards to.
    pub(crate) upstream: Upstream,
}

/// How the extension locks for a runtime.
#[derive(Clone, Debug)]
pub(crate) struct Mode {
    pub(crate) release: Release,
    pub(crate) context: Context,
    pub(crate) table: TableCheck,
}

/// When it is found out whether the table can be used at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TableCheck {
    /// While the runtime initialises.
    AtStart,
    /// No lock is ever acquired.
    Never,
}

/// When a lock is released.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Release {
    /// Before the end of the response reaches Lambda.
    #[default]
    Before,
    /// After Lambda has the response: the caller does not wait for the release.
    After,
}

/// What the handler is shown of its lock.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Context {
    #[default]
    Nothing,
    /// Key and fencing token, in its client context.
    Fence,
    /// The same as JSON text: many runtimes read that place as a map of strings, and nothing else.
    FenceAsText,
}

impl Endpoints {
    /// `None` if the mode is off. Where nobody can tell whether it is on, it is: the runtime's first request brings the
    /// error to the caller.
    pub(crate) fn from_vars(vars: &Vars) -> Result<Option<Self>, Error> {
        let wrapped = vars.any("AWS_LAMBDA_EXEC_WRAPPER") == Some(WRAPPER);
        match switch(vars) {
            Ok(asked) if !asked.unwrap_or(wrapped) => Ok(None),
            Ok(_) | Err(_) => Self::on(vars).map(Some),
        }
    }

    fn on(vars: &Vars) -> Result<Self, Error> {
        let port = vars.number("LOCKS_PROXY_PORT", 1..=u64::from(u16::MAX))?;
        let port = port.and_then(|port| u16::try_from(port).ok());
        Ok(Self {
            address: (Ipv4Addr::LOCALHOST, port.unwrap_or(PORT)).into(),
            upstream: upstream(vars)?,
        })
    }
}

impl Mode {
    pub(crate) fn from_vars(vars: &Vars) -> Result<Self, Error> {
        switch(vars)?;
        // Only the wrapper acts on it.
        vars.text("LOCKS_EXEC_WRAPPER")?;
        let release = [("before", Release::Before), ("after", Release::After)];
        let context = [
            ("0", Context::Nothing),
            ("1", Context::Fence),
            ("text", Context::FenceAsText),
        ];
        let disabled = [("0", TableCheck::AtStart), ("1", TableCheck::Never)];
        let table = vars.choice("LOCKS_DISABLED", &disabled)?;
        Ok(Self {
            release: vars.choice("LOCKS_RELEASE", &release)?.unwrap_or_default(),
            context: vars.choice("LOCKS_CONTEXT", &context)?.unwrap_or_default(),
            table: table.unwrap_or(TableCheck::AtStart),
        })
    }
}

/// What the variable says that switches the mode on and off.
fn switch(vars: &Vars) -> Result<Option<bool>, Error> {
    vars.choice("LOCKS_PROXY", &[("0", false), ("1", true)])
}

/// Another proxy, or Lambda itself.
fn upstream(vars: &Vars) -> Result<Upstream, Error> {
    let name = match vars.any("LOCKS_RUNTIME_API") {
        Some(_) => "LOCKS_RUNTIME_API",
        None => "AWS_LAMBDA_RUNTIME_API",
    };
    let upstream = vars.any(name).unwrap_or_default().parse();
    upstream.map_err(|_| vars.wrong(name, "`host:port`"))
}

/// Why this environment cannot be locked for, if it cannot.
pub(crate) fn unsupported(vars: &Vars) -> Option<&'static str> {
    // A worker that is killed there brings no SHUTDOWN, and its lock would stay.
    vars.any("AWS_LAMBDA_MAX_CONCURRENCY").map(|_| {
        "locks for every language are not supported on Lambda Managed Instances: the platform does not \
         tell when one of several runtime processes has died; remove AWS_LAMBDA_EXEC_WRAPPER and \
         LOCKS_PROXY"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: (&str, &str) = ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001");
    const WRAPPED: (&str, &str) = ("AWS_LAMBDA_EXEC_WRAPPER", WRAPPER);

    fn endpoints(vars: &[(&str, &str)]) -> Result<Option<Endpoints>, Error> {
        Endpoints::from_vars(&[&[API], vars].concat().into_iter().collect())
    }

    fn on(vars: &[(&str, &str)]) -> bool {
        endpoints(vars).expect("the variables are right").is_some()
    }

    #[test]
    fn the_mode_is_off_unless_the_wrapper_or_a_variable_switches_it_on() {
        assert!(!on(&[]));
        assert!(!on(&[("AWS_LAMBDA_EXEC_WRAPPER", "/opt/another")]));
        assert!(on(&[WRAPPED]));
        assert!(on(&[("LOCKS_PROXY", "1")]));
        assert!(!on(&[WRAPPED, ("LOCKS_PROXY", "0")]));
    }

    #[test]
    fn it_listens_on_this_machine_alone() {
        let address = |vars: &[(&str, &str)]| {
            let on = endpoints(&[&[WRAPPED], vars].concat()).expect("the variables are right");
            on.expect("it is on").address.to_string()
        };
        assert_eq!(address(&[]), "127.0.0.1:9019");
        assert_eq!(address(&[("LOCKS_PROXY_PORT", "9020")]), "127.0.0.1:9020");
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (name, value, expected) in [
            ("LOCKS_PROXY_PORT", "0", "a whole number from 1 to 65535"),
            ("LOCKS_RUNTIME_API", "no address", "`host:port`"),
        ] {
            let error = endpoints(&[WRAPPED, (name, value)]).expect_err(name);
            let error = error.to_string();
            assert!(error.contains(name) && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn managed_instances_are_refused_with_the_reason() {
        let managed = [WRAPPED, ("AWS_LAMBDA_MAX_CONCURRENCY", "4")];
        let why = unsupported(&managed.into_iter().collect()).expect("it is refused");
        assert!(
            why.contains("Managed Instances") && why.contains("remove AWS_LAMBDA_EXEC_WRAPPER")
        );
        assert_eq!(unsupported(&[WRAPPED].into_iter().collect()), None);
    }
}
