//! The parts of the demo, in the order in which it needs them.

mod options;
mod paint;

mod moment;

mod record;

mod lines;

mod stage;

mod story;

mod plain;

mod lanes;

mod watch;

mod summary;
mod verdict;

#[cfg(test)]
mod tests;

pub(crate) use options::Options;
pub(crate) use stage::Stage;
pub(crate) use story::play;
pub(crate) use summary::summary;
pub(crate) use verdict::Verdict;
pub(crate) use watch::{print, watch};
