//! `results.json`: what `go test -json` prints, one object per line.

use std::{fmt, io::BufRead};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{Artifact, ArtifactError, TestOutcome, lines};

pub(super) fn parse(input: &mut dyn BufRead) -> Result<Artifact, ArtifactError> {
    let mut artifact = Artifact::default();
    lines(input, |number, line| {
        if line.trim().is_empty() {
            return Ok(());
        }
        let event: Option<Event> = serde_json::from_str(line).map_err(|error| {
            let column = error.column();
            let reason = format!("line {number}, column {column} is no event of `go test -json`");
            ArtifactError::new(reason, Some(number))
        })?;
        let event = event.unwrap_or_default();
        let outcome = match event.action.as_str() {
            "pass" => TestOutcome::Passed,
            "fail" => TestOutcome::Failed,
            "skip" => TestOutcome::Skipped,
            _ => return Ok(()),
        };
        if !event.test.is_empty() {
            artifact.record(event.test, outcome, Some(number))?;
        } else if outcome == TestOutcome::Failed && artifact.failed_packages.len() < 1000 {
            artifact.first_failure.get_or_insert(number);
            artifact.failed_packages.push(event.package);
        }
        Ok(())
    })?;
    // A package fails with its tests; only without one is that news.
    if artifact
        .tests
        .values()
        .any(|outcome| *outcome == TestOutcome::Failed)
    {
        artifact.failed_packages.clear();
    }
    Ok(artifact)
}

/// The fields that count. Their names are matched without case, as Go does, and the last of several counts.
#[derive(Default)]
struct Event {
    action: String,
    test: String,
    package: String,
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Event;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Event, A::Error> {
        let mut event = Event::default();
        while let Some(key) = map.next_key::<String>()? {
            let field = match key.to_ascii_lowercase().as_str() {
                "action" => &mut event.action,
                "test" => &mut event.test,
                "package" => &mut event.package,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            // A null leaves what was there.
            if let Some(text) = map.next_value::<Option<String>>()? {
                *field = text;
            }
        }
        Ok(event)
    }
}
