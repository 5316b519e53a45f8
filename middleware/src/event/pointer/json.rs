//! Following the pointer through JSON text, and into strings that hold JSON.
//!
//! The text is read to its end, for what follows may break it or name a key again; but what does
//! not lie on the path is only skipped, never kept.

use std::fmt;

use ::base64::engine::general_purpose::STANDARD;
use ::base64::read::DecoderReader;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Error;
use serde_json::de::Read;
use serde_json::value::RawValue;

use super::canonical;
use super::found::{Found, Value};
use super::inside::{Elements, Entries};
use super::seek::Seek;

/// What is found in the event `text` at `seek`.
pub(super) fn event<'p>(text: &str, seek: Seek<'p>) -> Found<'p> {
    plain(text, seek).unwrap_or_else(|why| seek.not_json(&why))
}

/// What is found in the string `text` at `seek`: the string itself, or something in the JSON that it
/// holds, as it is or in base64.
pub(super) fn string<'p>(text: &str, seek: Seek<'p>) -> Found<'p> {
    if seek.is_there() {
        return Value::Text(text.to_owned()).into();
    }
    plain(text, seek).unwrap_or_else(|why| {
        let decoded = DecoderReader::new(text.as_bytes(), &STANDARD);
        let encoded = read(serde_json::Deserializer::from_reader(decoded), seek);
        encoded.unwrap_or_else(|_| seek.not_json(&why))
    })
}

fn plain<'p>(text: &str, seek: Seek<'p>) -> Result<Found<'p>, Error> {
    read(serde_json::Deserializer::from_str(text), seek)
}

fn read<'p, 'de, R>(
    mut json: serde_json::Deserializer<R>,
    seek: Seek<'p>,
) -> Result<Found<'p>, Error>
where
    R: Read<'de>,
{
    let found = seek.deserialize(&mut json)?;
    json.end().map(|()| found)
}

impl<'de, 'p> DeserializeSeed<'de> for Seek<'p> {
    type Value = Found<'p>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found<'p>, D::Error> {
        if self.is_there() {
            let raw = Box::<RawValue>::deserialize(deserializer)?;
            return Ok(canonical::value(raw.get()).into());
        }
        deserializer.deserialize_any(self)
    }
}

macro_rules! scalars {
    ($($visit:ident($type:ty) => $value:expr,)*) => {
        $(fn $visit<E>(self, _: $type) -> Result<Found<'p>, E> {
            Ok(self.stop($value))
        })*
    };
}

/// What lies on the path, and is not its end.
impl<'de, 'p> Visitor<'de> for Seek<'p> {
    type Value = Found<'p>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    scalars! {
        visit_bool(bool) => Value::Bool(true),
        visit_f64(f64) => Value::Number(String::new()),
        visit_i64(i64) => Value::Number(String::new()),
        visit_u64(u64) => Value::Number(String::new()),
    }

    fn visit_unit<E>(self) -> Result<Found<'p>, E> {
        Ok(self.stop(Value::Null))
    }

    fn visit_str<E>(self, text: &str) -> Result<Found<'p>, E> {
        Ok(string(text, self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Found<'p>, A::Error> {
        let mut elements = Elements::of(self);
        while let Some(found) = array.next_element_seed(Slot(elements.next()))? {
            elements.put(found);
        }
        Ok(elements.done())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Found<'p>, A::Error> {
        let mut entries = Entries::of(self);
        while let Some(slot) = object.next_key_seed(Key(&entries))? {
            entries.put(object.next_value_seed(slot)?);
        }
        Ok(entries.done())
    }
}

/// A value that is entered if it lies on the path, and else skipped.
struct Slot<'p>(Option<Seek<'p>>);

impl<'de, 'p> DeserializeSeed<'de> for Slot<'p> {
    type Value = Option<Found<'p>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self.0 {
            Some(seek) => seek.deserialize(deserializer).map(Some),
            None => IgnoredAny::deserialize(deserializer).map(|_| None),
        }
    }
}

/// A key, which tells where its value lies.
struct Key<'a, 'p>(&'a Entries<'p>);

impl<'de, 'p> DeserializeSeed<'de> for Key<'_, 'p> {
    type Value = Slot<'p>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Slot<'p>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'p> Visitor<'_> for Key<'_, 'p> {
    type Value = Slot<'p>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Slot<'p>, E> {
        Ok(Slot(self.0.next(key)))
    }
}
