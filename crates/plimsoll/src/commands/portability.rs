//! `plimsoll portability`: whether workloads run on platforms.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
};

use plimsoll_platform::RunId;
use plimsoll_portability::{
    AdaptError, Answers, Colour, Limits, Manifests, Platform, Source, adapted, answer, document::Row, live,
    read, rows, table, write,
};
use plimsoll_report::RecordedRun;

use super::{Ended, Voice, block_on, connect, print};
use crate::{
    cli::ClusterArgs,
    failure::{Failure, INTERRUPTED},
    interrupt::Interrupts,
    portability_args::{PortabilityArgs, TableFormat},
};

pub(crate) fn portability(args: &PortabilityArgs, voice: Voice) -> Ended {
    let manifests = manifests(&args.files)?;
    for note in &manifests.notes {
        voice.say(format!("{}:{}: {}", note.file, note.line, note.text));
    }
    let mut platforms = Vec::new();
    for dir in &args.on {
        platforms.push(recorded(dir)?);
    }
    let mut trials = BTreeMap::new();
    if !args.context.is_empty() {
        let ended = block_on(async {
            let mut interrupts = Interrupts::listen().map_err(|error| Failure::input(&error))?;
            for context in &args.context {
                tokio::select! {
                    biased;
                    // The namespaces carry the run's label: whoever interrupts twice has `plimsoll cleanup`.
                    () = interrupts.next() => return Ok(None),
                    asked = ask(args, context, &manifests, voice) => {
                        let (platform, tried) = asked?;
                        trials.insert(platforms.len(), tried);
                        platforms.push(platform);
                    }
                }
            }
            Ok(Some(()))
        })?;
        if ended.is_none() {
            voice.say("stopped: `plimsoll cleanup` removes what is left on the cluster");
            return Ok(INTERRUPTED);
        }
    }
    distinct(&mut platforms);
    let mut answers = answer(&manifests, &platforms);
    for (number, tried) in &trials {
        live::apply(&mut answers, *number, tried);
    }
    match args.format {
        TableFormat::Json => print_rows(&rows(&manifests, &platforms, &answers))?,
        TableFormat::Table => print(&table(&manifests, &platforms, &answers, colour()))?,
    }
    if let Some(dir) = &args.adapt {
        adapt(dir, &manifests, &platforms, &answers, voice)?;
    }
    Ok(answers.exit_code())
}

/// Prints answers as they are written: for a thousand manifests they are many.
fn print_rows(rows: &[Row<'_>]) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = serde_json::to_writer_pretty(&mut out, rows)
        .map_err(io::Error::from)
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::input(&error)),
        _ => Ok(()),
    }
}

fn manifests(files: &[PathBuf]) -> Result<Manifests, Failure> {
    let sources = files
        .iter()
        .map(|file| {
            if file == Path::new("-") {
                Source::Stream("-".to_owned(), Box::new(io::stdin()))
            } else {
                Source::Path(file.clone())
            }
        })
        .collect();
    let manifests =
        read(sources, Limits::default()).map_err(|error| Failure::input_with_help(&error, error.help()))?;
    if manifests.documents.is_empty() {
        return Err(Failure::input_with_help(
            &NoManifest,
            "-f takes manifests, folders of manifests, and `-` for standard input",
        ));
    }
    Ok(manifests)
}

/// There is nothing to ask about.
#[derive(Debug, thiserror::Error)]
#[error("no object of Kubernetes in the manifests")]
struct NoManifest;

fn recorded(dir: &Path) -> Result<Platform, Failure> {
    let help = "--on takes the directories of runs, as `plimsoll run --out DIR` writes them";
    let run = RecordedRun::read(dir).map_err(|error| Failure::input_with_help(&error, help))?;
    let name = dir.file_name().map_or_else(
        || dir.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    );
    Platform::recorded(&name, &run).map_err(|error| Failure::input_with_help(&error, help))
}

/// Two records in folders of one name are told apart by number.
fn distinct(platforms: &mut [Platform]) {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for platform in platforms {
        let count = seen.entry(platform.name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            platform.name = format!("{}-{count}", platform.name);
        }
    }
}

async fn ask(
    args: &PortabilityArgs,
    context: &str,
    manifests: &Manifests,
    voice: Voice,
) -> Result<(Platform, live::Trials), Failure> {
    let cluster = ClusterArgs {
        kubeconfig: args.kubeconfig.clone(),
        context: Some(context.to_owned()),
    };
    let platform = connect(&cluster).await?;
    let trial = if args.trial {
        live::Trial::Run
    } else {
        live::Trial::DryRun
    };
    let asked = live::ask(&platform, context, manifests, RunId::random(), trial)
        .await
        .map_err(|error| Failure::unreachable(&error))?;
    for left in &asked.left {
        voice.say(format!(
            "left behind on {context}: {left} (`plimsoll cleanup` removes it)"
        ));
    }
    Ok((asked.platform, asked.trials))
}

fn adapt(
    dir: &Path,
    manifests: &Manifests,
    platforms: &[Platform],
    answers: &Answers,
    voice: Voice,
) -> Result<(), Failure> {
    let failed = |error: AdaptError| match &error {
        AdaptError::Exists { .. } => {
            Failure::input_with_help(&error, "choose another directory with --adapt")
        }
        AdaptError::Unwritable { .. } | AdaptError::Unsound { .. } => Failure::input(&error),
    };
    let mut files = BTreeMap::new();
    for (number, platform) in platforms.iter().enumerate() {
        if let Some(changed) = adapted(manifests, answers, platforms, number).map_err(failed)? {
            files.insert(folder(&platform.name), changed);
        }
    }
    if files.is_empty() {
        voice.say("nothing to adapt: no workload needs changes that would make it run");
        return Ok(());
    }
    write(dir, &files).map_err(failed)?;
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    voice.say(format!(
        "wrote changed manifests for {} into {}",
        names.join(", "),
        dir.display()
    ));
    Ok(())
}

/// A platform's name as a folder's.
fn folder(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || "-_.@".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    if name.trim_matches('.').is_empty() {
        "platform".to_owned()
    } else {
        name
    }
}

fn colour() -> Colour {
    match anstream::AutoStream::choice(&io::stdout()) {
        anstream::ColorChoice::Never => Colour::Never,
        _ => Colour::Always,
    }
}
