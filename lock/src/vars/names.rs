//! The names of all settings, and what a misspelt name most likely means.

/// All variables start with this.
pub(super) const PREFIX: &str = "LOCKS_";

/// Every variable that a crate of this workspace reads.
pub(super) const NAMES: [&str; 44] = [
    "LOCKS_BATCH_CONCURRENCY",
    "LOCKS_BATCH_REPORT",
    "LOCKS_CLOCK_SKEW_MS",
    "LOCKS_CONTEXT",
    "LOCKS_DEBUG_LOGS",
    "LOCKS_DEDUP",
    "LOCKS_DEDUP_FINGERPRINT",
    "LOCKS_DEDUP_HEADER",
    "LOCKS_DEDUP_INTERRUPTED",
    "LOCKS_DEDUP_KEEP_BYTES",
    "LOCKS_DEDUP_KEY",
    "LOCKS_DEDUP_PERMANENT",
    "LOCKS_DEDUP_SCOPE",
    "LOCKS_DEDUP_WINDOW_MS",
    "LOCKS_DISABLED",
    "LOCKS_EXEC_WRAPPER",
    "LOCKS_EXPIRY",
    "LOCKS_FAIL",
    "LOCKS_HASH_KEYS",
    "LOCKS_HEARTBEAT_PERIOD_MS",
    "LOCKS_JOURNAL_DIR",
    "LOCKS_KEY",
    "LOCKS_LEASE_DURATION_MS",
    "LOCKS_MAX_RETRIES",
    "LOCKS_MAX_WAIT_MS",
    "LOCKS_METRICS",
    "LOCKS_ON_BUSY",
    "LOCKS_ON_MISSING",
    "LOCKS_OWNER",
    "LOCKS_PARTITION_KEY",
    "LOCKS_PREFIX",
    "LOCKS_PROXY",
    "LOCKS_PROXY_PORT",
    "LOCKS_QUEUE_CAP",
    "LOCKS_RECORDS",
    "LOCKS_REFUSAL",
    "LOCKS_RELEASE",
    "LOCKS_RESERVE_MS",
    "LOCKS_RETRY_DELAY_MS",
    "LOCKS_RUNTIME_API",
    "LOCKS_SORT_KEY",
    "LOCKS_TABLE",
    "LOCKS_TTL_KEY",
    "LOCKS_TTL_MS",
];

/// Names shorter than this, without the prefix, are like many words: one slip is all they allow.
const SHORT: usize = 5;

/// The setting that an unknown name most likely means.
pub(super) fn likely(unknown: &str) -> Option<&'static str> {
    let rest = unknown.strip_prefix(PREFIX)?;
    let most = if rest.len() < SHORT { 1 } else { 2 };
    let without_unit = |name: &&&str| name.strip_suffix("_MS") == Some(unknown);
    let nearest = NAMES.iter().map(|name| (distance(unknown, name), name));
    NAMES.iter().find(without_unit).copied().or_else(|| {
        let (distance, name) = nearest.min()?;
        (distance <= most).then_some(*name)
    })
}

/// How many slips lead from one name to the other: a character too many, one too few, a wrong one, or
/// two neighbours swapped.
fn distance(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut rows = vec![(0..=other.len()).collect::<Vec<_>>()];
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let wrong = rows[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let swapped =
                i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1];
            let least = wrong.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            row.push(if swapped {
                least.min(rows[i - 2][j - 2] + 1)
            } else {
                least
            });
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised() {
        for (unknown, meant) in [
            ("LOCKS_TABEL", "LOCKS_TABLE"),
            ("LOCKS_TABLES", "LOCKS_TABLE"),
            ("LOCKS_KYE", "LOCKS_KEY"),
            ("LOCKS_MAX_WAIT", "LOCKS_MAX_WAIT_MS"),
            ("LOCKS_TTL", "LOCKS_TTL_MS"),
            ("LOCKS_ONBUZY", "LOCKS_ON_BUSY"),
            ("LOCKS_LEASE_DURATION_SM", "LOCKS_LEASE_DURATION_MS"),
        ] {
            assert_eq!(likely(unknown), Some(meant));
        }
    }

    #[test]
    fn a_name_that_resembles_none_stays_unknown() {
        for unknown in ["LOCKS_", "LOCKS_ENV", "LOCKS_TABLE_ARN", "LOCKS_STAGE"] {
            assert_eq!(likely(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn no_setting_is_taken_for_another() {
        for name in NAMES {
            let others = NAMES.iter().filter(|other| **other != name);
            assert!(
                others.map(|other| distance(name, other)).min() > Some(2),
                "{name}"
            );
        }
    }
}
