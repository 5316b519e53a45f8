//! A journal's folder, as another user sees it.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "this is the file that looks at the notes, and a test fails where it cannot"
)]

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::PathBuf;

use dynamodb_locks::{Intent, Journal, Locks};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::locks::LockTable;

/// A folder of its own for each test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("journal")
    }

    /// A client that keeps its records here.
    pub(crate) fn client(&self, table: &LockTable, name: &str) -> Locks {
        table
            .a_client(name)
            .with(|s| s.journal(self.path()))
            .ready()
    }

    /// Every whole record.
    pub(crate) fn intents(&self) -> Vec<Value> {
        let read = |path: &PathBuf| serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        self.files().iter().map(read).collect()
    }

    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let found = fs::read_dir(self.path()).unwrap();
        found.map(|file| file.unwrap().path()).collect()
    }

    /// What may be read, written and listed by whom.
    pub(crate) fn mode(path: &PathBuf) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    /// Their writer has died.
    pub(crate) fn orphan(&self) {
        for path in self.files() {
            let mut intent: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            intent["writer"] = json!({ "pid": u32::MAX - 1, "started": "1" });
            fs::write(path, intent.to_string()).unwrap();
        }
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    pub(crate) fn link(&self, name: &str, to: &str) {
        std::os::unix::fs::symlink(to, self.path().join(name)).unwrap();
    }

    /// Another user has got at the folder.
    pub(crate) fn opened_to(&self, mode: u32) {
        fs::create_dir_all(self.path()).unwrap();
        fs::set_permissions(self.path(), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Another user has put a link, or a file, where the folder is to be.
    pub(crate) fn replaced_by_a_link(&self) {
        let elsewhere = self.0.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(elsewhere, self.path()).unwrap();
    }

    pub(crate) fn replaced_by_a_file(&self) {
        fs::write(self.path(), "").unwrap();
    }

    pub(crate) fn subfolder(&self, name: &str) {
        fs::create_dir(self.path().join(name)).unwrap();
    }

    /// The folder is back, and empty.
    pub(crate) fn put_back(&self) {
        let mut folder = fs::DirBuilder::new();
        folder.mode(0o700).create(self.path()).unwrap();
    }

    /// The folder is gone, as if a cleaner had emptied `/tmp`.
    pub(crate) fn remove(&self) {
        fs::remove_dir_all(self.path()).unwrap();
    }

    /// What a sweep finds: the records of the dead.
    pub(crate) fn left_behind(&self) -> Vec<(PathBuf, Intent)> {
        let found = Journal::open(self.path()).unwrap().read().unwrap();
        let intent = |found: dynamodb_locks::ReadIntent| Some((found.path, found.intent.ok()?));
        found.into_iter().filter_map(intent).collect()
    }

    /// Why the rest cannot be read.
    pub(crate) fn unreadable(&self) -> Vec<String> {
        let found = Journal::open(self.path()).unwrap().read().unwrap();
        let why = |found: dynamodb_locks::ReadIntent| found.intent.err().map(|why| why.to_string());
        found.into_iter().filter_map(why).collect()
    }
}
