//! The pointer beside a DOM: both find the same.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde::ser::Serializer;
use serde_json::{Value as Json, json};

use super::find;

/// Asserts that every pointer into `event`, and some that lead out of it, find what they find in
/// a DOM. No string in it may hold JSON, which a DOM does not go into.
fn agrees<T: Serialize + ?Sized>(event: &T) {
    let dom = serde_json::to_value(event).expect("the test's event serializes");
    for pointer in pointers(&dom) {
        let (mut text, batch) = find(event, &pointer);
        text.truncate(text.find(" from ").unwrap_or(text.len()));
        assert_eq!((text, batch), find_in(&dom, &pointer), "{pointer} in {dom}");
    }
}

fn find_in(dom: &Json, pointer: &str) -> (String, Option<usize>) {
    let text = match dom.pointer(pointer) {
        None => "missing".to_owned(),
        Some(value) => value.to_string(),
    };
    let batch = pointer.match_indices('/').find_map(|(end, _)| {
        let array = dom.pointer(&pointer[..end])?.as_array()?;
        let token = pointer[end + 1..].split('/').next()?;
        let named = token
            .parse()
            .is_ok_and(|index: usize| index.to_string() == token);
        (named && array.len() > 1).then_some(array.len())
    });
    (text, batch)
}

/// The pointers to every value inside `dom`, and to a few that are not there.
fn pointers(dom: &Json) -> Vec<String> {
    let mut pointers: Vec<_> = ["", "x", "0", "00", "+0", "-", "9"]
        .map(|token| format!("/{token}"))
        .into();
    let inside: Vec<(String, &Json)> = match dom {
        Json::Array(array) => (0..array.len()).map(|i| i.to_string()).zip(array).collect(),
        Json::Object(object) => object
            .iter()
            .map(|(key, value)| (key.clone(), value))
            .collect(),
        _ => return pointers,
    };
    for (key, value) in inside {
        let token = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
        pointers.extend(
            self::pointers(value)
                .iter()
                .map(|rest| format!("{token}{rest}")),
        );
        pointers.push(token);
    }
    pointers
}

/// Every shape that serde knows.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Zoo {
    small_numbers: (u8, i8, u16, i16, u32, i32),
    large_numbers: (u64, i64, u128, i128),
    floats: [f64; 5],
    float: f32,
    letter: char,
    text: &'static str,
    truth: bool,
    nothing: (),
    unit: Unit,
    some: Option<Option<u8>>,
    none: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<u8>,
    #[serde(serialize_with = "bytes")]
    bytes: [u8; 3],
    newtype: Newtype,
    pair: Pair,
    variants: Vec<Variant>,
    by_name: BTreeMap<&'static str, u8>,
    by_number: BTreeMap<i32, Variant>,
    by_truth: HashMap<bool, u8>,
    by_letter: HashMap<char, u8>,
    by_variant: BTreeMap<Side, u8>,
    tagged: Option<Tagged>,
    adjacent: Vec<Adjacent>,
    untagged: Vec<Untagged>,
    #[serde(flatten)]
    rest: BTreeMap<String, Vec<u8>>,
}

#[derive(Default, Serialize)]
struct Unit;

#[derive(Default, Serialize)]
struct Newtype(Vec<(u8, ())>);

#[derive(Default, Serialize)]
struct Pair(u8, &'static str);

#[derive(Serialize)]
enum Variant {
    Unit,
    Newtype(Pair),
    Tuple(u8, Side),
    Struct { side: Side, more: Vec<u8> },
}

#[derive(Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    Left,
    Right,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Tagged {
    Of(BTreeMap<String, u8>),
}

#[derive(Serialize)]
#[serde(tag = "type", content = "of")]
enum Adjacent {
    Unit,
    Pair(u8, u8),
}

#[derive(Serialize)]
#[serde(untagged)]
enum Untagged {
    Number(u8),
    Struct { id: u8 },
}

fn bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

#[test]
fn every_shape_is_found_as_in_a_dom() {
    agrees(&Zoo::default());
    agrees(&Zoo {
        small_numbers: (u8::MAX, i8::MIN, u16::MAX, i16::MIN, u32::MAX, i32::MIN),
        large_numbers: (u64::MAX, i64::MIN, 1 << 63, -1 << 63),
        floats: [-0.0, 1.5, 1e300, f64::NAN, f64::INFINITY],
        float: 0.5,
        letter: '"',
        text: "say \"é\" \\ \u{0}",
        some: Some(Some(1)),
        skipped: Some(2),
        bytes: [1, 2, 3],
        newtype: Newtype(vec![(3, ())]),
        variants: vec![
            Variant::Unit,
            Variant::Newtype(Pair(4, "x")),
            Variant::Tuple(5, Side::Left),
            Variant::Struct {
                side: Side::Right,
                more: vec![6, 7],
            },
        ],
        by_name: BTreeMap::from([
            ("", 1),
            ("a/b", 2),
            ("~", 3),
            ("~1", 4),
            ("ab", 5),
            ("a", 6),
        ]),
        by_number: BTreeMap::from([(-1, Variant::Unit), (10, Variant::Newtype(Pair(8, "y")))]),
        by_truth: HashMap::from([(true, 1), (false, 2)]),
        by_letter: HashMap::from([('/', 1), ('é', 2)]),
        by_variant: BTreeMap::from([(Side::Left, 1), (Side::Right, 2)]),
        tagged: Some(Tagged::Of(BTreeMap::from([("id".to_owned(), 1)]))),
        adjacent: vec![Adjacent::Unit, Adjacent::Pair(1, 2)],
        untagged: vec![Untagged::Number(1), Untagged::Struct { id: 2 }],
        rest: BTreeMap::from([("rest".to_owned(), vec![1, 2])]),
        ..Zoo::default()
    });
}

#[test]
fn a_scalar_has_the_digits_that_serde_json_writes() {
    assert_eq!(find(&[0.1_f32], "/0").0, "0.1");
    assert_eq!(
        find(&[1e21], "/0").0,
        serde_json::to_string(&1e21).expect("a number")
    );
    assert_eq!(find(&[u128::MAX], "/0").0, u128::MAX.to_string());
    assert_eq!(find(&[i128::MIN], "/0").0, i128::MIN.to_string());
}

#[test]
fn any_event_is_found_as_in_a_dom() {
    for seed in 1..500 {
        agrees(&Random(seed).json(4));
    }
}

#[test]
fn json_in_a_string_is_found_as_if_it_were_not_in_one() {
    for seed in 1..500 {
        let body = Random(seed).json(4);
        let (plain, wrapped) = (json!([body]), json!([body.to_string()]));
        for pointer in pointers(&plain).iter().filter(|pointer| *pointer != "/0") {
            let (plain, wrapped) = (find(&plain, pointer), find(&wrapped, pointer));
            assert_eq!(plain, wrapped, "seed {seed}: {pointer} in {body}");
        }
    }
}

/// A xorshift generator, so that a failing seed can be run again.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn one_of<T: Clone>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())].clone()
    }

    /// A value of at most `depth` levels.
    fn json(&mut self, depth: usize) -> Json {
        let len = self.below(4);
        match self.below(if depth == 0 { 3 } else { 6 }) {
            0 => self.one_of(&[json!(null), json!(true), json!(false)]),
            1 => self.one_of(&[
                json!(0),
                json!(-7),
                json!(u64::MAX),
                json!(0.1),
                json!(1e-9),
            ]),
            2 => self.one_of(&[json!(""), json!("text"), json!("é\n\"\\"), json!("0a")]),
            3 => (0..len).map(|_| self.json(depth - 1)).collect(),
            _ => (0..len)
                .map(|_| (self.key(), self.json(depth - 1)))
                .collect(),
        }
    }

    fn key(&mut self) -> String {
        self.one_of(&["", "a", "ab", "a/b", "~", "~0", "0", "1", "é", "\"\n"])
            .to_owned()
    }
}
