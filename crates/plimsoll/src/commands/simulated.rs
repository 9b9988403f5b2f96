//! Simulated platforms as other commands use them: which one, how broken, and in virtual time.

use std::{fs, io, path::Path};

use plimsoll_calibrate::{SimulatedPlatform, run_id};
use plimsoll_defects::Defect;
use plimsoll_platform::{ConnectError, RunId};
use plimsoll_sim::{
    Faults, on_virtual_time,
    platform::{self, PlatformSpec, Size},
};

use super::Ended;
use crate::{
    cli::{RunArgs, SimulatedArgs, SizeArgs},
    failure::Failure,
};

/// A simulated platform as the user wants it.
pub(crate) struct Chosen {
    pub(crate) platform: PlatformSpec,
    pub(crate) faults: Faults,
    pub(crate) seed: u64,
}

/// What `--simulate` and its companions choose; none without it.
pub(crate) fn chosen(args: &SimulatedArgs) -> Result<Option<Chosen>, Failure> {
    let Some(name) = &args.simulate else {
        return Ok(None);
    };
    let platform = find(name, &args.size)?;
    Ok(Some(Chosen {
        faults: faults(&args.defect, &platform)?,
        platform,
        seed: args.seed,
    }))
}

/// What is simulated where nothing is chosen.
pub(crate) fn default(seed: u64) -> Chosen {
    Chosen {
        platform: platform::default(),
        faults: Faults::default(),
        seed,
    }
}

impl Chosen {
    /// Brings it up on this runtime.
    pub(crate) async fn bring_up(&self) -> Result<SimulatedPlatform, Failure> {
        plimsoll_calibrate::run_on(&self.platform, self.seed, &self.faults)
            .await
            .map_err(|error| Failure::input(&error))
    }

    /// The id of a run on it.
    pub(crate) fn run_id(&self) -> RunId {
        run_id(self.seed)
    }
}

/// Whether the simulated platform stands in for a cluster that can't be connected to: only where nobody named one.
pub(crate) fn stands_in(error: &ConnectError, args: &RunArgs) -> bool {
    let named = args.cluster.context.is_some()
        || args.resume.is_some()
        || std::env::var_os("KUBECONFIG").is_some_and(|paths| !paths.is_empty());
    matches!(error, ConnectError::NoKubeconfig { .. }) && !named
}

/// Runs a command's asynchronous part in virtual time.
pub(crate) fn in_virtual_time(work: impl AsyncFnOnce() -> Ended) -> Ended {
    on_virtual_time(work).map_err(|error| Failure::input(&error))?
}

/// The platform of that name, or the one that a file of that name describes, at the wanted size.
pub(crate) fn find(name: &str, size: &SizeArgs) -> Result<PlatformSpec, Failure> {
    let is_path = name.ends_with(".toml") || name.contains(std::path::MAIN_SEPARATOR);
    let spec = if is_path {
        read(Path::new(name))?
    } else {
        PlatformSpec::preset(name).map_err(|error| Failure::input_with_help(&error, error.help()))?
    };
    let size = Size {
        nodes: size.nodes,
        pods: size.pods,
    };
    spec.scaled(size).map_err(|error| Failure::input(&error))
}

fn read(path: &Path) -> Result<PlatformSpec, Failure> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|source| {
        Failure::input(&Unreadable {
            name: name.clone(),
            source,
        })
    })?;
    PlatformSpec::parse(&name, &text).map_err(Failure::in_file)
}

/// The platform's file can't be read.
#[derive(Debug, thiserror::Error)]
#[error("could not read the platform `{name}`")]
struct Unreadable {
    name: String,
    source: io::Error,
}

/// The defects to seed; each must be able to show on the platform.
pub(crate) fn faults(ids: &[String], platform: &PlatformSpec) -> Result<Faults, Failure> {
    for id in ids {
        let defect = Defect::by_id(id).map_err(|error| Failure::input(&error))?;
        plimsoll_calibrate::reaches(platform, defect).map_err(|error| Failure::input(&error))?;
    }
    Ok(ids.iter().map(String::as_str).collect())
}
