//! What names an operation, and what tells two requests for it apart: hashes, as text that may name an attribute.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Names an operation among all that are done under one lock: 96 bits of a hash.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct OperationId([u8; 16]);

/// What tells two requests with the same idempotency key apart: 64 bits of a hash.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Fingerprint([u8; 11]);

impl OperationId {
    /// The id with these bits.
    #[must_use]
    pub fn of(bits: [u8; 12]) -> Self {
        let mut text = [0; 16];
        let written = URL_SAFE_NO_PAD.encode_slice(bits, &mut text);
        debug_assert_eq!(written, Ok(16), "twelve bytes are sixteen characters");
        Self(text)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Fingerprint {
    /// The fingerprint with these bits.
    #[must_use]
    pub fn of(bits: [u8; 8]) -> Self {
        let mut text = [0; 11];
        let written = URL_SAFE_NO_PAD.encode_slice(bits, &mut text);
        debug_assert_eq!(written, Ok(11), "eight bytes are eleven characters");
        Self(text)
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for OperationId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        encoded(text).map(Self)
    }
}

impl FromStr for Fingerprint {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        encoded(text).map(Self)
    }
}

/// A text of this length in the alphabet of the ids.
fn encoded<const LENGTH: usize>(text: &str) -> Result<[u8; LENGTH], ()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    match text.bytes().all(plain) {
        true => text.as_bytes().try_into().map_err(drop),
        false => Err(()),
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OperationId({self})")
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_alphabet_of_attribute_names() {
        let id = OperationId::of([255; 12]);
        assert_eq!(id.to_string(), "________________");
        assert_eq!(id.as_str().parse(), Ok(id));
        assert!("0123456789abcde+".parse::<OperationId>().is_err());
        assert!("short".parse::<OperationId>().is_err());
    }
}
