//! The checks of settings, whether a variable or a program sets them.

use std::time::Duration;

use super::{LeaseLength, SHORTEST_PERIOD, Settings};
use crate::table::{KeyKind, RESPONSES, TableLayout};

/// A setting that is not as expected.
pub(super) struct Wrong {
    /// The variable that sets it.
    pub(super) variable: &'static str,
    /// Its name in messages to programs.
    pub(super) what: &'static str,
    pub(super) value: String,
    pub(super) expected: String,
}

/// The default namespace.
pub(super) const NAMESPACE: &str = "default";

/// The first setting that is not as expected, if one is.
pub(super) fn check(settings: &Settings) -> Result<(), Wrong> {
    table(&settings.layout)?;
    columns(&settings.layout)?;
    namespace(&settings.layout)?;
    own_rows(&settings.layout)?;
    skew(settings)?;
    heartbeats(settings)
}

fn table(layout: &TableLayout) -> Result<(), Wrong> {
    if is_table(&layout.table) {
        return Ok(());
    }
    Err(Wrong {
        variable: "LOCKS_TABLE",
        what: "table name",
        value: layout.table.clone(),
        expected: "3 to 255 letters, digits, `_`, `-` and `.`, or the ARN of a table".to_owned(),
    })
}

/// DynamoDB takes a table's name or its ARN.
fn is_table(text: &str) -> bool {
    let arn = text.splitn(6, ':').collect::<Vec<_>>();
    let name = match arn[..] {
        ["arn", partition, "dynamodb", region, account, resource] => {
            let account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
            let named = partition.starts_with("aws") && !region.is_empty() && account;
            resource.strip_prefix("table/").filter(|_| named)
        }
        _ => Some(text),
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    name.is_some_and(|name| (3..=255).contains(&name.len()) && name.bytes().all(allowed))
}

/// No two columns share a name.
fn columns(layout: &TableLayout) -> Result<(), Wrong> {
    let named = [
        ("LOCKS_PARTITION_KEY", Some(&layout.partition)),
        ("LOCKS_SORT_KEY", layout.sort.as_ref()),
        ("LOCKS_TTL_KEY", layout.ttl.as_ref()),
    ];
    let mut taken: Vec<_> = TableLayout::own_columns().collect();
    for (variable, column) in named {
        let Some(column) = column else { continue };
        if taken.contains(&column.as_str()) || column.starts_with('@') {
            return Err(Wrong {
                variable,
                what: "column name",
                value: column.clone(),
                expected: format!(
                    "a name that no other column has: none of `{}`, and none that begins with `@`",
                    taken.join("`, `")
                ),
            });
        }
        taken.push(column);
    }
    Ok(())
}

/// A number has no room for a namespace, so namespaces would share their keys.
fn namespace(layout: &TableLayout) -> Result<(), Wrong> {
    if layout.kind != KeyKind::N || layout.sort.is_some() || layout.namespace == NAMESPACE {
        return Ok(());
    }
    Err(Wrong {
        variable: "LOCKS_PREFIX",
        what: "namespace",
        value: layout.namespace.clone(),
        expected: format!(
            "`{NAMESPACE}`, because the partition key is a number and there is no sort key: all \
             clients of the table share the keys"
        ),
    })
}

/// The responses of operations have rows beside the locks, in namespaces that are called so.
fn own_rows(layout: &TableLayout) -> Result<(), Wrong> {
    if !layout.namespace.contains(RESPONSES) {
        return Ok(());
    }
    Err(Wrong {
        variable: "LOCKS_PREFIX",
        what: "namespace",
        value: layout.namespace.clone(),
        expected: format!("a text without `{RESPONSES}`, where responses of operations are kept"),
    })
}

/// Clocks that differ by more than the lease cannot tell whether it is over.
fn skew(settings: &Settings) -> Result<(), Wrong> {
    let (LeaseLength::Fixed(lease), Some(skew)) = (settings.lease, settings.clock_skew) else {
        return Ok(());
    };
    if skew <= lease {
        return Ok(());
    }
    Err(Wrong {
        variable: "LOCKS_CLOCK_SKEW_MS",
        what: "clock skew",
        value: format!("{skew:?}"),
        expected: format!(
            "at most the lease, {lease:?}: clocks that differ by more cannot tell whether it is over"
        ),
    })
}

fn heartbeats(settings: &Settings) -> Result<(), Wrong> {
    let Some(period) = settings.heartbeat_period.filter(|period| !period.is_zero()) else {
        return Ok(());
    };
    let shortest = Duration::from_millis(SHORTEST_PERIOD);
    let expected = match settings.lease {
        _ if period < shortest => format!("at least {SHORTEST_PERIOD} ms; or 0 for none"),
        LeaseLength::Fixed(lease) if period <= lease / 2 => return Ok(()),
        LeaseLength::Fixed(_) => {
            "at most half of the lease, so that one heartbeat may be lost; or 0 for none".to_owned()
        }
        LeaseLength::UntilDeadline => {
            "none: the lease lasts until the deadline, and is never prolonged".to_owned()
        }
    };
    Err(Wrong {
        variable: "LOCKS_HEARTBEAT_PERIOD_MS",
        what: "heartbeat period",
        value: format!("{period:?}"),
        expected,
    })
}
