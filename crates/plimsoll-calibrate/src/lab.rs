//! Runs of the suite on labs: real Kubernetes on this machine, one lab after the other.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use plimsoll_record::Verdict;
use serde::Deserialize;

use crate::{Finding, Findings, Trial};

/// The program that brings labs up, and the one that runs the suite.
#[derive(Clone, Debug)]
pub struct Lab {
    lab: PathBuf,
    plimsoll: PathBuf,
}

/// There is no lab to be had.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// This program's own place can't be told.
    #[error("could not find out where this program is")]
    Here(#[source] std::io::Error),
    /// The lab's program is not there.
    #[error("there is no `{}`", .0.display())]
    NotThere(PathBuf),
}

impl Lab {
    /// The lab's program beside this one.
    ///
    /// # Errors
    /// When it isn't there.
    pub fn beside_this_program() -> Result<Self, LabError> {
        let plimsoll = std::env::current_exe().map_err(LabError::Here)?;
        let lab = plimsoll.with_file_name("plimsoll-lab");
        if lab.is_file() {
            Ok(Self { lab, plimsoll })
        } else {
            Err(LabError::NotThere(lab))
        }
    }

    pub(crate) fn run(&self, trial: &Trial) -> Findings {
        let lab = Up::bring(self, trial)?;
        let folder = tempfile::tempdir().map_err(|error| format!("no folder for the run: {error}"))?;
        lab.suite(folder.path(), &trial.only)
    }
}

/// A lab that is up; it goes down with this value.
struct Up<'a> {
    programs: &'a Lab,
    name: String,
    kubeconfig: String,
}

impl<'a> Up<'a> {
    fn bring(programs: &'a Lab, trial: &Trial) -> Result<Self, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // Made before the lab is up, so that a lab that comes up halfway is taken down as well.
        let mut up = Self {
            programs,
            name: format!("cal-{}-{number}", std::process::id()),
            kubeconfig: String::new(),
        };
        let mut command = Command::new(&programs.lab);
        command.args(["up", "--name", &up.name]);
        for defect in trial.subject.defects() {
            command.args(["--defect", &defect.id]);
            if let Some(accelerators) = defect
                .on_lab()
                .and_then(|lab| lab.settings.accelerators.as_deref())
            {
                command.args(["--accelerators", accelerators]);
            }
        }
        up.kubeconfig = succeed(&mut command)?.trim().to_owned();
        Ok(up)
    }

    fn suite(&self, out: &Path, only: &[String]) -> Findings {
        let mut command = Command::new(&self.programs.plimsoll);
        command
            .args([
                "--quiet",
                "run",
                "--format",
                "json",
                "--allow-disruption",
                "--kubeconfig",
                &self.kubeconfig,
            ])
            .arg("--out")
            .arg(out)
            .stdin(Stdio::null());
        if !only.is_empty() {
            command.args(["--only", &only.join(",")]);
        }
        let output = command
            .output()
            .map_err(|error| format!("could not run the suite: {error}"))?;
        let results: Results = serde_json::from_slice(&output.stdout).map_err(|error| {
            let said = String::from_utf8_lossy(&output.stderr);
            format!("the suite gave no results ({error}): {}", last_line(&said))
        })?;
        Ok(results
            .requirements
            .into_iter()
            .map(Requirement::finding)
            .collect())
    }
}

impl Drop for Up<'_> {
    fn drop(&mut self) {
        // What is left shows in `plimsoll-lab status`; there is nobody here to tell.
        let _ = succeed(Command::new(&self.programs.lab).args(["down", "--name", &self.name]));
    }
}

fn succeed(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("could not run `{program}`: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!(
            "`{program}` ended with {}: {}",
            output.status,
            last_line(&said)
        ))
    }
}

fn last_line(text: &str) -> &str {
    text.lines()
        .rfind(|line| !line.trim().is_empty())
        .unwrap_or_default()
}

/// `results.json`, as far as it matters here.
#[derive(Deserialize)]
struct Results {
    requirements: Vec<Requirement>,
}

#[derive(Deserialize)]
struct Requirement {
    id: String,
    verdict: Verdict,
    reason: String,
    controls: Vec<ControlResult>,
}

#[derive(Deserialize)]
struct ControlResult {
    name: String,
    outcome: String,
}

impl Requirement {
    fn finding(self) -> Finding {
        let wrong = self
            .controls
            .into_iter()
            .filter(|control| control.outcome == "wrong");
        Finding {
            requirement: self.id.into(),
            verdict: self.verdict,
            reason: self.reason,
            wrong: wrong.map(|control| control.name).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_read_from_the_results_of_a_run() {
        let text = r#"{"schema": "s", "requirements": [{"id": "dra_support", "verdict": "failed", "reason": "r",
            "controls": [{"name": "D2", "outcome": "wrong", "kind": "positive"}, {"name": "D1", "outcome": "right"}]}]}"#;
        let results: Results = serde_json::from_str(text).unwrap();
        let finding = results
            .requirements
            .into_iter()
            .map(Requirement::finding)
            .next()
            .unwrap();
        assert_eq!(
            (finding.verdict, finding.wrong),
            (Verdict::Failed, vec!["D2".to_owned()])
        );
    }
}
