//! `plimsoll config`, and how a run finds its settings.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use plimsoll_checks::{
    Settings,
    settings::{FILE_NAME, SAMPLE},
};

use super::{Ended, Voice, print};
use crate::{cli::ConfigArgs, failure::Failure};

pub(crate) fn config(args: &ConfigArgs, voice: Voice) -> Ended {
    if args.init {
        create(&args.file)?;
        voice.say(format!(
            "wrote {}: everything in it is a comment",
            args.file.display()
        ));
        return Ok(0);
    }
    let settings = read(&args.file)?;
    let mut text = String::new();
    for (key, value) in &settings.stated {
        text.push_str(&format!("{key} = {value}\n"));
    }
    print(&text)?;
    voice.say(match settings.stated.len() {
        0 => format!("{}: nothing is set", args.file.display()),
        count => format!("{}: {count} keys are set", args.file.display()),
    });
    Ok(0)
}

/// The settings of a run: those of the file that was named, else those of the usual one, if that is there.
pub(crate) fn of_run(named: Option<&Path>, voice: Voice) -> Result<Settings, Failure> {
    let settings = match named {
        Some(file) => read(file)?,
        None if Path::new(FILE_NAME).exists() => {
            voice.say(format!("settings: {FILE_NAME}"));
            read(Path::new(FILE_NAME))?
        }
        None => return Ok(Settings::default()),
    };
    let unread: Vec<&str> = settings.unread().collect();
    if !unread.is_empty() {
        voice.say(format!(
            "no check of this version reads {} yet",
            unread.join(", ")
        ));
    }
    Ok(settings)
}

fn read(file: &Path) -> Result<Settings, Failure> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).map_err(|source| {
        let error = Unreadable {
            name: name.clone(),
            source,
        };
        Failure::input_with_help(&error, "`plimsoll config --init` writes a commented one")
    })?;
    Settings::parse(&name, &text).map_err(Failure::in_file)
}

fn create(file: &Path) -> Result<(), Failure> {
    let unwritable = |source| {
        let error = Unwritable {
            file: file.to_owned(),
            source,
        };
        Failure::input_with_help(
            &error,
            "one that is there is never overwritten; name another file",
        )
    };
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .and_then(|mut file| file.write_all(SAMPLE.as_bytes()))
        .map_err(unwritable)
}

/// The settings can't be read.
#[derive(Debug, thiserror::Error)]
#[error("could not read the settings `{name}`")]
struct Unreadable {
    name: String,
    source: io::Error,
}

/// The settings can't be written.
#[derive(Debug, thiserror::Error)]
#[error("could not write `{}`", file.display())]
struct Unwritable {
    file: PathBuf,
    source: io::Error,
}
