//! Text in base64, decoded while it is read.
//!
//! Kinesis gives its data so, and API Gateway a body that it does not take for text. Only a small
//! buffer of it is ever decoded, however long the text is.

use std::io::{Error, ErrorKind, Read, Result};
use std::ops::Range;

/// The characters of a group, and the bytes that they stand for.
const CHARACTERS: usize = 4;
const BYTES: usize = 3;

/// What is decoded at a time, in bytes.
const BUFFER: usize = 256 * BYTES;

/// A text in standard base64 (RFC 4648, section 4, with its padding).
struct Decoder<'a> {
    groups: &'a [[u8; CHARACTERS]],
    buffer: [u8; BUFFER],
    ready: Range<usize>,
}

/// What `text` stands for, or `None` where its length is not that of base64.
pub(super) fn decoded(text: &str) -> Option<impl Read> {
    let (groups, []) = text.as_bytes().as_chunks() else {
        return None;
    };
    Some(Decoder {
        groups,
        buffer: [0; BUFFER],
        ready: 0..0,
    })
}

impl Read for Decoder<'_> {
    fn read(&mut self, to: &mut [u8]) -> Result<usize> {
        if self.ready.is_empty() {
            self.refill()?;
        }
        let ready = &self.buffer[self.ready.clone()];
        let many = ready.len().min(to.len());
        to[..many].copy_from_slice(&ready[..many]);
        self.ready.start += many;
        Ok(many)
    }
}

impl Decoder<'_> {
    fn refill(&mut self) -> Result<()> {
        let mut filled = 0;
        for room in self.buffer.as_chunks_mut::<BYTES>().0 {
            let Some((group, rest)) = self.groups.split_first() else {
                break;
            };
            let bytes = bytes(group, rest.is_empty());
            let (bytes, many) = bytes.ok_or_else(|| Error::from(ErrorKind::InvalidData))?;
            *room = bytes;
            filled += many;
            self.groups = rest;
        }
        self.ready = 0..filled;
        Ok(())
    }
}

/// The bytes of a group, and how many of them count: fewer only in the last one, by its padding.
fn bytes(group: &[u8; CHARACTERS], last: bool) -> Option<([u8; BYTES], usize)> {
    let (characters, many): (&[u8], _) = match group {
        [_, _, b'=', b'='] if last => (&group[..2], 1),
        [_, _, _, b'='] if last => (&group[..3], 2),
        _ => (group, BYTES),
    };
    let mut bits = 0;
    for character in characters {
        bits = bits << 6 | u32::from(six_bits(*character)?);
    }
    bits <<= 6 * (CHARACTERS - characters.len());
    let [_, a, b, c] = bits.to_be_bytes();
    Some(([a, b, c], many))
}

fn six_bits(character: u8) -> Option<u8> {
    Some(match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = decoded(text)?.read_to_end(&mut bytes);
        read.ok().map(|_| bytes)
    }

    #[test]
    fn the_examples_of_the_standard_are_decoded() {
        for (text, plain) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decode(text).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(decode("+/+/").as_deref(), Some(&[0xfb, 0xff, 0xbf][..]));
    }

    #[test]
    fn a_text_longer_than_the_buffer_is_decoded_to_its_end() {
        let text = "Zm9v".repeat(1000) + "Zm8=";
        let plain = "foo".repeat(1000) + "fo";
        assert_eq!(decode(&text).as_deref(), Some(plain.as_bytes()));
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in [
            "Z", "Zg", "Zg=", "Zg==Zg==", "Z===", "====", "Zm9-", "Zm 9", "Zm\n9", "é=",
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
