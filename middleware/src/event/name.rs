//! The name of a lock, from the values that stand in the event for it.
//!
//! No two lists of values have the same name, and no name is longer than a key may be:
//!
//! ```text
//! 42                                          one value, as it is: text, number or boolean
//! t1#42                                       several; in each `%` is written `%25`, and `#` `%23`
//! sha256:dc05...                              an object or array: the hash of its canonical form
//! %sha256:dc05...                             a text that would look like one
//! a long text that goes on and...sha256:9a3f  what is too long: its beginning, the hash of it all
//! ```
//!
//! A number counts by its digits, and so names the same lock as a text of the same digits: of two
//! senders that do not agree on the type neither works beside the other.

use dynamodb_locks::Key;
use sha2::{Digest, Sha256};

/// A value that stands in the event.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// A text, a number or a boolean, as text.
    Text(String),
    /// An object or an array, in its canonical form.
    Whole(String),
}

/// What a hash begins with.
const MARK: &str = "sha256:";

/// How much of a hash is kept: two values do not share it by chance.
const HASH_BYTES: usize = 16;

/// How long a name may be, in bytes, that is not cut. What is cut is longer, and so never the same.
const LONGEST: usize = Key::MAX_BYTES - MARK.len() - 2 * HASH_BYTES;

/// The name of the lock for one value or several.
pub(crate) fn name(parts: &[Part]) -> String {
    cut(match parts {
        [only] => one(only),
        several => several.iter().map(joint).collect::<Vec<_>>().join("#"),
    })
}

fn one(part: &Part) -> String {
    match part {
        Part::Text(text) if text.trim_start_matches('%').starts_with(MARK) => format!("%{text}"),
        Part::Text(text) => text.clone(),
        Part::Whole(canonical) => hash(canonical),
    }
}

/// A value beside others: the sign between them is in none of them.
fn joint(part: &Part) -> String {
    match part {
        Part::Text(_) => one(part).replace('%', "%25").replace('#', "%23"),
        Part::Whole(_) => one(part),
    }
}

fn cut(name: String) -> String {
    if name.len() <= LONGEST {
        return name;
    }
    let begin = &name[..name.floor_char_boundary(LONGEST)];
    format!("{begin}{}", hash(&name))
}

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text);
    let digits = digest.iter().take(HASH_BYTES);
    let digits = digits.map(|byte| format!("{byte:02x}"));
    [MARK.to_owned()].into_iter().chain(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Part {
        Part::Text(text.to_owned())
    }

    fn whole(canonical: &str) -> Part {
        Part::Whole(canonical.to_owned())
    }

    #[test]
    fn one_text_is_the_name() {
        for plain in ["42", "order/42", "50%", "a#b", "%", "sha256", "x sha256:1"] {
            assert_eq!(name(&[text(plain)]), plain);
        }
    }

    #[test]
    fn several_texts_are_joined_without_doubt() {
        let joined = |a: &str, b: &str| name(&[text(a), text(b)]);
        assert_eq!(joined("x", "y"), "x#y");
        assert_eq!(joined("x#y", "z%"), "x%23y#z%25");
        assert_ne!(joined("x#y", "z"), joined("x", "y#z"));
        assert_ne!(joined("x%23", "y"), joined("x#", "y"));
    }

    #[test]
    fn an_object_is_named_by_its_hash() {
        // printf '{"a":1}' | sha256sum
        let hash = "sha256:015abd7f5cc57a2dd94b7590f04ad808";
        assert_eq!(name(&[whole(r#"{"a":1}"#)]), hash);
        assert_eq!(name(&[text("t"), whole(r#"{"a":1}"#)]), format!("t#{hash}"));
    }

    #[test]
    fn no_text_passes_for_a_hash() {
        let hash = name(&[whole("{}")]);
        let mut names = vec![hash.clone()];
        for percents in 0..4 {
            names.push(name(&[text(&format!("{}{hash}", "%".repeat(percents)))]));
        }
        assert_eq!(names[1], format!("%{hash}"));
        let joint = |part: Part| name(&[part, text("x")]);
        let mut joints = vec![joint(whole("{}")), joint(text(&hash))];
        joints.push(joint(text(&format!("%{hash}"))));
        joints.push(joint(text(&format!("%25{hash}"))));
        for names in [&mut names, &mut joints] {
            let many = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), many, "{names:?}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_beginning() {
        let fits = "x".repeat(LONGEST);
        assert_eq!(name(&[text(&fits)]), fits);
        let long = name(&[text(&format!("{fits}y"))]);
        assert!(long.starts_with(&format!("{fits}{MARK}")), "{long}");
        assert_eq!(long.len(), Key::MAX_BYTES);
        assert_ne!(long, name(&[text(&format!("{fits}z"))]));
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        for shift in 0..4 {
            let text = text(&format!("{}{}", "x".repeat(shift), "🔒".repeat(LONGEST)));
            let name = name(&[text]);
            assert!((LONGEST + 1..=Key::MAX_BYTES).contains(&name.len()));
        }
    }
}
