//! What runs in a container.

use std::ffi::OsString;

use super::host::ContainerHost;

/// Where the probe is in its image.
const PROBE: &str = "/plimsoll-probe";

/// What a container runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// The probe, with these arguments.
    Probe(Vec<String>),
    /// Something that is not in the image.
    Absent(String),
    /// Something that the simulation knows nothing of: it waits to be stopped.
    Inert,
}

impl Program {
    /// What an image with the probe runs for a container's `command` and `args`; `first` are its own arguments.
    pub(crate) fn of_probe_image(first: &[&str], command: &[String], args: &[String]) -> Self {
        match command.split_first() {
            None => {
                let first = first.iter().map(|word| (*word).to_owned());
                Self::Probe(first.chain(args.iter().cloned()).collect())
            }
            Some((program, first)) if program == PROBE || program == "plimsoll-probe" => {
                Self::Probe([first, args].concat())
            }
            Some((program, _)) => Self::Absent(program.clone()),
        }
    }

    /// Runs it to its end; its exit status.
    pub(crate) async fn run(self, host: &ContainerHost) -> i32 {
        match self {
            Self::Probe(arguments) => {
                let arguments = arguments.into_iter().map(OsString::from);
                plimsoll_probe::run(arguments, host).await.code().into()
            }
            Self::Absent(_) => 127,
            Self::Inert => {
                host.stopped().await;
                0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_command_takes_the_place_of_the_images_own() {
        let program = |command: &str, args: &str| Program::of_probe_image(&[], &words(command), &words(args));
        assert_eq!(
            Program::of_probe_image(&["pause"], &[], &[]),
            Program::Probe(words("pause"))
        );
        assert_eq!(program("", "pause"), Program::Probe(words("pause")));
        assert_eq!(
            program("/plimsoll-probe devices", "--hold"),
            Program::Probe(words("devices --hold"))
        );
        assert_eq!(program("sh -c", "true"), Program::Absent("sh".to_owned()));
    }
}
