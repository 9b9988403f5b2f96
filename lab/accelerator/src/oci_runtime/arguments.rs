//! What a command line asks of runc.

use std::{ffi::OsString, path::PathBuf};

/// Global flags of runc that take a value.
const WITH_VALUE: &[&str] = &["--root", "--log", "--log-format", "--rootless", "--criu"];

/// The calls that matter here.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// A container comes to be from a bundle.
    Create { id: String, bundle: PathBuf },
    /// A container goes.
    Delete { id: String },
    /// Anything else.
    Other,
}

/// Reads a command line as runc would; what makes no sense is left for runc to refuse.
pub(super) fn parse(arguments: &[OsString]) -> Call {
    let words: Vec<String> = arguments
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let mut at = 0;
    while words.get(at).is_some_and(|word| word.starts_with('-')) {
        at += if WITH_VALUE.contains(&words[at].as_str()) {
            2
        } else {
            1
        };
    }
    let (Some(verb), Some(id)) = (words.get(at), words.last()) else {
        return Call::Other;
    };
    let id = id.clone();
    match verb.as_str() {
        "create" | "run" => {
            let bundle = value(&words[at..], &["--bundle", "-b"]).unwrap_or_else(|| ".".to_owned());
            Call::Create {
                id,
                bundle: bundle.into(),
            }
        }
        "delete" => Call::Delete { id },
        _ => Call::Other,
    }
}

fn value(words: &[String], flags: &[&str]) -> Option<String> {
    words
        .iter()
        .enumerate()
        .find_map(|(at, word)| match word.split_once('=') {
            Some((flag, value)) if flags.contains(&flag) => Some(value.to_owned()),
            None if flags.contains(&word.as_str()) => words.get(at + 1).cloned(),
            Some(_) | None => None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> Call {
        parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn containerds_calls_are_understood() {
        let line = "--root /run/runc/k8s.io --log /b/log.json --log-format json create --bundle /b --pid-file /b/init.pid c1";
        assert_eq!(
            parse_line(line),
            Call::Create {
                id: "c1".into(),
                bundle: "/b".into()
            }
        );
        assert_eq!(
            parse_line("--root=/r --systemd-cgroup create --bundle=/b c1"),
            Call::Create {
                id: "c1".into(),
                bundle: "/b".into()
            }
        );
        assert_eq!(
            parse_line("--root /r delete --force c1"),
            Call::Delete { id: "c1".into() }
        );
    }

    #[test]
    fn other_calls_are_left_alone() {
        for line in [
            "",
            "--version",
            "--root create",
            "--root /r exec --process p c1",
            "--root /r kill create 9",
        ] {
            assert_eq!(parse_line(line), Call::Other, "{line}");
        }
    }
}
