//! A lab of one's own for a trial, and what `plimsoll` says of it.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use kube::{
    Api, Client, Config, Discovery, ResourceExt,
    api::{DynamicObject, ListParams},
    config::{KubeConfigOptions, Kubeconfig},
    discovery::verbs,
};
use libtest_mimic::Failed;
use serde_json::Value;

/// A lab that is up; it goes down with this value.
pub(crate) struct Ground {
    name: String,
    kubeconfig: PathBuf,
    out: tempfile::TempDir,
}

/// What a run said.
pub(crate) struct Outcome {
    results: Value,
    /// The exit code, if it ended by itself.
    pub(crate) exit: Option<i32>,
}

impl Outcome {
    /// Verdict and reason of a requirement.
    pub(crate) fn of(&self, requirement: &str) -> Result<(&str, &str), Failed> {
        self.entry(requirement)
            .and_then(|entry| Some((entry["verdict"].as_str()?, entry["reason"].as_str()?)))
            .ok_or_else(|| format!("the results do not mention {requirement}: {}", self.results).into())
    }

    /// The controls of a requirement that came out wrong.
    pub(crate) fn wrong(&self, requirement: &str) -> Vec<&str> {
        self.entry(requirement)
            .and_then(|entry| entry["controls"].as_array())
            .into_iter()
            .flatten()
            .filter(|control| control["outcome"] == "wrong")
            .filter_map(|control| control["name"].as_str())
            .collect()
    }

    fn entry(&self, requirement: &str) -> Option<&Value> {
        let mut entries = self.results["requirements"].as_array()?.iter();
        entries.find(|entry| entry["id"] == requirement)
    }
}

impl Ground {
    /// Brings a lab up.
    pub(crate) fn up(defects: &[&str]) -> Result<Self, Failed> {
        let arguments: Vec<&str> = defects.iter().flat_map(|defect| ["--defect", *defect]).collect();
        Self::up_with(&arguments)
    }

    /// Brings a lab up with these arguments.
    pub(crate) fn up_with(arguments: &[&str]) -> Result<Self, Failed> {
        // A lab's name is short, so it is a number; of this process, so that two suites can run.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "suite-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let mut up = lab(&["up", "--name", &name]);
        up.args(arguments);
        let out = tempfile::tempdir()?;
        // Made before the lab is up, so that a lab that comes up halfway is taken down as well.
        let mut ground = Self {
            name,
            kubeconfig: PathBuf::new(),
            out,
        };
        ground.kubeconfig = succeed(&mut up)?.trim().into();
        Ok(ground)
    }

    /// Runs every check.
    pub(crate) fn run(&self) -> Result<Outcome, Failed> {
        let output = self
            .plimsoll(&["run", "--format", "json"])
            .arg("--out")
            .arg(self.out.path())
            .output()?;
        let results = serde_json::from_slice(&output.stdout).map_err(|error| {
            format!(
                "no results ({error}); standard error:\n{}",
                String::from_utf8_lossy(&output.stderr)
            )
        })?;
        println!("{}", String::from_utf8_lossy(&output.stderr));
        Ok(Outcome {
            results,
            exit: output.status.code(),
        })
    }

    /// Starts a run and kills it without warning once it has created pods.
    pub(crate) fn kill_run_in_the_middle(&self) -> Result<(), Failed> {
        let mut child = self
            .plimsoll(&["--verbose", "run"])
            .arg("--out")
            .arg(self.out.path())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let stderr = child.stderr.take().ok_or("no standard error")?;
        for line in BufReader::new(stderr).lines() {
            if line?.contains("Pod ") {
                break;
            }
        }
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Removes what killed runs left.
    pub(crate) fn cleanup(&self) -> Result<(), Failed> {
        succeed(&mut self.plimsoll(&["cleanup"])).map(drop)
    }

    /// What carries our label on the cluster, whatever its kind.
    pub(crate) fn left(&self) -> Result<Vec<String>, Failed> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(labelled_objects(&self.kubeconfig))
    }

    /// Nothing of ours may be there.
    pub(crate) fn expect_nothing_left(&self) -> Result<(), Failed> {
        let left = self.left()?;
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("left behind: {left:?}").into())
        }
    }

    fn plimsoll(&self, arguments: &[&str]) -> Command {
        let mut command =
            Command::new(Path::new(env!("CARGO_BIN_EXE_plimsoll-lab")).with_file_name("plimsoll"));
        command.args(arguments).arg("--kubeconfig").arg(&self.kubeconfig);
        command
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if let Err(failed) = succeed(&mut lab(&["down", "--name", &self.name])) {
            println!("could not take lab {} down: {failed:?}", self.name);
        }
    }
}

fn lab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll-lab"));
    command.args(arguments);
    command
}

fn succeed(command: &mut Command) -> Result<String, Failed> {
    let output = command.output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?} ended with {}:\n{said}", output.status).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

async fn labelled_objects(kubeconfig: &Path) -> Result<Vec<String>, Failed> {
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(Kubeconfig::read_from(kubeconfig)?, &options).await?;
    let client = Client::try_from(config)?;
    let selector = ListParams::default().labels("app.kubernetes.io/managed-by=plimsoll");
    let mut found = Vec::new();
    for group in Discovery::new(client.clone()).run().await?.groups() {
        for (resource, capabilities) in group.recommended_resources() {
            if !capabilities.supports_operation(verbs::LIST) {
                continue;
            }
            let objects = Api::<DynamicObject>::all_with(client.clone(), &resource)
                .list(&selector)
                .await?;
            found.extend(
                objects
                    .items
                    .iter()
                    .map(|object| format!("{} {}", resource.kind, object.name_any())),
            );
        }
    }
    Ok(found)
}
