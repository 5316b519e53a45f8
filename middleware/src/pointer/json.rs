//! Following the pointer into a string that holds JSON.
//!
//! The text is read to its end, for what follows may break it or name a key again; but what does
//! not lie on the path is only skipped, never kept.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::de::Read;
use serde_json::{Error, Number, Value as Json};

use super::base64;
use super::found::{Found, Value};
use super::inside::{Elements, Entries};
use super::seek::{Reading, Seek};

/// What is found in the string `text` at `seek`.
pub(super) fn string<'p>(text: &str, seek: Seek<'p>) -> Found<'p> {
    match seek.string() {
        Reading::Text => Value::Text(text.to_owned()).into(),
        Reading::Json => document(text, seek.reading(Reading::Text)),
        Reading::Digits => seek.stop(text.parse::<Number>().map_or(Value::Object, Value::number)),
    }
}

/// What is found in the JSON `text`, which stands at `seek`, or in the JSON that it is in base64.
fn document<'p>(text: &str, seek: Seek<'p>) -> Found<'p> {
    let seek = seek.reading(Reading::Text);
    let plain = read(serde_json::Deserializer::from_str(text), seek);
    plain.unwrap_or_else(|why| in_base64(text, seek).unwrap_or_else(|| seek.not_json(&why)))
}

fn in_base64<'p>(text: &str, seek: Seek<'p>) -> Option<Found<'p>> {
    let json = base64::decoded(text)?;
    read(serde_json::Deserializer::from_reader(json), seek).ok()
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
        deserializer.deserialize_any(self)
    }
}

macro_rules! scalars {
    ($($visit:ident($type:ty) => $value:path,)*) => {
        $(fn $visit<E>(self, value: $type) -> Result<Found<'p>, E> {
            Ok(self.stop($value(value)))
        })*
    };
}

impl<'de, 'p> Visitor<'de> for Seek<'p> {
    type Value = Found<'p>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    scalars! {
        visit_bool(bool) => Value::Bool,
        visit_f64(f64) => Value::number,
        visit_i64(i64) => Value::number,
        visit_u64(u64) => Value::number,
    }

    fn visit_unit<E>(self) -> Result<Found<'p>, E> {
        Ok(self.stop(Value::Null))
    }

    fn visit_str<E>(self, text: &str) -> Result<Found<'p>, E> {
        Ok(string(text, self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Found<'p>, A::Error> {
        if self.is_there() {
            return whole(SeqAccessDeserializer::new(array));
        }
        let mut elements = Elements::of(self);
        while let Some(found) = array.next_element_seed(Slot(elements.next()))? {
            elements.put(found);
        }
        Ok(elements.done())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Found<'p>, A::Error> {
        if self.is_there() {
            return whole(MapAccessDeserializer::new(object));
        }
        let mut entries = Entries::of(self);
        while let Some(slot) = object.next_key_seed(Key(&mut entries))? {
            entries.put(object.next_value_seed(slot)?);
        }
        Ok(entries.done())
    }
}

/// The array or object that the pointer names.
fn whole<'de, 'p, D: Deserializer<'de>>(value: D) -> Result<Found<'p>, D::Error> {
    Json::deserialize(value).map(|json| Value::from(json).into())
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
struct Key<'a, 'p>(&'a mut Entries<'p>);

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
        Ok(Slot(self.0.next(|name| name.is(key))))
    }
}
