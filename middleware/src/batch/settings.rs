//! How batches are worked on.

use dynamodb_locks::{Error, Vars};

use crate::event::records::Records;

/// What has a lock: an event, or each of its records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RecordMode {
    /// The event as a whole.
    Whole,
    /// Each record of a batch. The pointers of every rule lead into the record, and a record is handed to the handler
    /// when its lock is held: see [`Config::records`](crate::Config::records).
    Each,
}

/// How the source of a batch learns of records that failed or were held back.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum BatchReport {
    /// By name, in `batchItemFailures`: the event source mapping has `ReportBatchItemFailures`. Sources that read no
    /// report, as SNS and S3, get an error.
    #[default]
    Items,
    /// The invocation fails, and all records come again: for an event source mapping without
    /// `ReportBatchItemFailures`, which would take a report for success.
    Error,
}

pub(crate) const RECORDS: &str = "LOCKS_RECORDS";

impl RecordMode {
    pub(crate) fn from_vars(vars: &Vars) -> Result<Option<Self>, Error> {
        let words = [("whole", Self::Whole), ("each", Self::Each)];
        vars.choice(RECORDS, &words)
    }
}

impl BatchReport {
    /// The records, with what their source is told of them.
    pub(crate) fn of(self, records: Records) -> Records {
        match self {
            Self::Items => records,
            Self::Error => records.reports_nothing(),
        }
    }

    pub(crate) fn from_vars(vars: &Vars) -> Result<Option<Self>, Error> {
        let words = [("items", Self::Items), ("error", Self::Error)];
        vars.choice("LOCKS_BATCH_REPORT", &words)
    }
}
