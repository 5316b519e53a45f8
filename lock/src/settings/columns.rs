//! The names of the table's columns: no two columns share one.

use crate::error::Error;
use crate::table::Place;
use crate::vars::Vars;

pub(super) fn check(place: &Place, vars: &Vars) -> Result<(), Error> {
    let named = [
        ("LOCKS_PARTITION_KEY", Some(&place.partition)),
        ("LOCKS_SORT_KEY", place.sort.as_ref()),
        ("LOCKS_TTL_KEY", place.ttl.as_ref()),
    ];
    let mut taken: Vec<_> = Place::own_columns().collect();
    for (name, column) in named {
        let Some(column) = column else { continue };
        if taken.contains(&column.as_str()) {
            let taken = taken.join("`, `");
            let right = format!("a name that no other column has: none of `{taken}`");
            return Err(vars.wrong(name, &right));
        }
        taken.push(column);
    }
    Ok(())
}
