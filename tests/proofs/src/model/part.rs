//! A part of a world that the worlds before and after it share.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A value that is copied when it changes, and hashed once for as long as it does not: of three clients
/// a step touches one.
#[derive(Clone, Debug)]
pub(super) struct Part<T> {
    value: Arc<T>,
    hash: Option<u64>,
}

impl<T: Clone + Hash> Part<T> {
    pub(super) fn new(value: T) -> Self {
        let mut part = Self {
            value: Arc::new(value),
            hash: None,
        };
        part.settle();
        part
    }

    /// To be changed; until it is settled again its hash is found out each time.
    pub(super) fn change(&mut self) -> &mut T {
        self.hash = None;
        Arc::make_mut(&mut self.value)
    }

    /// It is as it will be.
    pub(super) fn settle(&mut self) {
        self.hash = Some(self.digest());
    }

    fn digest(&self) -> u64 {
        self.hash.unwrap_or_else(|| {
            let mut hasher = DefaultHasher::new();
            self.value.hash(&mut hasher);
            hasher.finish()
        })
    }
}

impl<T> Deref for Part<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Clone + Hash> Hash for Part<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.digest());
    }
}

impl<T: PartialEq> PartialEq for Part<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.value, &other.value) || self.value == other.value
    }
}

impl<T: Eq> Eq for Part<T> {}
