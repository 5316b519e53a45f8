//! The lock under test: one row, clients of it that differ in settings and clocks, and the story of
//! what they sent.
//!
//! ```text
//! let table = LockTable::new();
//! let a = table.client("a");
//! table.fate("a", Step::Release, 1, Fate::lost());
//! a.acquire(KEY).await?.release().await?;
//! assert_eq!(table.story("a"), ["enqueue", "release unheard", "release refused"]);
//! ```

mod example;
mod step;

mod row;
mod script;

mod table;

mod contention;
mod death;
mod recovery;

pub use contention::{Contention, Cost, ROUND_TRIP};
pub use death::die;
pub use example::{example, example_over};
pub use recovery::{LEASE, by_the_next_in_line, by_the_sweep, orphan};
pub use step::Step;
pub use table::{Client, KEY, LockTable};

#[doc(hidden)]
pub use row::from_item as row_of;
