//! The parts of the demo, in the order in which it needs them.

mod options;
mod paint;

mod moment;

mod record;

mod lines;

mod setup;

mod story;

mod plain;

mod lanes;

mod watch;

mod summary;
mod svg;
mod verdict;

#[cfg(test)]
mod tests;

pub(crate) use options::{Layer, Options};
pub(crate) use record::Record;
pub(crate) use setup::{Languages, Setup};
pub(crate) use story::play;
pub(crate) use summary::summary;
pub(crate) use svg::svg;
pub(crate) use verdict::Verdict;
pub(crate) use watch::{print, save, watch};
