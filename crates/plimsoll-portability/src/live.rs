//! Asking a platform itself: a survey, a dry run of each object, and on request a real run.
//!
//! Everything happens in namespaces of a workspace of its own, and is taken away again. A dry run shows what the API and
//! admission take; a real run shows that pods start.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::PostParams,
    core::{ApiResource, DynamicObject},
};
use plimsoll_platform::{
    Apis, CreateError, Deadline, DeadlineKind, Ground, Namespace, PodSecurity, RunId, SurveyError, WaitError,
    Watched, Workspace, pods, workspace::lost_fields,
};
use plimsoll_record::PlatformKind;
use serde_json::{Value, json};

use crate::{
    answer::{Answers, Verdict, answer},
    need::{Fit, look},
    needs::QUEUE,
    node::Node,
    platform::{Platform, PlatformError},
    pods::PodSet,
    read::Manifests,
    workload::Workload,
};

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// The API server says whether it would take the objects; nothing is kept.
    DryRun,
    /// What should run is run.
    Run,
}

/// What became of workloads that were run, by their number.
pub type Trials = BTreeMap<usize, Tried>;

/// What became of a workload that was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// So many of its pods started.
    Started(u64),
    /// They did not, and the platform had its chance.
    Failed(String),
    /// Something else was in the way.
    Unclear(String),
}

/// What a platform said.
#[derive(Debug)]
pub struct Asked {
    /// The platform.
    pub platform: Platform,
    /// What became of what was run.
    pub trials: Trials,
    /// What could not be removed again.
    pub left: Vec<String>,
}

/// The platform could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It could not be surveyed.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// Its inventory can't be used.
    #[error(transparent)]
    Inventory(#[from] PlatformError),
    /// There is no namespace to ask in.
    #[error("could not make a namespace to ask in")]
    Namespace(#[from] CreateError),
    /// It does not say what it serves.
    #[error(transparent)]
    Api(#[from] plimsoll_platform::ApiError),
    /// The inventory is no JSON.
    #[error("could not read the inventory")]
    Json(#[from] serde_json::Error),
}

/// How long pods of a trial may take to start; images may have to be pulled.
const START: Deadline = Deadline {
    name: "pod start",
    kind: DeadlineKind::Patience,
    within: Duration::from_secs(120),
};

/// Asks a platform about all manifests.
///
/// # Errors
/// [`AskError`]. What was created by then is removed.
pub async fn ask(
    cluster: &plimsoll_platform::Platform,
    name: &str,
    manifests: &Manifests,
    run: RunId,
    trial: Trial,
) -> Result<Asked, AskError> {
    let inventory = serde_json::to_value(plimsoll_platform::survey(cluster).await?)?;
    let kind = match cluster.ground() {
        Ground::Cluster => PlatformKind::Cluster,
        Ground::Lab(_) => PlatformKind::Lab,
        Ground::Simulated(_) => PlatformKind::Simulated,
    };
    let mut platform = Platform::surveyed(name, kind, &inventory)?;
    let apis = cluster.discover().await?;
    let workspace = Workspace::new(cluster.clone(), run);
    let asked = within(cluster, &workspace, &apis, manifests, &mut platform, trial).await;
    let cleanup = workspace.cleanup().await;
    Ok(Asked {
        trials: asked?,
        platform,
        left: cleanup.left,
    })
}

async fn within(
    cluster: &plimsoll_platform::Platform,
    workspace: &Workspace,
    apis: &Apis,
    manifests: &Manifests,
    platform: &mut Platform,
    trial: Trial,
) -> Result<Trials, AskError> {
    let namespace = workspace
        .namespace("portability", PodSecurity::Privileged)
        .await?;
    let workloads = crate::workload::workloads(manifests);
    let mut said = BTreeMap::new();
    for workload in &workloads {
        for index in &workload.documents {
            if manifests.documents[*index].unrendered.is_some() || said.contains_key(index) {
                continue;
            }
            let object = manifests.documents[*index].whole();
            let mut answer = dry_run(cluster, apis, &namespace, object.to_json()).await;
            for set in workload
                .pods
                .iter()
                .filter(|set| set.document == *index && set.exact)
            {
                if answer.is_ok()
                    && let Some(pod) = pod_of(&object, set)
                {
                    answer = dry_run(cluster, apis, &namespace, pod).await;
                }
            }
            said.insert(*index, answer);
        }
    }
    platform.admissions = said;
    let mut trials = Trials::new();
    if trial == Trial::Run {
        let answers = answer(manifests, std::slice::from_ref(platform));
        for found in &answers.answers {
            let workload = &answers.workloads[found.workload];
            let refused = found.verdict == Verdict::RunsWithChanges
                || (found.verdict == Verdict::DoesNotRun && found.certain);
            if !refused && !workload.pods.is_empty() {
                let tried = run(workspace, apis, manifests, workload).await?;
                trials.insert(found.workload, tried);
            }
        }
    }
    Ok(trials)
}

/// What the API server would do with an object.
async fn dry_run(
    cluster: &plimsoll_platform::Platform,
    apis: &Apis,
    namespace: &Namespace,
    mut object: Value,
) -> Result<(), String> {
    let field = |name: &str| {
        object
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (api_version, kind) = (field("apiVersion"), field("kind"));
    let Some((served, namespaced)) = served(apis, &api_version, &kind) else {
        return Err(format!("{kind} of {api_version} is not served"));
    };
    let api: Api<DynamicObject> = if namespaced {
        match object.get_mut("metadata").and_then(Value::as_object_mut) {
            Some(metadata) => metadata.insert("namespace".to_owned(), json!(namespace.name())),
            None => return Err(format!("{kind} has no metadata")),
        };
        Api::namespaced_with(cluster.client(), namespace.name(), &served)
    } else {
        Api::all_with(cluster.client(), &served)
    };
    let sent: DynamicObject = serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    match api.create(&params, &sent).await {
        Ok(stored) => {
            let stored = serde_json::to_value(&stored).map_err(|error| error.to_string())?;
            let lost = lost_fields(&object, &stored);
            if lost.is_empty() {
                Ok(())
            } else {
                Err(format!(
                    "the API server drops {} of {kind} without a word",
                    lost.join(", ")
                ))
            }
        }
        // One that is there already was taken once.
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        Err(kube::Error::Api(status)) => Err(format!("a dry run of {kind} was refused: {}", status.message)),
        Err(error) => Err(format!("a dry run of {kind} failed: {error}")),
    }
}

fn served(apis: &Apis, api_version: &str, kind: &str) -> Option<(ApiResource, bool)> {
    Some((
        apis.named(api_version, kind)?,
        apis.is_namespaced(api_version, kind)?,
    ))
}

/// A pod as a controller would make it. Its ServiceAccount may not be there yet, and is not what is asked about.
fn pod_of(object: &Node, set: &PodSet) -> Option<Value> {
    let mut spec = look(object, &set.spec)?.clone();
    spec.remove("serviceAccountName");
    spec.remove("serviceAccount");
    let metadata = look(object, &set.metadata).map(Node::to_json);
    let mut metadata = metadata.filter(Value::is_object).unwrap_or_else(|| json!({}));
    metadata["name"] = json!("plimsoll-portability");
    Some(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec.to_json()}))
}

/// Why a workload would never start in a namespace of its own: its queue is in another.
fn waits_for_a_queue(apis: &Apis, manifests: &Manifests, workload: &Workload) -> Option<String> {
    if manifests
        .documents
        .iter()
        .any(|document| document.kind() == "LocalQueue")
    {
        return None;
    }
    let main = &manifests.documents[workload.main].node;
    let suspended = main.at("spec.suspend").is_true();
    let served = ["v1beta2", "v1beta1"].iter().any(|version| {
        apis.named(&format!("kueue.x-k8s.io/{version}"), "LocalQueue")
            .is_some()
    });
    match main.at("metadata.labels").get(QUEUE).text() {
        // Kueue suspends what names a queue.
        Some(queue) if suspended || served => Some(format!(
            "it waits for the LocalQueue `{queue}`, which is not in the namespace of a trial: give it with -f"
        )),
        None if suspended => Some("it is suspended, and nothing in the manifests lets it go on".to_owned()),
        Some(_) | None => None,
    }
}

/// Runs a workload in a namespace of its own until its pods have started.
async fn run(
    workspace: &Workspace,
    apis: &Apis,
    manifests: &Manifests,
    workload: &Workload,
) -> Result<Tried, AskError> {
    let main = &manifests.documents[workload.main];
    if let Some(why) = waits_for_a_queue(apis, manifests, workload) {
        return Ok(Tried::Unclear(why));
    }
    let namespace = workspace.namespace("trial", PodSecurity::Privileged).await?;
    // What others need comes first; the pods come last.
    let supporting = (0..manifests.documents.len()).filter(|index| {
        let document = &manifests.documents[*index];
        let plain = document.is_plain() || document.kind() == "Service";
        let here = document.namespace() == main.namespace();
        (plain && here) || (workload.documents.contains(index) && *index != workload.main)
    });
    for index in supporting.chain([workload.main]) {
        let document = &manifests.documents[index];
        let object = document.whole();
        if apis.is_namespaced(document.api_version(), document.kind()) != Some(true) {
            continue;
        }
        if let Err(error) = namespace.create(object.to_json()).await {
            let title = document.title();
            return Ok(match error {
                CreateError::Refused { .. } | CreateError::Invalid { .. } | CreateError::Unserved { .. } => {
                    Tried::Failed(format!("{title}: {error}"))
                }
                error => Tried::Unclear(format!("{title}: {error}")),
            });
        }
    }
    let count: u64 = workload.pods.iter().map(|set| set.count).sum();
    let wanted = usize::try_from(count).unwrap_or(usize::MAX).max(1);
    let started = Watched::all(namespace.api::<Pod>())
        .until(pods::started().count(wanted), START)
        .await;
    Ok(match started {
        Ok(_) => Tried::Started(count),
        Err(error @ (WaitError::Never(_) | WaitError::Elapsed { .. })) if error.blames_platform() => {
            Tried::Failed(error.to_string())
        }
        Err(error) => Tried::Unclear(error.to_string()),
    })
}

/// Lets what was seen outweigh what was concluded.
pub fn apply(answers: &mut Answers, platform: usize, trials: &Trials) {
    let needs = &answers.needs;
    let of_platform = answers
        .answers
        .iter_mut()
        .filter(|answer| answer.platform == platform);
    for answer in of_platform {
        match trials.get(&answer.workload) {
            Some(Tried::Started(count)) => {
                for (need, fit) in needs[answer.workload].iter().zip(&mut answer.fits) {
                    if need.kind.shows_when_pods_start()
                        && let Fit::Surveyed(_) | Fit::Unknown(_) = fit
                    {
                        *fit = Fit::Proven(format!("{count} pods started in a trial"));
                    }
                }
                answer.settle(Vec::new());
            }
            Some(Tried::Failed(why)) => {
                answer.verdict = Verdict::DoesNotRun;
                answer.certain = true;
                answer
                    .reasons
                    .insert(0, format!("tried, and it did not start: {why}"));
            }
            Some(Tried::Unclear(why)) => {
                answer.verdict = Verdict::DoesNotRun;
                answer.certain = false;
                answer
                    .reasons
                    .insert(0, format!("cannot tell: the trial did not get through: {why}"));
            }
            None => {}
        }
    }
}
