//! Random events, and pointers that lead somewhere in them, or nearly.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use crate::dom::opened;

pub(crate) struct Random(Rng);

/// Names of members, a few of which mean something, or are hard to write in a pointer.
const NAMES: [&str; 14] = [
    "",
    "a",
    "A",
    "ab",
    "b",
    "x/y",
    "~",
    "~1",
    "0",
    "1",
    "é",
    "headers",
    "Headers",
    "multiValueHeaders",
];

/// Texts that could be taken for something else.
const TEXTS: [&str; 18] = [
    "", "a", "b", "42", "1", "-0", "true", "null", "#", "%", "a#b", "%23", "%25", "sha256:",
    "%sha256:", "{}", "[1]", "Zm9v",
];

/// Names that lead nowhere, most of the time.
const ASTRAY: [&str; 7] = ["/x", "/00", "/+0", "/-", "/1", "/2", "/"];

pub(crate) fn base64(text: &str) -> String {
    aws_smithy_types::base64::encode(text)
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    pub(crate) fn event(&mut self) -> Value {
        self.inside(4)
    }

    /// One pointer or several.
    pub(crate) fn pointers(&mut self, event: &Value) -> Vec<String> {
        let many = self.one_of(&[1, 1, 2, 3]);
        (0..many).map(|_| self.pointer(event)).collect()
    }

    fn one_of<T: Clone>(&mut self, values: &[T]) -> T {
        values[self.0.usize(..values.len())].clone()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.0.u8(..10) {
            0..4 if depth > 0 => self.inside(depth - 1),
            4 if depth > 0 => Value::from(self.value(depth - 1).to_string()),
            5 if depth > 0 => Value::from(base64(&self.value(depth - 1).to_string())),
            _ => self.scalar(),
        }
    }

    /// An object or an array.
    fn inside(&mut self, depth: usize) -> Value {
        let many = self.0.usize(..4);
        if self.0.u8(..4) == 0 {
            let many = many.min(self.0.usize(..3));
            return (0..many).map(|_| self.value(depth)).collect();
        }
        let members = (0..many + 1).map(|_| (self.one_of(&NAMES).to_owned(), self.value(depth)));
        Value::Object(members.collect::<Map<_, _>>())
    }

    fn scalar(&mut self) -> Value {
        match self.0.u8(..12) {
            0 => Value::Null,
            1 => Value::from(self.0.bool()),
            2 => Value::from(self.0.i8(..)),
            3 => Value::from(self.0.u64(..)),
            // With few digits: not every other float is read again as what was written.
            4 => json!(f64::from(self.0.i16(..)) / 8.0),
            5 => json!(self.one_of(&[0.0, -0.0, 1.0, 1e21, 1e-9])),
            6 => Value::from(self.long()),
            7 => Value::from(format!("{}{}", self.one_of(&TEXTS), self.one_of(&TEXTS))),
            _ => Value::from(self.one_of(&TEXTS)),
        }
    }

    /// A text about as long as a key may be, and of few kinds: beginnings are often the same.
    fn long(&mut self) -> String {
        let part = self.one_of(&["x", "é", "🔒", "%"]);
        let bytes = self.0.usize(1990..2070);
        let ending = self.one_of(&["", "y", "sha256:00000000000000000000000000000000"]);
        part.repeat(bytes / part.len()) + ending
    }

    fn pointer(&mut self, event: &Value) -> String {
        let mut pointer = String::new();
        let mut at = event.clone();
        loop {
            let ends = !pointer.is_empty() && self.0.u8(..4) == 0;
            let Some((token, next)) = self.step(&at).filter(|_| !ends) else {
                break;
            };
            pointer.extend(["/", &token.replace('~', "~0").replace('/', "~1")]);
            at = next;
        }
        if pointer.is_empty() || self.0.u8(..12) == 0 {
            pointer.push_str(self.one_of(&ASTRAY));
        }
        pointer
    }

    /// A token that leads on from `value`, and where to.
    fn step(&mut self, value: &Value) -> Option<(String, Value)> {
        match value {
            Value::Array(values) if !values.is_empty() => {
                let index = self.0.usize(..values.len());
                Some((index.to_string(), values[index].clone()))
            }
            Value::Object(members) if !members.is_empty() => {
                let members: Vec<_> = members.iter().collect();
                let (name, value) = self.one_of(&members);
                let name = match self.0.u8(..4) {
                    0 => name.to_ascii_uppercase(),
                    _ => name.clone(),
                };
                Some((name, value.clone()))
            }
            Value::String(text) if self.0.u8(..4) > 0 => self.step(&opened(text)?),
            _ => None,
        }
    }
}
