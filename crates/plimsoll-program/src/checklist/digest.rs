//! Digests tell the programme's own file from an edited copy.

use sha2::{Digest, Sha256};

use crate::{ProgrammeVersion, facts::official_files};

/// The SHA-256 digest of a file's bytes, in lower-case hexadecimal digits.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a `String` can't fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// The version whose official checklist these bytes are, if they are one, to the byte.
#[must_use]
pub fn official_version(bytes: &[u8]) -> Option<ProgrammeVersion> {
    let digest = digest(bytes);
    official_files()
        .iter()
        .find(|file| file.sha256 == digest)
        .map(|file| file.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_sha256_in_hexadecimal_digits() {
        assert_eq!(
            digest(b""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(official_version(b""), None);
    }
}
