//! `plimsoll sign` and `plimsoll keygen`: who stands for a record.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use plimsoll_attestation::{Fault, KeyError, SigningKey, VerifyError, Wrong, is_own_file, plain_files};
use plimsoll_report::{RecordedRun, files_of, test_result};

use super::{Ended, Voice};
use crate::{
    cli::{KeygenArgs, SignArgs},
    failure::Failure,
};

pub(crate) fn sign(args: &SignArgs, voice: Voice) -> Ended {
    let key = signing_key(&args.key)?;
    if args.dir.join("PRODUCT.yaml").is_file() {
        return sign_submission(args, &key, voice);
    }
    let run = RecordedRun::read(&args.dir).map_err(|error| Failure::input(&error))?;
    if !args.force {
        refuse_what_was_changed(&args.dir)?;
    }
    seal(&args.dir, &run, Some(&key))?;
    voice.say(format!(
        "signed the record and reports of run {} with key {}",
        run.facts.run,
        key.verifying_key().id()
    ));
    Ok(0)
}

/// Signs a submission as it is: what vendors go on writing by hand is theirs to stand for, what a run wrote is not.
fn sign_submission(args: &SignArgs, key: &SigningKey, voice: Voice) -> Ended {
    let input =
        |error: VerifyError| Failure::input_with_help(&error, "`plimsoll submission` seals what it writes");
    let verification = plimsoll_attestation::verify(&args.dir, None).map_err(input)?;
    let touched = verification.faults.iter().find(|fault| !by_hand(fault));
    if let Some(fault) = touched.filter(|_| !args.force) {
        return Err(touched_since(fault));
    }
    let Some(statement) = verification.statement else {
        return Err(Failure::input(&Touched(
            "it has no statement that can be read".to_owned(),
        )));
    };
    let files = plain_files(&args.dir).map_err(|error| Failure::input(&error))?;
    let files = files.iter().map(String::as_str).filter(|name| !is_own_file(name));
    plimsoll_attestation::seal(&args.dir, files, statement.predicate, Some(key))
        .map_err(|error| Failure::input(&error))?;
    voice.say(format!(
        "signed the submission with key {}",
        key.verifying_key().id()
    ));
    Ok(0)
}

/// Whether this is what happens to a submission after it was made: vendors write on, and add files.
pub(crate) fn by_hand(fault: &Fault) -> bool {
    fault.what == Wrong::Added || ["PRODUCT.yaml", "README.md"].contains(&fault.file.as_str())
}

fn touched_since(fault: &Fault) -> Failure {
    Failure::input_with_help(
        &Touched(fault.to_string()),
        "`plimsoll verify` tells all of it; --force signs it as it is",
    )
}

/// Whoever signs stands for what the run wrote, not for what became of it.
fn refuse_what_was_changed(dir: &Path) -> Result<(), Failure> {
    match plimsoll_attestation::verify(dir, None) {
        Ok(verification) => match verification.faults.first() {
            None => Ok(()),
            Some(fault) => Err(touched_since(fault)),
        },
        Err(VerifyError::NotSealed { .. }) => Ok(()),
        Err(error) => Err(Failure::input(&error)),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the directory is not what it was when it was sealed: {0}")]
struct Touched(String);

/// Seals a run's directory with the digests of its files, signed if there is a key.
pub(crate) fn seal(dir: &Path, run: &RecordedRun, key: Option<&SigningKey>) -> Result<(), Failure> {
    let files = files_of(dir, run).map_err(|source| {
        Failure::input(&Unreadable {
            path: dir.to_owned(),
            source,
        })
    })?;
    let files = files.iter().map(String::as_str);
    plimsoll_attestation::seal(dir, files, test_result(run), key).map_err(|error| Failure::input(&error))?;
    Ok(())
}

pub(crate) fn keygen(args: &KeygenArgs, voice: Voice) -> Ended {
    let (key, private) = SigningKey::generate().map_err(|error| Failure::input(&error))?;
    let mut public = args.file.clone().into_os_string();
    public.push(".pub");
    let public = PathBuf::from(public);
    write_new(&args.file, &private, true)?;
    write_new(&public, &key.verifying_key().to_pem(), false)?;
    voice.say(format!(
        "wrote the private key to {} (keep it to yourself) and the public one to {}",
        args.file.display(),
        public.display()
    ));
    Ok(0)
}

/// Writes a file that must not be there yet: a key that is overwritten is lost.
fn write_new(path: &Path, text: &str, private: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| {
        Failure::input(&Unwritable {
            path: path.to_owned(),
            source,
        })
    })
}

/// Reads the private key that the user named.
pub(crate) fn signing_key(path: &Path) -> Result<SigningKey, Failure> {
    SigningKey::from_pem(&read(path)?).map_err(|source| unusable(path, source))
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|source| {
        Failure::input(&Unreadable {
            path: path.to_owned(),
            source,
        })
    })
}

pub(crate) fn unusable(path: &Path, source: KeyError) -> Failure {
    Failure::input_with_help(
        &Unusable {
            path: path.to_owned(),
            source,
        },
        "`plimsoll keygen FILE` makes a key pair: FILE signs, FILE.pub verifies",
    )
}

#[derive(Debug, thiserror::Error)]
#[error("could not read `{}`", path.display())]
struct Unreadable {
    path: PathBuf,
    source: io::Error,
}

#[derive(Debug, thiserror::Error)]
#[error("could not write `{}`", path.display())]
struct Unwritable {
    path: PathBuf,
    source: io::Error,
}

#[derive(Debug, thiserror::Error)]
#[error("the key `{}` can't be used", path.display())]
struct Unusable {
    path: PathBuf,
    source: KeyError,
}
