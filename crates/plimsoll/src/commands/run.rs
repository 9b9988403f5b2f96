//! `plimsoll run`: the main job.

use std::{
    fs,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    sync::Arc,
};

use plimsoll_attestation::SigningKey;
use plimsoll_checks::{Patience, Probe, Settings};
use plimsoll_platform::{Ground, Platform, RunId};
use plimsoll_program::ProgrammeVersion;
use plimsoll_record::{Event, FILE_NAME, RecordWriter};
use plimsoll_report::{Live, RecordedRun, ResultsJson};
use plimsoll_runner::{Ending, Options, RunError};

use super::{Ended, Voice, block_on, config, permissions::plan, report, sign, simulated, try_connect};
use crate::{
    cli::{OutputFormat, RunArgs},
    failure::{Failure, INTERRUPTED},
    interrupt::Interrupts,
};

/// What files that the user named say of a run.
struct Given {
    settings: Arc<Settings>,
    /// What signs the record.
    key: Option<SigningKey>,
}

pub(crate) fn run(args: &RunArgs, voice: Voice) -> Ended {
    // What the user typed is judged before the cluster is asked for anything.
    plan(&args.selection, ProgrammeVersion::V1_37)?;
    let given = Given {
        settings: Arc::new(config::of_run(args.config.as_deref(), voice)?),
        key: args.sign.as_deref().map(sign::signing_key).transpose()?,
    };
    if let Some(chosen) = simulated::chosen(&args.simulated)? {
        return on_simulated_platform(args, &given, &chosen, voice);
    }
    let ended = block_on(async {
        let mut interrupts = Interrupts::listen().map_err(|error| Failure::input(&error))?;
        let connected = tokio::select! {
            biased;
            connected = try_connect(&args.cluster) => connected,
            () = interrupts.next() => return Ok(Some(INTERRUPTED)),
        };
        match connected {
            Ok(platform) => run_on(&platform, RunId::random(), args, &given, voice, interrupts)
                .await
                .map(Some),
            Err(error) if simulated::stands_in(&error, args) => {
                voice.say(format!(
                    "{error}: running on the simulated platform instead (name a cluster with --kubeconfig)"
                ));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    })?;
    match ended {
        Some(code) => Ok(code),
        None => on_simulated_platform(args, &given, &simulated::default(args.simulated.seed), voice),
    }
}

/// Runs in virtual time, on a platform that is brought up for it.
fn on_simulated_platform(args: &RunArgs, given: &Given, chosen: &simulated::Chosen, voice: Voice) -> Ended {
    simulated::in_virtual_time(async || {
        let interrupts = Interrupts::listen().map_err(|error| Failure::input(&error))?;
        let ground = chosen.bring_up().await?;
        let ended = run_on(&ground.platform, chosen.run_id(), args, given, voice, interrupts).await;
        ground.simulation.stop().await;
        ended
    })
}

async fn run_on(
    platform: &Platform,
    run: RunId,
    args: &RunArgs,
    given: &Given,
    voice: Voice,
    interrupts: Interrupts,
) -> Ended {
    let (dir, writer, resumed) = match &args.resume {
        Some(dir) => {
            let (writer, events) = RecordWriter::resume(&dir.join(FILE_NAME))
                .map_err(|error| Failure::input_with_help(&error, "--resume takes the directory of a run"))?;
            (dir.clone(), writer, events)
        }
        None => {
            let dir = args
                .out
                .clone()
                .unwrap_or_else(|| format!("plimsoll-{run}").into());
            let writer = begin(&dir).map_err(|source| {
                let error = Unwritable {
                    dir: dir.clone(),
                    source,
                };
                Failure::input_with_help(&error, "choose another directory with --out")
            })?;
            (dir, writer, Vec::new())
        }
    };
    let programme = programme(args.program, platform)?;
    let options = Options {
        run,
        programme,
        plan: plan(&args.selection, programme)?,
        jobs: args.jobs.into(),
        probe: Probe {
            image: args
                .image
                .clone()
                .or_else(|| owners_image(&given.settings, platform))
                .unwrap_or_else(|| image(platform).to_owned()),
        },
        patience: Patience::scaled(args.timeout_scale),
        settings: Arc::clone(&given.settings),
        disruption: args.allow_disruption,
        resumed,
    };
    let ending = execute(platform, options, writer, voice, interrupts).await?;
    let code = conclude(&dir, args.format, given.key.as_ref(), voice)?;
    Ok(if ending == Ending::Interrupted {
        INTERRUPTED
    } else {
        code
    })
}

/// The image that the owner keeps for the probe. Simulated nodes can pull none of anybody's.
fn owners_image(settings: &Settings, platform: &Platform) -> Option<String> {
    match platform.ground() {
        Ground::Simulated(_) => None,
        Ground::Cluster | Ground::Lab(_) => settings.probe.image.clone(),
    }
}

/// The probe's image there.
fn image(platform: &Platform) -> &'static str {
    match platform.ground() {
        Ground::Simulated(_) => plimsoll_sim::PROBE_IMAGE,
        Ground::Cluster | Ground::Lab(_) => plimsoll_image::reference(),
    }
}

/// Begins a record in the directory. That of an earlier run stays, under another name.
fn begin(dir: &Path) -> io::Result<RecordWriter> {
    fs::create_dir_all(dir)?;
    let record = dir.join(FILE_NAME);
    if record.exists() {
        let kept = (1_u32..)
            .map(|number| dir.join(format!("record.{number}.jsonl")))
            .find(|kept| !kept.exists());
        if let Some(kept) = kept {
            fs::rename(&record, kept)?;
        }
    }
    RecordWriter::create(&record)
}

async fn execute(
    platform: &Platform,
    options: Options,
    writer: RecordWriter,
    voice: Voice,
    mut interrupts: Interrupts,
) -> Result<Ending, Failure> {
    let mut live = live(voice);
    let watcher = move |event: &Event| {
        if let Some(live) = &mut live {
            live.show(event);
        }
    };
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let stopping = async {
        // Resolves when asked to stop; an error would mean that nobody listens any more.
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let twice = async {
        interrupts.next().await;
        voice.say("stopping: removing what this run created (once more to stop at once)");
        let _ = stop.send(());
        interrupts.next().await;
    };
    tokio::select! {
        biased;
        ended = plimsoll_runner::run(platform, options, writer, watcher, stopping) => {
            ended.map_err(|error| match error {
                RunError::Record(_) => Failure::input(&error),
                RunError::Survey(_) | RunError::Permissions(_) => Failure::unreachable(&error),
            })
        }
        () = twice => {
            voice.say("stopped at once: `plimsoll cleanup` removes what is left on the cluster");
            Ok(Ending::Interrupted)
        }
    }
}

fn live(voice: Voice) -> Option<Live> {
    if voice.quiet {
        None
    } else if voice.verbose || !io::stderr().is_terminal() {
        Some(Live::plain(io::stderr()))
    } else {
        Some(Live::terminal(report::colour(&io::stderr())))
    }
}

/// Writes all reports from the record, seals both and says how the run ended.
fn conclude(dir: &Path, format: OutputFormat, key: Option<&SigningKey>, voice: Voice) -> Ended {
    let recorded = RecordedRun::read(dir).map_err(|error| Failure::input(&error))?;
    plimsoll_report::write_all(dir, &recorded).map_err(|error| Failure::input(&error))?;
    sign::seal(dir, &recorded, key)?;
    if format == OutputFormat::Json {
        report::print(&ResultsJson, &recorded)?;
    }
    voice.say(report::table(&recorded, &io::stderr())?);
    voice.say(format!("record and reports: {}", dir.display()));
    Ok(plimsoll_report::exit_code(&recorded).code())
}

/// The output directory can't be used.
#[derive(Debug, thiserror::Error)]
#[error("could not write to the output directory `{}`", dir.display())]
struct Unwritable {
    dir: PathBuf,
    source: io::Error,
}

/// The cluster's version has no programme version.
#[derive(Debug, thiserror::Error)]
#[error("Kubernetes {0} has no version of the programme")]
struct NoProgramme(String);

fn programme(chosen: Option<ProgrammeVersion>, platform: &Platform) -> Result<ProgrammeVersion, Failure> {
    let version = platform.version();
    chosen
        .or_else(|| ProgrammeVersion::from_minor(version.minor))
        .ok_or_else(|| {
            Failure::input_with_help(
                &NoProgramme(version.git.clone()),
                "name one with --program 1.33 … 1.37 to be judged by its levels",
            )
        })
}
