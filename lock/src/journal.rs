//! The journal: one record on local disk for each entry that this machine has written or may have
//! written.
//!
//! A record is written before its entry's first copy is sent, and removed when the entry is
//! settled. A process that dies in between leaves its record, which names the entry to recover. The
//! only file that touches the file system.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the one file that touches the file system"
)]

mod process;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub(crate) use self::process::Process;
use crate::error::{Error, Kind};
use crate::protocol::entry::Entry;
use crate::protocol::messages::OnExpiry;
use crate::protocol::nonce::Nonces;
use crate::protocol::operation::{Completions, MOST_COMPLETED, OperationState};
use crate::table::TableLayout;

/// The default folder of the records: a function and its extension share it, and it survives the
/// death of either.
pub(crate) const DEFAULT_DIR: &str = "/tmp/lambda-locks";

/// More records than this were not written by us; read only the first ones.
const MAX_INTENTS: usize = 10_000;

/// Longer than any record that we write: most of one are its completions.
const MOST_BYTES: u64 = 48 * 1024;

/// A folder of records.
#[derive(Clone, Debug)]
pub struct Journal {
    dir: PathBuf,
    writer: Process,
}

/// One record: what is needed to recover an entry.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Intent {
    pub(crate) key: String,
    pub(crate) entry: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) attributed: bool,
    /// The operations that are done: their ids, and the lines that the row is to have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) completions: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) on_expiry: OnExpiry,
    pub(crate) region: Option<String>,
    #[serde(flatten)]
    pub(crate) layout: TableLayout,
    pub(crate) writer: Process,
}

/// A record that was read.
#[derive(Debug)]
pub struct ReadIntent {
    /// Its file.
    pub path: PathBuf,
    /// Its content, or why it cannot be read.
    pub intent: Result<Intent, io::Error>,
}

impl Journal {
    /// Opens the folder, and creates it if it is missing.
    ///
    /// # Errors
    ///
    /// If the folder cannot be used: it is not a folder, belongs to another user, is open to
    /// others, or cannot be written.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, Error> {
        let dir = dir.into();
        prepare(&dir).map_err(|why| {
            let message = format!(
                "the journal's folder `{}` cannot be used: {why}; set LOCKS_JOURNAL_DIR to a folder \
                 that this process may write and nobody else, or leave it empty to keep no journal",
                dir.display()
            );
            Error::new(Kind::Configuration, message).because(why)
        })?;
        let writer = Process::current();
        Ok(Self { dir, writer })
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.dir.clone()
    }

    pub(crate) fn writer(&self) -> &Process {
        &self.writer
    }

    /// Writes a record atomically.
    pub(crate) fn record(&self, intent: &Intent) -> io::Result<PathBuf> {
        let entry = intent.entry();
        let fields = entry.fields().ok_or(io::ErrorKind::InvalidData)?;
        let path = self
            .dir
            .join(format!("{}-{}", fields.ticket.0, fields.nonce));
        let unfinished = path.with_extension(format!("{}.{UNFINISHED}", self.writer.pid()));
        let mut file = create_new(&unfinished)?;
        file.write_all(&serde_json::to_vec(intent)?)
            .and_then(|()| rename(&unfinished, &path))
            .inspect_err(|_| drop(remove(&unfinished)))?;
        Ok(path)
    }

    /// The records of dead processes, and those that cannot be read; records of living processes
    /// are skipped. Records that a dead process did not finish are removed: their entries were
    /// never sent.
    ///
    /// # Errors
    ///
    /// If the folder cannot be listed.
    pub fn read(&self) -> io::Result<Vec<ReadIntent>> {
        let (whole, unfinished): (Vec<_>, Vec<_>) = list(&self.dir)?
            .into_iter()
            .partition(|path| path.extension().is_none());
        for path in unfinished.iter().filter(|path| is_abandoned(path)) {
            drop(remove(path));
        }
        let found = whole.into_iter().map(|path| ReadIntent {
            intent: read(&path),
            path,
        });
        Ok(found.filter(ReadIntent::is_left_behind).collect())
    }
}

/// Removes a record of a settled entry, from any folder.
pub(crate) fn forget(intent: &Path) -> io::Result<()> {
    match remove(intent) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

impl ReadIntent {
    fn is_left_behind(&self) -> bool {
        match &self.intent {
            Ok(intent) => intent.writer.is_of_this_boot() && !intent.writer.is_alive(),
            // Settled between the listing and the reading.
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }
}

impl Intent {
    /// The lock's name.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The ticket of its entry, which is its fencing token.
    #[must_use]
    pub fn fence(&self) -> Option<u64> {
        self.entry().ticket().map(|ticket| ticket.0)
    }

    pub(crate) fn entry(&self) -> Entry {
        let entry = Entry::read(self.entry.as_str());
        match self.attributed {
            true => entry.attributed(),
            false => entry,
        }
    }

    /// What the run has noted when its work was done. A line that another run has written says nothing.
    pub(crate) fn completions(&self) -> Completions {
        let ticket = self.entry().ticket();
        let read = |(operation, line): (&String, &String)| match OperationState::read(line) {
            OperationState::Completed(done) if Some(done.fence) == ticket => {
                Some((operation.parse().ok()?, done))
            }
            _ => None,
        };
        let noted = self.completions.iter().filter_map(read);
        noted.take(MOST_COMPLETED).collect()
    }

    /// The table's region, if the writer knew it.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }
}

/// The extension of a record's file until it is complete.
const UNFINISHED: &str = "unfinished";

fn prepare(dir: &Path) -> io::Result<()> {
    if dir.as_os_str().is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "its name is empty",
        ));
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)?;
    let found = std::fs::symlink_metadata(dir)?;
    let probe = dir.join(format!("{}.{UNFINISHED}", Nonces::system().next()));
    drop(remove(&probe));
    create_new(&probe)?;
    let ours = std::fs::symlink_metadata(&probe)?.uid();
    remove(&probe)?;
    match () {
        () if !found.is_dir() => Err(io::Error::other("it is a link, and links are not followed")),
        () if found.uid() != ours => Err(io::Error::other("it belongs to another user")),
        () if found.mode() & 0o022 != 0 => Err(io::Error::other("others may write to it")),
        () => Ok(()),
    }
}

fn create_new(path: &Path) -> io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    // `create_new` follows no link, and opens no file that another user put there.
    options.write(true).create_new(true).mode(0o600).open(path)
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)
}

fn remove(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path)
}

fn list(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = std::fs::read_dir(dir)?
        .take(MAX_INTENTS)
        .map(|found| found.map(|file| file.path()));
    paths.collect()
}

/// Whether the process that was writing this file is dead.
fn is_abandoned(unfinished: &Path) -> bool {
    let name = unfinished.file_name().and_then(OsStr::to_str);
    let stem = name.and_then(|name| name.strip_suffix(UNFINISHED)?.strip_suffix('.'));
    let pid = stem.and_then(|stem| stem.rsplit_once('.')?.1.parse().ok());
    pid.is_some_and(|pid| !Process::of(pid).is_alive())
}

fn read(path: &Path) -> io::Result<Intent> {
    let found = std::fs::symlink_metadata(path)?;
    if !found.is_file() || found.len() > MOST_BYTES {
        return Err(io::Error::other(
            "not a record: not a plain file, or too large",
        ));
    }
    let intent: Intent = serde_json::from_slice(&std::fs::read(path)?)?;
    match intent.fence() {
        Some(_) => Ok(intent),
        None => Err(io::Error::other("its entry cannot be read")),
    }
}
