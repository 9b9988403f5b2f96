//! `plimsoll calibrate`: the suite itself on trial.

use std::{
    fs,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use plimsoll_calibrate::{
    Calibration, Colour, Ground, Lab, Plan, Progress, Request, Simulated, Subject, document::Document, page,
    table,
};

use super::{Ended, Voice, block_on, print, print_json, simulated};
use crate::{
    cli::{CalibrateArgs, CalibrateFormat, SizeArgs},
    failure::{Failure, INTERRUPTED},
    interrupt::Interrupts,
};

/// How wide a table is where no terminal says: what still reads well in a log.
const PLAIN_WIDTH: u16 = 140;

pub(crate) fn calibrate(args: &CalibrateArgs, voice: Voice) -> Ended {
    let own_size = SizeArgs {
        nodes: None,
        pods: None,
    };
    let platform = args
        .simulate
        .as_deref()
        .map(|name| simulated::find(name, &own_size))
        .transpose()?;
    let request = Request {
        platform,
        defects: args.defect.clone(),
        only: args.only.clone(),
        pairs: args.pairs.into(),
        seeds: args.seeds,
        seed: args.seed,
    };
    let (plan, ground) = if args.lab {
        let lab = Lab::beside_this_program().map_err(|error| {
            Failure::input_with_help(&error, "build it with `cargo build --release -p plimsoll-lab`")
        })?;
        (Plan::lab(&request), Ground::Lab(lab))
    } else {
        (Plan::simulated(&request), Ground::Simulated(Simulated))
    };
    let plan = plan.map_err(|error| Failure::input(&error))?;

    let stop = Arc::new(AtomicBool::new(false));
    listen(Arc::clone(&stop), voice);
    let calibration = plimsoll_calibrate::calibrate(&ground, plan, &stop, |progress| tell(&progress, voice));
    if let Some(dir) = &args.out {
        write(dir, &calibration)?;
        voice.say(format!("wrote the kill matrix into {}", dir.display()));
    }
    match args.format {
        CalibrateFormat::Table => print(&table(&calibration, colour(), width()))?,
        CalibrateFormat::Json => print_json(&Document::of(&calibration))?,
        CalibrateFormat::Html => print(&page(&calibration))?,
    }
    Ok(match (stop.load(Ordering::Relaxed), calibration.is_sound()) {
        (true, _) => INTERRUPTED,
        (false, true) => 0,
        (false, false) => 1,
    })
}

/// An interrupt ends the calibration after the runs that are under way; a second one at once.
fn listen(stop: Arc<AtomicBool>, voice: Voice) {
    std::thread::spawn(move || block_on(heed(stop, voice)));
}

async fn heed(stop: Arc<AtomicBool>, voice: Voice) -> Result<(), Failure> {
    let mut interrupts = Interrupts::listen().map_err(|error| Failure::input(&error))?;
    interrupts.next().await;
    voice.say("stopping after the runs under way (once more to stop at once)");
    stop.store(true, Ordering::Relaxed);
    interrupts.next().await;
    leave()
}

#[expect(clippy::exit, reason = "asked twice, and the work is on other threads")]
fn leave() -> ! {
    std::process::exit(INTERRUPTED.into())
}

fn tell(progress: &Progress<'_>, voice: Voice) {
    let judged = progress.last;
    let name = match judged.trial.subject {
        Subject::Sound => format!("sound: {}", judged.trial.platform.name),
        Subject::Defect(defect) => defect.id.clone(),
        Subject::UnderLatency(defect) => format!("{} (slow platform)", defect.id),
        Subject::Pair(first, second) => format!("{} + {}", first.id, second.id),
    };
    let became = match &judged.judgement {
        Some(judgement) => judgement.outcome.name().to_owned(),
        None if judged.alarms.is_empty() => "no alarm".to_owned(),
        None => format!("FALSE ALARM: {}", judged.alarms.join("; ")),
    };
    voice.say(format!("[{}/{}] {name}: {became}", progress.done, progress.total));
}

fn write(dir: &Path, calibration: &Calibration) -> Result<(), Failure> {
    let failed = |source| {
        Failure::input(&Unwritable {
            dir: dir.to_owned(),
            source,
        })
    };
    let json =
        serde_json::to_string_pretty(&Document::of(calibration)).map_err(|error| Failure::input(&error))?;
    fs::create_dir_all(dir).map_err(failed)?;
    for (name, text) in [
        ("calibration.json", json + "\n"),
        ("calibration.html", page(calibration)),
        (
            "calibration.txt",
            table(calibration, Colour::Never, Some(PLAIN_WIDTH)),
        ),
    ] {
        fs::write(dir.join(name), text).map_err(failed)?;
    }
    Ok(())
}

/// The output directory can't be used.
#[derive(Debug, thiserror::Error)]
#[error("could not write to the output directory `{}`", dir.display())]
struct Unwritable {
    dir: PathBuf,
    source: io::Error,
}

fn colour() -> Colour {
    match anstream::AutoStream::choice(&io::stdout()) {
        anstream::ColorChoice::Never => Colour::Never,
        _ => Colour::Always,
    }
}

fn width() -> Option<u16> {
    let terminal = io::stdout().is_terminal();
    terminal
        .then(|| comfy_table::Table::new().width())
        .flatten()
        .or(Some(PLAIN_WIDTH))
}
