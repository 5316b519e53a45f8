//! Going through an array or an object while the event serializes.
//!
//! A value that does not lie on the path is never asked to serialize.

use std::fmt::{self, Write};

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde_json::{Error, Result};

use super::found::Found;
use super::inside::{Elements, Entries};
use super::seek::{Name, Seek};
use super::whole;

macro_rules! elements {
    ($($trait:ident: $serialize:ident,)*) => {
        $(impl<'p> $trait for Elements<'p> {
            type Ok = Found<'p>;
            type Error = Error;

            fn $serialize<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                let found = visit(self.next(), value)?;
                self.put(found);
                Ok(())
            }

            fn end(self) -> Result<Found<'p>> {
                Ok(self.done())
            }
        })*
    };
}

elements! {
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
}

macro_rules! fields {
    ($($trait:ident,)*) => {
        $(impl<'p> $trait for Entries<'p> {
            type Ok = Found<'p>;
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<()> {
                let found = visit(self.next(|name| name.is(key)), value)?;
                self.put(found);
                Ok(())
            }

            fn skip_field(&mut self, key: &'static str) -> Result<()> {
                self.leave_out(key);
                Ok(())
            }

            fn end(self) -> Result<Found<'p>> {
                Ok(self.done())
            }
        })*
    };
}

fields! {
    SerializeStruct,
    SerializeStructVariant,
}

/// The entries of a map, of which the key comes first and the value by itself.
pub(super) struct Pairs<'p> {
    entries: Entries<'p>,
    value: Option<Seek<'p>>,
}

impl<'p> Pairs<'p> {
    pub(super) fn new(entries: Entries<'p>) -> Self {
        Self {
            entries,
            value: None,
        }
    }
}

impl<'p> SerializeMap for Pairs<'p> {
    type Ok = Found<'p>;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.value = self.entries.next(|name| reads(key, name));
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.entries.put(visit(self.value, value)?);
        Ok(())
    }

    fn end(self) -> Result<Found<'p>> {
        Ok(self.entries.done())
    }
}

/// What `value` holds, if the path leads through it.
fn visit<'p, T>(inside: Option<Seek<'p>>, value: &T) -> Result<Option<Found<'p>>>
where
    T: Serialize + ?Sized,
{
    inside.map(|seek| whole::visit(seek, value)).transpose()
}

/// Whether a map's `key` is written as `name`.
///
/// A formatter serializes just what JSON takes for a key: text, numbers, booleans, unit variants.
fn reads<T: Serialize + ?Sized>(key: &T, name: Name<'_>) -> bool {
    let mut rest = Rest(name);
    write!(rest, "{}", fmt::from_fn(|f| key.serialize(f))).is_ok() && rest.0.is("")
}

/// What is left of a name that is compared with a key as the key is written.
struct Rest<'a>(Name<'a>);

impl Write for Rest<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0 = self.0.after(part).ok_or(fmt::Error)?;
        Ok(())
    }
}
