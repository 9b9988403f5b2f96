//! All scenarios on one ground, and how their transcripts compare with those that are kept.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use futures::{StreamExt, stream};

use crate::{Ground, Scenario, transcript};

/// Where scenarios are, each with the transcript of a real Kubernetes beside it.
pub const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");

/// How long one scenario may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(300);

/// A transcript that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The scenario.
    pub name: String,
    /// The lines, those expected with `-`, those found with `+`, equal ones with a space.
    pub lines: String,
}

/// Runs scenarios side by side, those that want the platform to themselves one after the other at the end, and returns
/// their transcripts by name. Namespaces are called `PREFIX-N`.
pub async fn perform(
    ground: &Ground,
    scenarios: &[Scenario],
    prefix: &str,
    jobs: usize,
) -> BTreeMap<String, String> {
    let one = |(number, scenario): (usize, &Scenario)| {
        let namespace = format!("{prefix}-{number}");
        let name = scenario.name.clone();
        let scenario = scenario.clone();
        async move {
            let run = tokio::time::timeout(PATIENCE, transcript(ground, &scenario, &namespace));
            let text = match run.await {
                Ok(Ok(text)) => text,
                Ok(Err(error)) => format!("no answer: {error}\n"),
                Err(_) => "no end\n".to_owned(),
            };
            (name, text)
        }
    };
    let (alone, beside): (Vec<_>, Vec<_>) = scenarios
        .iter()
        .enumerate()
        .partition(|(_, scenario)| scenario.exclusive);
    let mut transcripts: BTreeMap<_, _> = stream::iter(beside)
        .map(one)
        .buffer_unordered(jobs)
        .collect()
        .await;
    transcripts.extend(stream::iter(alone).then(one).collect::<BTreeMap<_, _>>().await);
    transcripts
}

/// The kept transcript of a scenario, if there is one.
///
/// # Errors
/// When it can't be read.
pub fn recorded(folder: &Path, name: &str) -> io::Result<Option<String>> {
    match fs::read_to_string(file(folder, name)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where the transcript of a scenario is kept.
#[must_use]
pub fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.txt"))
}

/// What is different in a transcript, if anything is.
#[must_use]
pub fn compare(name: &str, expected: &str, found: &str) -> Option<Difference> {
    if expected == found {
        return None;
    }
    let diff = similar::TextDiff::from_lines(expected, found);
    let lines = diff.unified_diff().context_radius(3).to_string();
    Some(Difference {
        name: name.to_owned(),
        lines,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_scenario_is_read_and_says_something() {
        let scenarios = Scenario::all(Path::new(SCENARIOS)).unwrap();
        assert!(scenarios.len() >= 120, "{}", scenarios.len());
        for scenario in &scenarios {
            assert!(scenario.shows.ends_with('.'), "{}: no sentence", scenario.name);
            assert!(!scenario.steps.is_empty(), "{}: does nothing", scenario.name);
        }
        let said: BTreeSet<_> = scenarios.iter().map(|scenario| &scenario.shows).collect();
        assert_eq!(said.len(), scenarios.len(), "two scenarios say the same");
    }

    #[test]
    fn a_transcript_that_differs_is_shown_line_by_line() {
        assert_eq!(compare("a/b", "x\ny\n", "x\ny\n"), None);
        let difference = compare("a/b", "x\ny\n", "x\nz\n").unwrap();
        assert!(difference.lines.contains("-y\n+z\n"), "{}", difference.lines);
    }
}
