//! A run from beginning to end.

use std::{collections::BTreeSet, future::Future, io, iter, sync::Arc};

use futures::{StreamExt, stream};
use plimsoll_checks::{Check, Context, Disruption, Patience, Probe, Settings};
use plimsoll_platform::{ApiError, Budget, Ground, Inventory, Platform, RunId, SurveyError, Workspace};
use plimsoll_program::{ProgrammeVersion, RequirementId};
use plimsoll_record::{Event, PlatformFacts, PlatformKind, RecordWriter, RunStarted, What};

use crate::{
    Journal, Plan, declared,
    execute::{execute, not_run},
    observe::Voice,
    permissions,
};

/// How a run is to be done.
pub struct Options {
    /// The run's id; it is part of every created name.
    pub run: RunId,
    /// The version whose levels apply.
    pub programme: ProgrammeVersion,
    /// What to run.
    pub plan: Plan,
    /// How many checks at once.
    pub jobs: usize,
    /// The probe's image.
    pub probe: Probe,
    /// How long to wait.
    pub patience: Patience,
    /// What the platform's owner says.
    pub settings: Arc<Settings>,
    /// Whether controls may run that disturb the platform.
    pub disruption: bool,
    /// Events of the run that this one resumes; what it finished is not run again.
    pub resumed: Vec<Event>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All selected checks have a verdict.
    Finished,
    /// Somebody asked it to stop; everything was cleaned up.
    Interrupted,
}

/// Why there is no run to speak of.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The platform could not be looked at.
    #[error("could not survey the platform")]
    Survey(#[from] SurveyError),
    /// Permissions could not be asked for.
    #[error("could not ask which permissions this user has")]
    Permissions(#[source] ApiError),
    /// The record could not be written.
    #[error("could not write the record")]
    Record(#[from] io::Error),
}

/// Runs the plan on a platform, until it is done or `stop` resolves.
///
/// # Guarantees
/// Everything created is removed before this returns, on success, error, panic of a check and `stop`;
/// what could not be removed is named by the record's `cleanup-finished` event.
///
/// # Errors
/// When the platform can't be surveyed, or the record can't be written.
pub async fn run(
    platform: &Platform,
    options: Options,
    writer: RecordWriter,
    watcher: impl FnMut(&Event) + Send + 'static,
    stop: impl Future<Output = ()>,
) -> Result<Ending, RunError> {
    let clock = platform.clock().clone();
    let journal = Arc::new(Journal::new(writer, &options.resumed, clock, watcher));
    journal.say(None, What::RunStarted(started(platform, &options)));

    let inventory = plimsoll_platform::survey(platform).await?;
    let facts = serde_json::to_value(&inventory).unwrap_or_default();
    journal.say(None, What::PlatformSurveyed { inventory: facts });
    if !options.settings.stated.is_empty() {
        let source = plimsoll_checks::settings::FILE_NAME.to_owned();
        let fact = serde_json::to_value(&options.settings.stated).unwrap_or_default();
        journal.say(None, What::Observed { source, fact });
    }
    let inventory = Arc::new(options.settings.narrow(inventory));
    for planned in &options.plan.checks {
        journal.say(Some(planned.id()), What::CheckPlanned(planned.facts.clone()));
    }
    declared::tell(&options, &journal);

    let runnable = permitted(platform, &options, &journal).await?;
    let workspace = Workspace::new(platform.clone(), options.run.clone());
    let interrupted = {
        let checks = run_checks(platform, &options, &runnable, &inventory, &workspace, &journal);
        tokio::select! {
            biased;
            () = checks => false,
            () = stop => true,
            () = journal.broken() => false,
        }
    };
    if interrupted {
        journal.say(None, What::Interrupted);
    }
    journal.say(None, What::CleanupStarted);
    let voice = Arc::new(Voice::new(Arc::clone(&journal), None));
    let cleanup = plimsoll_platform::observed(voice, workspace.cleanup()).await;
    journal.say(None, What::CleanupFinished { left: cleanup.left });
    journal.say(None, What::RunFinished);
    match journal.fault() {
        Some(fault) => Err(fault.into()),
        None if interrupted => Ok(Ending::Interrupted),
        None => Ok(Ending::Finished),
    }
}

fn started(platform: &Platform, options: &Options) -> RunStarted {
    RunStarted {
        format: plimsoll_record::FORMAT.to_owned(),
        run: options.run.to_string(),
        plimsoll: env!("CARGO_PKG_VERSION").to_owned(),
        programme: options.programme,
        platform: PlatformFacts {
            kind: match platform.ground() {
                Ground::Cluster => PlatformKind::Cluster,
                Ground::Lab(_) => PlatformKind::Lab,
                Ground::Simulated(_) => PlatformKind::Simulated,
            },
            kubernetes: platform.version().git.clone(),
            context: platform.context().map(str::to_owned),
        },
    }
}

/// The selected checks that have no verdict yet and may do what they must; those that may not get their
/// verdict here, before anything is created.
async fn permitted(
    platform: &Platform,
    options: &Options,
    journal: &Journal,
) -> Result<Vec<&'static dyn Check>, RunError> {
    let finished = finished(&options.resumed);
    let open: Vec<&'static dyn Check> = options
        .plan
        .selected()
        .map(|planned| planned.check)
        .filter(|check| !finished.contains(&check.declaration().id))
        .filter(|check| {
            !options
                .settings
                .declared
                .contains_key(check.declaration().id.as_str())
        })
        .collect();
    let mut runnable = Vec::new();
    for check in open {
        let declaration = check.declaration();
        let needed = permissions([&check]);
        let missing = platform.may(&needed).await.map_err(RunError::Permissions)?;
        if missing.is_empty() {
            runnable.push(check);
        } else {
            let list: Vec<String> = missing.iter().map(ToString::to_string).collect();
            let reason = format!("this user may not {}", list.join("; may not "));
            journal.say(Some(&declaration.id), not_run(reason));
        }
    }
    Ok(runnable)
}

fn finished(events: &[Event]) -> BTreeSet<RequirementId> {
    events
        .iter()
        .filter(|event| matches!(event.what, What::CheckFinished(_)))
        .filter_map(|event| event.requirement.clone())
        .collect()
}

async fn run_checks(
    platform: &Platform,
    options: &Options,
    checks: &[&'static dyn Check],
    inventory: &Arc<Inventory>,
    workspace: &Workspace,
    journal: &Arc<Journal>,
) {
    // Whoever borrows first starts first: the others wait for it.
    let mut checks = checks.to_vec();
    checks.sort_by_key(|check| !check.declaration().need.first);
    let budget = Budget::new(inventory);
    let disruption = Disruption::new(options.disruption);
    let leads = checks.first().is_some_and(|check| check.declaration().need.first);
    let first = leads.then(|| budget.first());
    let budgets = first.into_iter().chain(iter::repeat(budget));
    stream::iter(checks.into_iter().zip(budgets))
        .for_each_concurrent(options.jobs, |(check, budget)| {
            let declaration = check.declaration();
            let voice = Arc::new(Voice::new(Arc::clone(journal), Some(declaration.id.clone())));
            let workspace = workspace.named(declaration.id.as_str());
            let context = Context {
                declaration,
                platform: platform.named(declaration.id.as_str()),
                inventory: Arc::clone(inventory),
                workspace: workspace.clone(),
                budget,
                probe: options.probe.clone(),
                patience: options.patience,
                settings: Arc::clone(&options.settings),
                disruption: disruption.clone(),
                sink: voice.clone(),
            };
            async move {
                journal.say(Some(&declaration.id), What::CheckStarted);
                let ended = execute(check, context, voice).await;
                journal.say(Some(&declaration.id), What::CheckFinished(ended));
                workspace.let_go().await;
            }
        })
        .await;
}
