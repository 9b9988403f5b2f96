//! DSSE: an envelope with a text, and signatures over the text and its type.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use crate::{SigningKey, VerifyingKey};

/// The type of a payload that is an in-toto statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A signed text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// What the payload is.
    pub payload_type: String,
    /// The text, in base 64.
    payload: String,
    /// Who signed it.
    signatures: Vec<SignatureOf>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SignatureOf {
    #[serde(default)]
    keyid: String,
    sig: String,
}

impl Envelope {
    /// Signs an in-toto statement.
    #[must_use]
    pub fn sign(statement: &[u8], key: &SigningKey) -> Self {
        let signature = key.sign(&encoded(PAYLOAD_TYPE, statement));
        Self {
            payload_type: PAYLOAD_TYPE.to_owned(),
            payload: STANDARD.encode(statement),
            signatures: vec![SignatureOf {
                keyid: key.verifying_key().id(),
                sig: STANDARD.encode(signature),
            }],
        }
    }

    /// The text, if it is base 64; whoever signed it, if anybody.
    #[must_use]
    pub fn payload(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.payload).ok()
    }

    /// Whether a signature is by `key`, over exactly this text and type.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        let Some(payload) = self.payload() else {
            return false;
        };
        let message = encoded(&self.payload_type, &payload);
        let own = key.id();
        self.signatures
            .iter()
            // The id is only a hint, but a wrong one has been tampered with.
            .filter(|signature| signature.keyid.is_empty() || signature.keyid == own)
            .filter_map(|signature| STANDARD.decode(&signature.sig).ok())
            .any(|signature| key.verifies(&message, &signature))
    }
}

/// What is really signed: type and text with their lengths, so that neither can be taken for a part of the other.
fn encoded(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the DSSE specification.
    #[test]
    fn type_and_text_are_encoded_as_the_specification_says() {
        assert_eq!(
            encoded("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn a_signature_holds_for_its_text_type_and_key_alone() {
        let (key, _) = SigningKey::generate().unwrap();
        let (other, _) = SigningKey::generate().unwrap();
        let envelope = Envelope::sign(b"{}", &key);
        assert!(envelope.is_signed_by(&key.verifying_key()));
        assert!(!envelope.is_signed_by(&other.verifying_key()));
        let mut text = envelope.clone();
        text.payload = STANDARD.encode(b"{ }");
        let mut kind = envelope.clone();
        kind.payload_type.push('x');
        let mut nobody = envelope;
        nobody.signatures.clear();
        for changed in [text, kind, nobody] {
            assert!(!changed.is_signed_by(&key.verifying_key()), "{changed:?}");
        }
    }
}
