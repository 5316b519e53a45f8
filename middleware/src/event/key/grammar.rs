//! The grammar of `LOCKS_KEY`.
//!
//! ```text
//! rule     = part *( "," part )
//! part     = pointer | "@tenant" | "@function" | "@source" | "@request-id" | constant
//! pointer  = "/" token *( "/" token )      a JSON pointer without commas; `/Records/*/..` and `/records/*/*/..` lead
//!                                          into each record of a batch
//! constant = "'" text "'"                  in it, `''` is one quote
//! ```

use std::error::Error;
use std::fmt;

use super::{KeyRule, Term};
use crate::event::pointer::{Pointer, PointerError};

/// Why a text is no rule for a key.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyRuleError {
    /// A part is no pointer to a key.
    Pointer(PointerError),
    /// A part starts with `@`, and no such word is known.
    Word(String),
    /// A constant has no closing quote, no text, or something behind it.
    Constant(String),
}

pub(super) fn parse(text: &str) -> Result<KeyRule, KeyRuleError> {
    let mut terms = Vec::new();
    let mut rest = Some(text);
    while let Some(text) = rest {
        let (term, behind) = term(text.trim_start())?;
        terms.push(term);
        rest = behind;
    }
    let rule = KeyRule {
        terms,
        variable: "LOCKS_KEY",
    };
    match rule.pointer_outside_records() {
        Some(outside) if rule.is_of_records() => {
            let outside = PointerError::NotInRecord(outside.to_string());
            Err(KeyRuleError::Pointer(outside))
        }
        _ => Ok(rule),
    }
}

/// The first part of a text, and what stands behind the comma after it.
fn term(text: &str) -> Result<(Term, Option<&str>), KeyRuleError> {
    if let Some(quoted) = text.strip_prefix('\'') {
        return constant(text, quoted);
    }
    let (part, rest) = match text.split_once(',') {
        Some((part, rest)) => (part, Some(rest)),
        None => (text, None),
    };
    let term = match part.trim_end() {
        "@tenant" => Term::Tenant,
        "@function" => Term::Function,
        "@source" => Term::Source,
        "@request-id" => Term::RequestId,
        word if word.starts_with('@') => return Err(KeyRuleError::Word(word.to_owned())),
        pointer => {
            let parsed = match Pointer::parse_in_record(pointer) {
                Some(in_record) => in_record.map(Term::InRecord),
                None => Pointer::parse(pointer).map(Term::Pointer),
            };
            parsed.map_err(KeyRuleError::Pointer)?
        }
    };
    Ok((term, rest))
}

fn constant<'a>(text: &str, quoted: &'a str) -> Result<(Term, Option<&'a str>), KeyRuleError> {
    let wrong = || KeyRuleError::Constant(text.to_owned());
    let mut constant = String::new();
    let mut rest = quoted;
    loop {
        let (part, behind) = rest.split_once('\'').ok_or_else(wrong)?;
        constant.push_str(part);
        let Some(escaped) = behind.strip_prefix('\'') else {
            rest = behind.trim();
            break;
        };
        constant.push('\'');
        rest = escaped;
    }
    let rest = match rest {
        "" => None,
        rest => Some(rest.strip_prefix(',').ok_or_else(wrong)?),
    };
    match constant.is_empty() {
        true => Err(wrong()),
        false => Ok((Term::Constant(constant), rest)),
    }
}

impl fmt::Display for KeyRuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pointer(error) => error.fmt(f),
            Self::Word(word) => write!(
                f,
                "`{word}` is not known; the words are `@tenant`, `@function`, `@source` and `@request-id`"
            ),
            Self::Constant(text) => write!(
                f,
                "`{text}` is not a constant: it must be a text in single quotes, as in `'nightly'`"
            ),
        }
    }
}

impl Error for KeyRuleError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        parse(text).expect_err("no rule").to_string()
    }

    #[test]
    fn a_rule_is_shown_as_it_was_written() {
        for text in [
            "/orderId",
            "/a,/b",
            "@tenant,/orderId",
            "@function",
            "@request-id",
            "@source,'it''s, nightly',/a~1b",
        ] {
            assert_eq!(parse(text).expect("a rule").to_string(), text);
        }
        let spaced = parse(" @tenant , 'x' , /id ").expect("a rule");
        assert_eq!(spaced.to_string(), "@tenant,'x',/id");
    }

    #[test]
    fn a_word_that_is_not_known_is_refused() {
        for word in ["@", "@tenants", "@Tenant", "@tenant/id"] {
            let words = "the words are `@tenant`, `@function`, `@source` and `@request-id`";
            assert_eq!(refused(word), format!("`{word}` is not known; {words}"));
        }
    }

    #[test]
    fn a_constant_has_quotes_and_a_text() {
        for text in ["'", "''", "'nightly", "'nightly' x", "'a'b", "'nightly'/id"] {
            assert!(refused(text).contains("single quotes"), "{text}");
        }
        assert!(refused("nightly").contains("must start with `/`"));
        assert!(refused("'nightly',").contains("an empty JSON pointer"));
    }
}
