//! Following the pointer while the event serializes.
//!
//! Every value counts as what `serde_json` would write for it: `Some` as what is in it, `None` as
//! null, an enum's variant with data as an object with one key, bytes as an array of numbers.

use serde::{Serialize, Serializer};
use serde_json::{Error, Result};

use super::compound::Pairs;
use super::found::{Found, Value};
use super::inside::{Elements, Entries};
use super::json;
use super::seek::Seek;
use super::whole;

/// The struct, and its only field, as which `serde_json` passes on a value that is JSON already.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

macro_rules! scalars {
    ($($serialize:ident($type:ty) => $value:path,)*) => {
        $(fn $serialize(self, value: $type) -> Result<Found<'p>> {
            Ok(self.stop($value(value)))
        })*
    };
}

impl<'p> Serializer for Seek<'p> {
    type Ok = Found<'p>;
    type Error = Error;
    type SerializeSeq = Elements<'p>;
    type SerializeTuple = Elements<'p>;
    type SerializeTupleStruct = Elements<'p>;
    type SerializeTupleVariant = Elements<'p>;
    type SerializeMap = Pairs<'p>;
    type SerializeStruct = Entries<'p>;
    type SerializeStructVariant = Entries<'p>;

    scalars! {
        serialize_bool(bool) => Value::Bool,
        serialize_i8(i8) => Value::number,
        serialize_i16(i16) => Value::number,
        serialize_i32(i32) => Value::number,
        serialize_i64(i64) => Value::number,
        serialize_i128(i128) => Value::number,
        serialize_u8(u8) => Value::number,
        serialize_u16(u16) => Value::number,
        serialize_u32(u32) => Value::number,
        serialize_u64(u64) => Value::number,
        serialize_u128(u128) => Value::number,
        serialize_f32(f32) => Value::number,
        serialize_f64(f64) => Value::number,
    }

    fn serialize_char(self, value: char) -> Result<Found<'p>> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<Found<'p>> {
        Ok(json::string(value, self))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Found<'p>> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<Found<'p>> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Found<'p>> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Found<'p>> {
        Ok(self.stop(Value::Null))
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Found<'p>> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Found<'p>> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Found<'p>> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Found<'p>> {
        match enter(self, variant) {
            Ok(inside) => whole::visit(inside, value),
            Err(found) => Ok(found),
        }
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements<'p>> {
        Ok(Elements::of(self))
    }

    fn serialize_tuple(self, _: usize) -> Result<Elements<'p>> {
        Ok(Elements::of(self))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Elements<'p>> {
        Ok(Elements::of(self))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Elements<'p>> {
        Ok(enter(self, variant).map_or_else(Elements::skipped, Elements::of))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Pairs<'p>> {
        Ok(Pairs::new(Entries::of(self)))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Entries<'p>> {
        Ok(match name {
            RAW_VALUE => Entries::wrapping(name, self),
            _ => Entries::of_struct(name, self),
        })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Entries<'p>> {
        Ok(enter(self, variant).map_or_else(Entries::skipped, Entries::of))
    }
}

/// The way into an enum's `variant`, which is an object with one key, or what is found without it.
fn enter<'p>(seek: Seek<'p>, variant: &str) -> std::result::Result<Seek<'p>, Found<'p>> {
    let mut entries = Entries::of(seek);
    entries
        .next(|name| name.is(variant))
        .ok_or_else(|| entries.done())
}
