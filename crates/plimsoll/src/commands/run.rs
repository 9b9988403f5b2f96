//! `plimsoll run`: the main job.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use plimsoll_checks::{Patience, Probe};
use plimsoll_platform::Platform;
use plimsoll_program::ProgrammeVersion;
use plimsoll_record::{Event, RecordWriter, What};
use plimsoll_report::{Live, RecordedRun};
use plimsoll_runner::{Ending, Options, RunError};

use super::{Ended, Voice, block_on, connect, permissions::plan, print};
use crate::{
    cli::{OutputFormat, RunArgs},
    failure::{Failure, INTERRUPTED},
    interrupt::Interrupts,
};

/// The record's name within a run's directory.
const RECORD: &str = "record.jsonl";

pub(crate) fn run(args: &RunArgs, voice: Voice) -> Ended {
    // A wrong id is told before the cluster is asked for anything.
    plan(&args.selection, ProgrammeVersion::V1_37)?;
    block_on(async {
        let mut interrupts = Interrupts::listen().map_err(|error| Failure::input(&error))?;
        let earlier = args.resume.as_deref().map(read).transpose()?;
        let platform = tokio::select! {
            platform = connect(&args.cluster) => platform?,
            () = interrupts.next() => return Ok(INTERRUPTED),
        };
        let record = Place::prepare(args, earlier)?;
        let ending = record.fill(&platform, args, voice, interrupts).await?;
        let code = record.report(args.format, voice)?;
        Ok(if ending == Ending::Interrupted { INTERRUPTED } else { code })
    })
}

/// Where a run is kept, and what is there already.
struct Place {
    dir: PathBuf,
    run: String,
    resumed: Vec<Event>,
}

impl Place {
    /// Makes sure of the directory before anything is created on the cluster.
    fn prepare(args: &RunArgs, earlier: Option<Vec<Event>>) -> Result<Self, Failure> {
        let run = new_run_id();
        let (dir, resumed) = match (&args.resume, earlier) {
            (Some(dir), Some(events)) => (dir.clone(), events),
            _ => (args.out.clone().unwrap_or_else(|| format!("plimsoll-{run}").into()), Vec::new()),
        };
        let place = Self { dir, run, resumed };
        place.make_room().map_err(|source| {
            let error = Unwritable { dir: place.dir.clone(), source };
            Failure::input_with_help(&error, "choose another directory with --out")
        })?;
        Ok(place)
    }

    /// Keeps the record of an earlier run in the same directory: evidence is never overwritten.
    fn make_room(&self) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let record = self.dir.join(RECORD);
        if self.resumed.is_empty() && record.exists() {
            let number = (1..).find(|number| !self.kept(*number).exists()).unwrap_or(1);
            fs::rename(&record, self.kept(number))?;
        }
        tempfile::NamedTempFile::new_in(&self.dir).map(drop)
    }

    fn kept(&self, number: u32) -> PathBuf {
        self.dir.join(format!("record.{number}.jsonl"))
    }

    async fn fill(
        &self,
        platform: &Platform,
        args: &RunArgs,
        voice: Voice,
        mut interrupts: Interrupts,
    ) -> Result<Ending, Failure> {
        let programme = programme(args.program, platform)?;
        let options = Options {
            run: self.run.clone(),
            programme,
            plan: plan(&args.selection, programme)?,
            jobs: args.jobs.into(),
            probe: Probe { image: args.image.clone().unwrap_or_else(|| plimsoll_image::reference().to_owned()) },
            patience: Patience::scaled(args.timeout_scale),
            resumed: self.resumed.clone(),
        };
        let writer = RecordWriter::append_to(&self.dir.join(RECORD))
            .map_err(|source| Failure::input(&Unwritable { dir: self.dir.clone(), source }))?;
        let mut live = (!voice.quiet).then(|| Live::on_standard_error(voice.verbose));
        let watcher = move |event: &Event| {
            if let Some(live) = &mut live {
                live.show(event);
            }
        };
        let stop = async {
            interrupts.next().await;
            voice.say("stopping: removing what this run created; once more to stop at once");
        };
        let ended = plimsoll_runner::run(platform, options, writer, watcher, stop).await;
        ended.map_err(|error| match error {
            RunError::Record(_) => Failure::input(&error),
            RunError::Survey(_) | RunError::Permissions(_) => Failure::unreachable(&error),
        })
    }

    /// Writes all reports from the record and says how the run ended.
    fn report(&self, format: OutputFormat, voice: Voice) -> Ended {
        let recorded = RecordedRun::read(&self.dir).map_err(|error| Failure::input(&error))?;
        plimsoll_report::write_all(&self.dir, &recorded).map_err(|error| Failure::input(&error))?;
        if format == OutputFormat::Json {
            print(&plimsoll_report::to_string(&plimsoll_report::ResultsJson, &recorded))?;
        }
        voice.say(super::report::table(&recorded));
        voice.say(format!("record and reports: {}", self.dir.display()));
        Ok(plimsoll_report::exit_code(&recorded))
    }
}

/// The output directory can't be used.
#[derive(Debug, thiserror::Error)]
#[error("could not write to the output directory `{dir}`")]
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
    chosen.or_else(|| ProgrammeVersion::from_minor(version.minor)).ok_or_else(|| {
        Failure::input_with_help(
            &NoProgramme(version.git.clone()),
            "name one with --program 1.33 … 1.37 to be judged by its levels",
        )
    })
}

/// The events of the run to go on with.
fn read(dir: &Path) -> Result<Vec<Event>, Failure> {
    let events = plimsoll_record::read(&dir.join(RECORD)).map_err(|error| Failure::input(&error))?;
    let undecided = |event: &Event| !matches!(event.what, What::RunFinished | What::Interrupted);
    Ok(events.into_iter().filter(undecided).collect())
}

/// Eight characters that can stand in any Kubernetes name; random, so that runs never share one.
fn new_run_id() -> String {
    use std::hash::{BuildHasher, RandomState};
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let random = RandomState::new().hash_one(jiff::Timestamp::now().as_nanosecond());
    (0..8).map(|place| char::from(ALPHABET[(random >> (place * 5)) as usize % ALPHABET.len()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_can_stand_in_kubernetes_names() {
        for _ in 0..100 {
            let id = new_run_id();
            assert!(id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{id}");
        }
    }
}
