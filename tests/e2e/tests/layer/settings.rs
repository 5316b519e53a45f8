//! Every setting with every kind of bad value: the message names the variable, its value and what is
//! right.

mod layer;

use dynamodb_locks::{Error, Locks, Settings, Vars};

/// What is said of one variable.
fn wrong(name: &str, value: &str) -> Error {
    let vars: Vars = [(name, value)].into_iter().collect();
    let error = Settings::from_vars(&vars).expect_err(name);
    assert!(error.is_configuration(), "{error}");
    error
}

#[track_caller]
fn refuses(name: &str, values: &[&str], right: &str) {
    for value in values {
        let shown = value.escape_debug();
        let message = format!("invalid {name} `{shown}`: expected {right}");
        assert_eq!(wrong(name, value).to_string(), message);
    }
}

fn settings(vars: &[(&str, &str)]) -> Result<Settings, Error> {
    Settings::from_vars(&vars.iter().copied().collect())
}

#[track_caller]
fn takes(vars: &[(&str, &str)]) {
    drop(settings(vars).expect("it is right"));
}

/// What is no whole number, whatever the range.
const NO_NUMBERS: [&str; 7] = [
    "",
    "abc",
    "-1",
    "1.5",
    "10s",
    " 10",
    "99999999999999999999999",
];

fn time(from: u64, to: u64) -> String {
    format!("a whole number of milliseconds from {from} to {to}")
}

#[test]
fn no_variable_needs_to_be_set() {
    takes(&[]);
}

#[test]
fn a_name_is_not_left_empty() {
    let right = "some text, or not set at all";
    for name in [
        "LOCKS_TABLE",
        "LOCKS_PREFIX",
        "LOCKS_PARTITION_KEY",
        "LOCKS_OWNER",
    ] {
        refuses(name, &[""], right);
    }
}

#[test]
fn a_lease_has_a_length() {
    let right = format!("{}, or `deadline`", time(500, 900_000));
    refuses("LOCKS_LEASE_DURATION_MS", &NO_NUMBERS, &right);
    refuses(
        "LOCKS_LEASE_DURATION_MS",
        &["0", "499", "900001", "Deadline"],
        &right,
    );
    for value in ["500", "900000", "deadline"] {
        takes(&[("LOCKS_LEASE_DURATION_MS", value)]);
    }
}

#[test]
fn heartbeats_have_a_period() {
    let right = format!("{}, or 0 for none", time(100, 900_000));
    refuses("LOCKS_HEARTBEAT_PERIOD_MS", &NO_NUMBERS, &right);
    refuses("LOCKS_HEARTBEAT_PERIOD_MS", &["1", "99"], &right);
    takes(&[("LOCKS_HEARTBEAT_PERIOD_MS", "100")]);
    takes(&[("LOCKS_HEARTBEAT_PERIOD_MS", "0")]);
}

#[test]
fn one_heartbeat_may_be_lost() {
    let right = "at most half of the lease, so that one heartbeat may be lost; or 0 for none";
    refuses("LOCKS_HEARTBEAT_PERIOD_MS", &["5001", "900000"], right);
    takes(&[("LOCKS_HEARTBEAT_PERIOD_MS", "5000")]);
    takes(&[
        ("LOCKS_HEARTBEAT_PERIOD_MS", "5001"),
        ("LOCKS_LEASE_DURATION_MS", "10002"),
    ]);
}

#[test]
fn a_lease_until_the_deadline_has_no_heartbeats() {
    let until = ("LOCKS_LEASE_DURATION_MS", "deadline");
    let error = settings(&[until, ("LOCKS_HEARTBEAT_PERIOD_MS", "3000")]).unwrap_err();
    let message = "invalid LOCKS_HEARTBEAT_PERIOD_MS `3000`: expected none: the lease lasts until the \
                   deadline, and is never prolonged";
    assert_eq!(error.to_string(), message);
    takes(&[until, ("LOCKS_HEARTBEAT_PERIOD_MS", "0")]);
}

#[test]
fn what_a_program_sets_is_checked_as_well() {
    use std::time::Duration;
    let refused = |settings: Settings| Locks::new(settings).unwrap_err().to_string();
    for (period, expected) in [
        (
            Duration::from_secs(6),
            "invalid heartbeat period `6s`: expected at most half of the lease, so that one heartbeat \
             may be lost; or 0 for none",
        ),
        (
            Duration::from_millis(1),
            "invalid heartbeat period `1ms`: expected at least 100 ms; or 0 for none",
        ),
    ] {
        assert_eq!(refused(Settings::new().heartbeat_period(period)), expected);
    }
    assert_eq!(
        refused(Settings::new().partition_key("queue")),
        "invalid column name `queue`: expected a name that no other column has: none of `queue`, `last_ticket`, `renewed_at`, \
         `hold_on_expiry`, `pinned`, `moved_until`, `v`, `response`, and none that begins with `@`"
    );
    assert_eq!(
        refused(Settings::new().table("a b")),
        format!("invalid table name `a b`: expected {TABLE}")
    );
}

/// What a table may be called.
const TABLE: &str = "3 to 255 letters, digits, `_`, `-` and `.`, or the ARN of a table";

#[test]
fn a_table_has_a_name_that_dynamodb_allows() {
    let long = "x".repeat(256);
    refuses(
        "LOCKS_TABLE",
        &[
            "a b",
            "ab",
            &long,
            "locks/dev",
            "Schlösser",
            "arn:aws:dynamodb:eu-central-1:123456789012:table/",
            "arn:aws:dynamodb:eu-central-1:123456789012:table/locks/index/by-owner",
            "arn:aws:dynamodb:eu-central-1:1234:table/locks",
            "arn:aws:s3:::locks",
        ],
        TABLE,
    );
    for name in [
        "abc",
        "locks_DEV.1-a",
        &long[..255],
        "arn:aws:dynamodb:eu-central-1:123456789012:table/locks",
        "arn:aws-us-gov:dynamodb:us-gov-west-1:123456789012:table/locks-dev",
    ] {
        takes(&[("LOCKS_TABLE", name)]);
    }
}

#[test]
fn inside_lambda_the_table_has_no_default() {
    let function = ("AWS_LAMBDA_FUNCTION_NAME", "orders");
    let error = settings(&[function]).unwrap_err();
    assert!(error.is_configuration(), "{error}");
    assert_eq!(
        error.to_string(),
        "LOCKS_TABLE is not set: expected the name of the lock table (only outside Lambda the \
         default is `locks-dev`)"
    );
    takes(&[function, ("LOCKS_TABLE", "locks")]);
    // The extension finds the table in the notes, whatever the function's own configuration is.
    let vars: Vars = [function].into_iter().collect();
    drop(Settings::for_recovery(&vars).expect("no table is needed"));
}

#[test]
fn a_misspelt_variable_is_refused_with_the_name_that_was_likely_meant() {
    let error = settings(&[("LOCKS_TABEL", "locks")]).unwrap_err();
    assert!(error.is_configuration(), "{error}");
    assert_eq!(
        error.to_string(),
        "unknown variable LOCKS_TABEL: expected LOCKS_TABLE"
    );
    let error = wrong("LOCKS_MAX_WAIT", "20").to_string();
    assert_eq!(
        error,
        "unknown variable LOCKS_MAX_WAIT: expected LOCKS_MAX_WAIT_MS"
    );
    takes(&[("LOCKS_STAGE", "dev")]);
}

#[test]
fn a_number_without_a_sort_key_has_no_namespaces() {
    use dynamodb_locks::KeyKind;
    let numbers = || Settings::new().partition_kind(KeyKind::N).sort_key(None);
    let error = Locks::new(numbers().prefix("orders")).unwrap_err();
    assert!(error.is_configuration(), "{error}");
    assert_eq!(
        error.to_string(),
        "invalid namespace `orders`: expected `default`, because the partition key is a number and \
         there is no sort key: all clients of the table share the keys"
    );
    Locks::new(numbers()).unwrap();
    let sorted = numbers().sort_key(Some("group".to_owned()));
    Locks::new(sorted.prefix("orders")).unwrap();
}

#[test]
fn only_lambda_keeps_a_journal_unasked() {
    let journal = |vars: &[(&str, &str)]| {
        let settings = format!("{:?}", settings(vars).unwrap());
        let dir = settings.split("journal_dir: ").nth(1).unwrap();
        dir.split(", region").next().unwrap().to_owned()
    };
    let lambda = ("AWS_LAMBDA_FUNCTION_NAME", "orders");
    let (table, none) = (("LOCKS_TABLE", "locks"), ("LOCKS_JOURNAL_DIR", ""));
    assert_eq!(journal(&[]), "None");
    assert_eq!(
        journal(&[("LOCKS_JOURNAL_DIR", "/var/locks")]),
        "Some(\"/var/locks\")"
    );
    assert_eq!(journal(&[lambda, table]), "Some(\"/tmp/lambda-locks\")");
    assert_eq!(journal(&[lambda, table, none]), "None");
}

#[test]
fn outside_lambda_the_owner_is_host_and_process() {
    let owner = |vars: &[(&str, &str)]| {
        let locks = Locks::new(settings(vars).unwrap()).unwrap();
        locks.owner().to_owned()
    };
    let pid = std::process::id();
    assert!(owner(&[]).ends_with(&format!("-{pid}")), "{}", owner(&[]));
    assert_eq!(owner(&[("LOCKS_OWNER", "orders")]), "orders");
}

#[test]
fn a_wait_has_a_bound() {
    refuses("LOCKS_MAX_WAIT_MS", &NO_NUMBERS, &time(0, 900_000));
    refuses("LOCKS_MAX_WAIT_MS", &["900001"], &time(0, 900_000));
    takes(&[("LOCKS_MAX_WAIT_MS", "0")]);
}

#[test]
fn looks_have_pauses_between_them() {
    refuses("LOCKS_RETRY_DELAY_MS", &NO_NUMBERS, &time(10, 60_000));
    refuses(
        "LOCKS_RETRY_DELAY_MS",
        &["0", "9", "60001"],
        &time(10, 60_000),
    );
}

#[test]
fn a_queue_has_a_cap() {
    let right = "a whole number from 1 to 1000";
    refuses("LOCKS_QUEUE_CAP", &NO_NUMBERS, right);
    refuses("LOCKS_QUEUE_CAP", &["0", "1001"], right);
    takes(&[("LOCKS_QUEUE_CAP", "1000")]);
}

#[test]
fn a_skew_is_a_time() {
    refuses("LOCKS_CLOCK_SKEW_MS", &NO_NUMBERS, &time(0, 900_000));
}

#[test]
fn a_row_lives_for_at_least_a_day() {
    let right = time(86_400_000, 315_360_000_000);
    refuses("LOCKS_TTL_MS", &NO_NUMBERS, &right);
    refuses("LOCKS_TTL_MS", &["86399999", "315360000001"], &right);
}

#[test]
fn a_mode_is_one_of_the_words() {
    let unknown = ["", "Clock", "verify", " clock"];
    refuses("LOCKS_EXPIRY", &unknown, "`verified`, `clock` or `observe`");
    for mode in ["verified", "clock", "observe"] {
        takes(&[("LOCKS_EXPIRY", mode)]);
    }
    refuses("LOCKS_FAIL", &["", "Open", "shut"], "`open` or `closed`");
}

#[test]
fn a_value_cannot_forge_a_log_line() {
    let error = wrong("LOCKS_EXPIRY", "clock\nFATAL everything is lost");
    assert!(!error.to_string().contains('\n'), "{error}");
}

#[test]
fn no_two_columns_share_a_name() {
    let right = "a name that no other column has: none of `queue`, `last_ticket`, `renewed_at`, `hold_on_expiry`, `pinned`, `moved_until`, `v`, `response`";
    for name in ["LOCKS_PARTITION_KEY", "LOCKS_SORT_KEY", "LOCKS_TTL_KEY"] {
        for own in [
            "queue",
            "last_ticket",
            "renewed_at",
            "hold_on_expiry",
            "pinned",
            "moved_until",
            "v",
            "response",
        ] {
            let error = wrong(name, own).to_string();
            assert!(
                error.starts_with(&format!("invalid {name} `{own}`: expected {right}")),
                "{error}"
            );
        }
    }
    let right = format!("{right}, `id`");
    let and = ", and none that begins with `@`";
    refuses("LOCKS_SORT_KEY", &["id", "@sort"], &format!("{right}{and}"));
    refuses(
        "LOCKS_TTL_KEY",
        &["id", "group", "@ttl"],
        &format!("{right}, `group`{and}"),
    );
    takes(&[("LOCKS_SORT_KEY", ""), ("LOCKS_TTL_KEY", "group")]);
}

#[test]
fn a_table_may_have_no_sort_key_and_no_ttl() {
    takes(&[("LOCKS_SORT_KEY", ""), ("LOCKS_TTL_KEY", "")]);
}

#[test]
fn variables_of_others_are_not_looked_at() {
    takes(&[("EXPIRY", "never"), ("AWS_REGION", ""), ("PATH", "")]);
}

#[test]
fn a_journals_folder_that_cannot_be_used_is_an_error_that_says_so() {
    for dir in ["/proc/no/such/folder", "/dev/null"] {
        let error = Locks::new(settings(&[("LOCKS_JOURNAL_DIR", dir)]).unwrap()).unwrap_err();
        assert!(error.is_configuration(), "{error}");
        let message = format!("the journal's folder `{dir}` cannot be used: ");
        assert!(error.to_string().starts_with(&message), "{error}");
        let help = "; set LOCKS_JOURNAL_DIR to a folder that this process may write and nobody else, or leave \
             it empty to keep no journal";
        assert!(error.to_string().ends_with(help), "{error}");
    }
}
