//! Key pairs: Ed25519, in the PEM forms that other tools read and write.

use std::fmt::Write as _;

use pem::{EncodeConfig, LineEnding, Pem};
use ring::{
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use sha2::{Digest as _, Sha256};

/// What stands before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
const PRIVATE: &str = "PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";

/// A key can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is not PEM.
    #[error("it is no PEM file: {0}")]
    NotPem(String),
    /// It is something else.
    #[error("it holds a `{found}`, and not a `{expected}`")]
    OtherKind {
        /// What it holds.
        found: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// It is protected by a passphrase.
    #[error("it is encrypted; keys with a passphrase are not supported")]
    Encrypted,
    /// It is of another algorithm, or broken.
    #[error("it is no Ed25519 key")]
    NotEd25519,
    /// This machine gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandom,
}

/// The private half, which signs.
#[derive(Debug)]
pub struct SigningKey {
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// A new key pair and the PEM text that keeps it.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn generate() -> Result<(Self, String), KeyError> {
        let document =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError::NoRandom)?;
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).map_err(|_| KeyError::NotEd25519)?;
        Ok((Self { pair }, encode(PRIVATE, document.as_ref())))
    }

    /// Reads a key as [`generate`](Self::generate) or `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        let der = decode(text, PRIVATE)?;
        // Of keys without their public half, as OpenSSL writes them, there is none to compare.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| KeyError::NotEd25519)?;
        Ok(Self { pair })
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        VerifyingKey { bytes }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

/// The public half, which verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    bytes: [u8; 32],
}

impl VerifyingKey {
    /// Reads a key as [`to_pem`](Self::to_pem) or `openssl pkey -pubout` writes it.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        let der = decode(text, PUBLIC)?;
        let key = der.strip_prefix(&SPKI_PREFIX).ok_or(KeyError::NotEd25519)?;
        let bytes = key.try_into().map_err(|_| KeyError::NotEd25519)?;
        Ok(Self { bytes })
    }

    /// As a PEM file.
    #[must_use]
    pub fn to_pem(&self) -> String {
        encode(PUBLIC, &self.spki())
    }

    /// What names the key: the digest of its SubjectPublicKeyInfo.
    #[must_use]
    pub fn id(&self) -> String {
        hex(&Sha256::digest(self.spki()))
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.bytes)
            .verify(message, signature)
            .is_ok()
    }

    fn spki(&self) -> Vec<u8> {
        [&SPKI_PREFIX[..], &self.bytes].concat()
    }
}

fn encode(kind: &str, der: &[u8]) -> String {
    pem::encode_config(
        &Pem::new(kind, der),
        EncodeConfig::new().set_line_ending(LineEnding::LF),
    )
}

fn decode(text: &[u8], expected: &'static str) -> Result<Vec<u8>, KeyError> {
    let pem = pem::parse(text).map_err(|error| KeyError::NotPem(error.to_string()))?;
    match pem.tag() {
        found if found == expected => Ok(pem.into_contents()),
        found if found.starts_with("ENCRYPTED") => Err(KeyError::Encrypted),
        found => Err(KeyError::OtherKind {
            found: found.to_owned(),
            expected,
        }),
    }
}

/// Bytes as people write digests.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Written by `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout`.
    const OPENSSL_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA0TwHIfOFWljV7N/GYaVhagAjxS9/fFkhPGt6tt5t58\n-----END PRIVATE KEY-----\n";
    const OPENSSL_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAP2XsrHXD8S0jt54CDNcjd4Rstf5/LcIYw5NN8o3waXA=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn a_key_pair_comes_back_from_its_files() {
        let (key, private) = SigningKey::generate().unwrap();
        let public = key.verifying_key();
        let again = SigningKey::from_pem(private.as_bytes()).unwrap();
        assert_eq!(again.verifying_key(), public);
        assert_eq!(
            VerifyingKey::from_pem(public.to_pem().as_bytes()),
            Ok(public.clone())
        );
        assert!(public.verifies(b"text", &again.sign(b"text")));
        assert!(!public.verifies(b"other", &again.sign(b"text")));
    }

    #[test]
    fn keys_of_openssl_are_read() {
        let key = SigningKey::from_pem(OPENSSL_PRIVATE.as_bytes()).unwrap();
        let public = VerifyingKey::from_pem(OPENSSL_PUBLIC.as_bytes()).unwrap();
        assert_eq!(key.verifying_key(), public);
        assert_eq!(public.to_pem(), OPENSSL_PUBLIC);
    }

    #[test]
    fn what_is_no_key_says_what_it_is() {
        let swapped = VerifyingKey::from_pem(OPENSSL_PRIVATE.as_bytes()).unwrap_err();
        assert_eq!(
            swapped.to_string(),
            "it holds a `PRIVATE KEY`, and not a `PUBLIC KEY`"
        );
        let encrypted = encode("ENCRYPTED PRIVATE KEY", b"x");
        assert_eq!(
            SigningKey::from_pem(encrypted.as_bytes()).unwrap_err(),
            KeyError::Encrypted
        );
        let other = encode(PUBLIC, &[0; 44]);
        assert_eq!(
            VerifyingKey::from_pem(other.as_bytes()).unwrap_err(),
            KeyError::NotEd25519
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_a_key_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = SigningKey::from_pem(&bytes);
            let _ = VerifyingKey::from_pem(&bytes);
            let _ = VerifyingKey::from_pem(encode(PUBLIC, &bytes).as_bytes());
            let _ = SigningKey::from_pem(encode(PRIVATE, &bytes).as_bytes());
        }
    }
}
