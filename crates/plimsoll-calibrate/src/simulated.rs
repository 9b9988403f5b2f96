//! Runs of the suite on the simulated platform, each on a platform of its own and in virtual time.

use std::{
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use plimsoll_apiserver::User;
use plimsoll_checks::{Patience, Probe, Settings};
use plimsoll_platform::{Clock, ConnectError, Platform, RunId, chain};
use plimsoll_program::ProgrammeVersion;
use plimsoll_record::{Event, RecordWriter};
use plimsoll_runner::Options;
use plimsoll_sim::{Faults, PROBE_IMAGE, Simulation, StartError, on_virtual_time, platform::PlatformSpec};

use crate::{Findings, Trial, findings};

/// How much platform time a run may take. It only ends runs that would never end by themselves.
const AT_MOST: Duration = Duration::from_secs(6 * 3600);

/// The simulated platform as a ground.
#[derive(Clone, Copy, Debug)]
pub struct Simulated;

/// A simulated platform and the suite's view of it.
pub struct SimulatedPlatform {
    /// What runs.
    pub simulation: Simulation,
    /// What the suite sees.
    pub platform: Platform,
}

/// There is no simulated platform to run on.
#[derive(Debug, thiserror::Error)]
pub enum SimulatedError {
    /// It did not come up.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It came up and can't be used.
    #[error("the simulated platform can't be used")]
    Connect(#[from] ConnectError),
}

/// Brings a platform up on this runtime, and connects to it.
///
/// # Errors
/// When it can't be brought up as its file says.
pub async fn run_on(
    platform: &PlatformSpec,
    seed: u64,
    faults: &Faults,
) -> Result<SimulatedPlatform, SimulatedError> {
    let simulation = Simulation::start(platform, seed, faults).await?;
    let client = plimsoll_sim::client(simulation.server(), User::admin());
    let clock = simulation.clock();
    let platform = Platform::over(client, Clock::new(move || clock.now())).await?;
    Ok(SimulatedPlatform { simulation, platform })
}

/// A run's id that only depends on the seed, so that equal runs have equal records.
#[must_use]
pub fn run_id(seed: u64) -> RunId {
    format!("s{seed:x}").parse().unwrap_or_else(|_| RunId::random())
}

impl Simulated {
    pub(crate) fn run(self, trial: &Trial) -> Findings {
        let ended = on_virtual_time(async || tokio::time::timeout(AT_MOST, within(trial)).await);
        match ended {
            Ok(Ok(findings)) => findings,
            Ok(Err(_)) => Err(format!(
                "the run did not end within {} h of platform time",
                AT_MOST.as_secs() / 3600
            )),
            Err(error) => Err(format!("could not start a runtime: {error}")),
        }
    }
}

async fn within(trial: &Trial) -> Findings {
    let faults: Faults = trial
        .subject
        .defects()
        .iter()
        .map(|defect| defect.id.as_str())
        .collect();
    let ground = run_on(&trial.platform, trial.seed, &faults)
        .await
        .map_err(|error| chain(&error))?;
    let programme = ProgrammeVersion::from_minor(trial.platform.kubernetes)
        .ok_or_else(|| format!("Kubernetes 1.{} has no programme", trial.platform.kubernetes))?;
    let plan = plimsoll_runner::Plan::new(plimsoll_checks::ALL, programme, &trial.selection())
        .map_err(|error| chain(&error))?;
    let options = Options {
        run: run_id(trial.seed),
        programme,
        plan,
        jobs: 8,
        probe: Probe {
            image: PROBE_IMAGE.to_owned(),
        },
        patience: Patience::default(),
        settings: Arc::new(Settings::default()),
        disruption: true,
        resumed: Vec::new(),
    };
    let events: Arc<Mutex<Vec<Event>>> = Arc::default();
    let heard = Arc::clone(&events);
    let hear = move |event: &Event| {
        heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(event.clone());
    };
    plimsoll_runner::run(
        &ground.platform,
        options,
        RecordWriter::nowhere(),
        hear,
        pending(),
    )
    .await
    .map_err(|error| chain(&error))?;
    ground.simulation.stop().await;
    let events = events.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(findings::of_events(&events))
}
