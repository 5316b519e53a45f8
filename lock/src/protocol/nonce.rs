//! The nonces that make acquisitions unique.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Random bits that make an acquisition unique, taken from the operating system for each one: a
/// process that was restored from a snapshot or forked must not repeat itself.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Nonce(u64);

/// Where nonces come from; it can be replaced, for tests and simulations.
#[derive(Clone)]
pub struct Nonces(Arc<dyn Fn() -> Nonce + Send + Sync>);

impl Nonce {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    const DIGITS: u32 = 8;

    /// The lowest forty bits of a number.
    #[must_use]
    pub fn new(bits: u64) -> Self {
        Self(bits & ((1 << (5 * Self::DIGITS)) - 1))
    }
}

impl Nonces {
    /// A caller's source. It must never return the same nonce twice.
    pub fn new(next: impl Fn() -> Nonce + Send + Sync + 'static) -> Self {
        Self(Arc::new(next))
    }

    /// The operating system's randomness.
    pub(crate) fn system() -> Self {
        Self::new(|| Nonce::new(getrandom::u64().unwrap_or_else(|_| fastrand::u64(..))))
    }

    pub(crate) fn next(&self) -> Nonce {
        (self.0)()
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces").finish_non_exhaustive()
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..Self::DIGITS).rev().try_for_each(|digit| {
            let index = (self.0 >> (5 * digit)) & 31;
            write!(f, "{}", char::from(Self::ALPHABET[index as usize]))
        })
    }
}

impl FromStr for Nonce {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.len() != Self::DIGITS as usize {
            return Err(());
        }
        text.bytes().try_fold(Self(0), |nonce, byte| {
            let digit = Self::ALPHABET
                .iter()
                .position(|&known| known == byte)
                .ok_or(())?;
            Ok(Self(nonce.0 << 5 | digit as u64))
        })
    }
}
