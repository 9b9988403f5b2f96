//! Whether a directory is what it was when it was sealed.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use crate::{
    DigestError, ENVELOPE_FILE, KEY_FILE, STATEMENT_FILE, Statement, VerifyingKey, digest_file,
    digests::entries,
    envelope::{Envelope, PAYLOAD_TYPE},
    is_own_file,
    seal::json,
};

/// A statement larger than this is none of ours.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// What there is to say of a sealed directory.
#[derive(Clone, Debug)]
pub struct Verification {
    /// What is not as it was, by file.
    pub faults: Vec<Fault>,
    /// Who stands for it.
    pub signature: Signature,
    /// What was said when it was sealed; none if that can't be read.
    pub statement: Option<Statement>,
}

impl Verification {
    /// Whether everything is as it was.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Who stands for a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// Nobody: whoever changed the files could have changed the digests.
    None,
    /// The holder of the key that was asked for.
    By {
        /// The key's id.
        key: String,
    },
    /// The holder of the key that lies in the directory: whose it is was not asked.
    BySomebody {
        /// The key's id.
        key: String,
    },
    /// Nobody any more: the signature does not hold.
    Broken,
}

/// Something that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, below the directory.
    pub file: String,
    /// What is wrong with it.
    pub what: Wrong,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.file, self.what)
    }
}

/// What can be wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Its bytes are others.
    Changed,
    /// It is gone.
    Missing,
    /// It was not there.
    Added,
    /// It is a link or a device, and no plain file.
    NotPlain,
    /// The signature in it does not hold.
    BadSignature,
    /// It is not the key that was asked for.
    OtherKey,
    /// It holds no signature, though one was asked for.
    Unsigned,
    /// It is no statement of a test result.
    NoStatement,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "was changed",
            Self::Missing => "is missing",
            Self::Added => "was added",
            Self::NotPlain => "is not a plain file",
            Self::BadSignature => "holds a signature that is not by this key over this text",
            Self::OtherKey => "is another key than the one that was asked for",
            Self::Unsigned => "is not signed",
            Self::NoStatement => "is not a statement of a test result",
        })
    }
}

/// Nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A file can't be read.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// There is nothing that says how the directory was.
    #[error("`{}` holds neither `{STATEMENT_FILE}` nor `{ENVELOPE_FILE}`: nothing says how it was", path.display())]
    NotSealed {
        /// The directory.
        path: PathBuf,
    },
    /// The statement can't be read.
    #[error("could not read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Compares `directory` with what was said when it was sealed. With a `key` only a signature by that key will do.
///
/// # Errors
/// When a file can't be read, or the directory was never sealed.
pub fn verify(directory: &Path, key: Option<&VerifyingKey>) -> Result<Verification, VerifyError> {
    let mut faults = Vec::new();
    let (signature, statement) = match (read(directory, ENVELOPE_FILE)?, read(directory, STATEMENT_FILE)?) {
        (None, None) => {
            return Err(VerifyError::NotSealed {
                path: directory.to_owned(),
            });
        }
        (Some(envelope), bare) => {
            if bare.is_some() {
                faults.push(fault(STATEMENT_FILE, Wrong::Added));
            }
            let beside = read(directory, KEY_FILE)?;
            signed(&envelope, beside.as_deref(), key, &mut faults)
        }
        (None, Some(bare)) => {
            if key.is_some() {
                faults.push(fault(STATEMENT_FILE, Wrong::Unsigned));
            }
            if read(directory, KEY_FILE)?.is_some() {
                faults.push(fault(ENVELOPE_FILE, Wrong::Missing));
            }
            (Signature::None, statement(STATEMENT_FILE, &bare, &mut faults))
        }
    };
    if let Some(statement) = &statement {
        compare(directory, &statement.digests(), &mut faults)?;
    }
    Ok(Verification {
        faults,
        signature,
        statement,
    })
}

/// The statement in an envelope, and whose signature holds.
fn signed(
    bytes: &[u8],
    beside: Option<&[u8]>,
    asked: Option<&VerifyingKey>,
    faults: &mut Vec<Fault>,
) -> (Signature, Option<Statement>) {
    let own = beside.and_then(|text| {
        let key = VerifyingKey::from_pem(text).ok();
        key.filter(|key| key.to_pem().as_bytes() == text)
    });
    match (beside, &own, asked) {
        (None, _, _) => faults.push(fault(KEY_FILE, Wrong::Missing)),
        (Some(_), None, _) => faults.push(fault(KEY_FILE, Wrong::Changed)),
        (Some(_), Some(own), Some(asked)) if own != asked => faults.push(fault(KEY_FILE, Wrong::OtherKey)),
        (Some(_), Some(_), _) => {}
    }
    let envelope: Option<Envelope> = serde_json::from_slice(bytes).ok();
    let Some(envelope) = envelope.filter(|envelope| envelope.payload_type == PAYLOAD_TYPE) else {
        faults.push(fault(ENVELOPE_FILE, Wrong::NoStatement));
        return (Signature::Broken, None);
    };
    // What is signed is the text inside; around it, too, nothing may be changed.
    if json(&envelope).ok().as_deref() != Some(bytes) {
        faults.push(fault(ENVELOPE_FILE, Wrong::Changed));
    }
    let signature = match (asked, &own) {
        (Some(asked), _) if envelope.is_signed_by(asked) => Signature::By { key: asked.id() },
        (None, Some(own)) if envelope.is_signed_by(own) => Signature::BySomebody { key: own.id() },
        (Some(_), _) | (None, Some(_) | None) => {
            faults.push(fault(ENVELOPE_FILE, Wrong::BadSignature));
            Signature::Broken
        }
    };
    let payload = envelope.payload().unwrap_or_default();
    (signature, statement(ENVELOPE_FILE, &payload, faults))
}

fn statement(file: &str, bytes: &[u8], faults: &mut Vec<Fault>) -> Option<Statement> {
    let statement: Option<Statement> = serde_json::from_slice(bytes).ok();
    let statement = statement.filter(Statement::is_of_a_test_result);
    match &statement {
        None => faults.push(fault(file, Wrong::NoStatement)),
        Some(statement) if json(statement).ok().as_deref() != Some(bytes) => {
            faults.push(fault(file, Wrong::Changed));
        }
        Some(_) => {}
    }
    statement
}

/// Compares the files with their digests.
fn compare(
    directory: &Path,
    digests: &BTreeMap<&str, &str>,
    faults: &mut Vec<Fault>,
) -> Result<(), DigestError> {
    let entries = entries(directory)?;
    for (name, digest) in digests {
        match entries.binary_search_by(|entry| entry.name.as_str().cmp(name)) {
            Err(_) => faults.push(fault(name, Wrong::Missing)),
            Ok(index) if !entries[index].plain => faults.push(fault(name, Wrong::NotPlain)),
            Ok(_) if digest_file(&directory.join(name))? != *digest => {
                faults.push(fault(name, Wrong::Changed))
            }
            Ok(_) => {}
        }
    }
    for entry in &entries {
        if !digests.contains_key(entry.name.as_str()) && !is_own_file(&entry.name) {
            faults.push(fault(&entry.name, Wrong::Added));
        }
    }
    Ok(())
}

fn read(directory: &Path, name: &str) -> Result<Option<Vec<u8>>, VerifyError> {
    let path = directory.join(name);
    let unreadable = |source| VerifyError::Unreadable {
        path: path.clone(),
        source,
    };
    match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(error)),
        Ok(metadata) if metadata.len() > MOST_BYTES => Err(unreadable(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it is larger than any statement",
        ))),
        Ok(_) => fs::read(&path).map(Some).map_err(unreadable),
    }
}

fn fault(file: &str, what: Wrong) -> Fault {
    Fault {
        file: file.to_owned(),
        what,
    }
}
