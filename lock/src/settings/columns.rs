//! The names of the table's columns: no two columns share one.

use crate::table::Place;

/// A column that is called like another.
pub(super) struct Clash {
    /// Which variable names it.
    pub(super) variable: &'static str,
    pub(super) column: String,
    pub(super) right: String,
}

pub(super) fn check(place: &Place) -> Result<(), Clash> {
    let named = [
        ("LOCKS_PARTITION_KEY", Some(&place.partition)),
        ("LOCKS_SORT_KEY", place.sort.as_ref()),
        ("LOCKS_TTL_KEY", place.ttl.as_ref()),
    ];
    let mut taken: Vec<_> = Place::own_columns().collect();
    for (variable, column) in named {
        let Some(column) = column else { continue };
        if taken.contains(&column.as_str()) {
            return Err(Clash {
                variable,
                column: column.clone(),
                right: format!(
                    "a name that no other column has: none of `{}`",
                    taken.join("`, `")
                ),
            });
        }
        taken.push(column);
    }
    Ok(())
}
