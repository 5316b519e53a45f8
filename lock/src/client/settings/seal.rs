//! Sealing: what is stored of responses is encrypted by the caller's own code.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::key::Key;
use crate::protocol::entry::Ticket;
use crate::protocol::operation_id::OperationId;

/// Encrypts the responses that are stored, and decrypts them for duplicates: in the table and in the journal nobody reads
/// them without the key.
///
/// `about` names the lock, the operation and the run that a response belongs to. Bind the ciphertext to it, as the
/// associated data of an AEAD for instance: then nobody can pass the response of one operation off as that of another.
///
/// Both functions run on the task of the lock, so they do not wait: fetch the data key at the start.
///
/// ```
/// # struct Aes;
/// # type Failed = Box<dyn std::error::Error + Send + Sync>;
/// # impl Aes {
/// #     fn encrypt(&self, plain: &[u8], _about: &[u8]) -> Result<Vec<u8>, Failed> { Ok(plain.to_vec()) }
/// #     fn decrypt(&self, sealed: &[u8], _about: &[u8]) -> Result<Vec<u8>, Failed> { Ok(sealed.to_vec()) }
/// # }
/// use dynamodb_locks::{Seal, Settings};
///
/// struct WithDataKey(Aes);
///
/// impl Seal for WithDataKey {
///     fn seal(&self, response: &[u8], about: &str) -> Result<Vec<u8>, Failed> {
///         self.0.encrypt(response, about.as_bytes())
///     }
///
///     fn open(&self, sealed: &[u8], about: &str) -> Result<Vec<u8>, Failed> {
///         self.0.decrypt(sealed, about.as_bytes())
///     }
/// }
///
/// let settings = Settings::new().seal(WithDataKey(Aes));
/// # let _ = settings;
/// ```
pub trait Seal: Send + Sync {
    /// Encrypts a response.
    ///
    /// # Errors
    ///
    /// The response is not stored then; the operation counts as done.
    fn seal(&self, response: &[u8], about: &str) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>>;

    /// Decrypts a response.
    ///
    /// # Errors
    ///
    /// A duplicate learns then that the operation is done, and that its response is gone.
    fn open(&self, sealed: &[u8], about: &str) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>>;
}

/// The caller's encryption, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Sealing(Option<Arc<dyn Seal>>);

impl Sealing {
    pub(super) fn by(seal: impl Seal + 'static) -> Self {
        Self(Some(Arc::new(seal)))
    }

    /// A response as it is stored, encrypted and as text; `None` where responses are stored as they are.
    pub(crate) fn seal(
        &self,
        key: &Key,
        operation: OperationId,
        run: Ticket,
        response: &str,
    ) -> Option<Result<String, Box<dyn Error + Send + Sync>>> {
        let seal = self.0.as_deref()?;
        let sealed = seal.seal(response.as_bytes(), &about(key, operation, run));
        Some(sealed.map(|sealed| STANDARD_NO_PAD.encode(sealed)))
    }

    /// The response that was stored as this text.
    pub(crate) fn open(
        &self,
        key: &Key,
        operation: OperationId,
        run: Ticket,
        stored: &str,
    ) -> Result<String, Box<dyn Error + Send + Sync>> {
        let seal = self.0.as_deref();
        let seal = seal.ok_or("it is sealed, and this client has no `Settings::seal`")?;
        let sealed = STANDARD_NO_PAD.decode(stored)?;
        let response = seal.open(&sealed, &about(key, operation, run))?;
        Ok(String::from_utf8(response)?)
    }
}

/// A key may hold any character, so it comes last.
fn about(key: &Key, operation: OperationId, run: Ticket) -> String {
    format!("{operation}/{}/{}", run.0, key.as_str())
}

impl fmt::Debug for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Sealed" } else { "Plain" })
    }
}
