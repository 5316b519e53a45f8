//! The laws of the lock, end to end: the real client and the real SDK on the embedded table.

mod attributes;
mod bad_table;
mod causes;
mod clocks;
mod contention;
mod costs;
mod fail_closed;
mod found;
mod global;
mod journal;
mod leases;
mod lost_answers;
mod once;
mod peers;
mod people;
mod polling;
mod release_all;
mod requests;
mod thaw;
mod thundering_herd;
mod with;
