//! V5: somebody keeps the statements true.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Node;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use plimsoll_platform::{Condition, Permission, Progress, Seen, Verb, Watched};
use serde_json::{Value, json};

use super::{Statements, fleet::Fleet, judge, keepers, statement::Source};
use crate::{
    Context, Trial,
    probe_pod::{Ruling, chain},
};

/// What it takes to remove a label from a node.
const MAY_CHANGE: &[Permission] = &[Permission::read("", "nodes").verbs(&[Verb::Patch])];

/// The statements are on every node with hardware, and what keeps them is complete.
pub(super) async fn kept(
    context: &Context,
    fleet: &Fleet,
    statements: &Statements,
    nodes: &BTreeMap<String, Node>,
) -> Ruling {
    let gaps = judge::gaps(fleet, statements);
    for (source, lacking) in &gaps {
        if let Some(site) = lacking.first() {
            let taints = nodes
                .get(&site.node)
                .and_then(|node| node.spec.as_ref()?.taints.clone())
                .unwrap_or_default();
            let taints: Vec<String> = taints
                .iter()
                .map(|taint| format!("{}:{}", taint.key, taint.effect))
                .collect();
            let why = if taints.is_empty() {
                String::new()
            } else {
                format!(
                    "; it has the taint {}, which whoever keeps the label may not tolerate",
                    taints.join(", ")
                )
            };
            return Ruling::Wrong(format!(
                "node `{}` has {} accelerators and lacks the {source} that {} other nodes have{why}",
                site.node,
                fleet.name,
                fleet.sites.len() - lacking.len()
            ));
        }
    }
    let kept = keepers::complete(context, fleet, nodes).await;
    let sources: Vec<String> = gaps.iter().map(|(source, _)| source.to_string()).collect();
    kept.in_short(|| {
        let stated = if sources.is_empty() {
            "by its devices alone".to_owned()
        } else {
            format!("by the {} of every node", sources.join(" and "))
        };
        format!(
            "the driver of {} is stated {stated}, and what keeps it is complete",
            fleet.name
        )
    })
}

/// V5b: a label that is taken away comes back. It disturbs whoever selects nodes by it, so it takes consent.
pub(super) async fn returns(context: &Context, fleet: &Fleet, statements: &Statements, trial: &Trial) {
    const CONTROL: &str = "V5b";
    let labelled = statements.iter().find_map(|(node, stated)| {
        stated.iter().find_map(|statement| match &statement.source {
            Source::Label(label) => Some((node, label, statement)),
            Source::Attribute(_) | Source::Object(_) => None,
        })
    });
    let Some((node, label, statement)) = labelled else {
        // What devices state is gone with them; there is no label to take away.
        return;
    };
    if !context.disruption.is_allowed() {
        trial.not_run(
            CONTROL,
            format!(
                "whether somebody puts label {label} back when it is lost; `--allow-disruption` lets it be taken off \
                 node `{node}` for a moment"
            ),
        );
        return;
    }
    match context.platform.may(MAY_CHANGE).await {
        Ok(missing) if missing.is_empty() => {}
        Ok(_) => {
            trial.not_run(
                CONTROL,
                format!("this user may not change nodes, so label {label} stays where it is"),
            );
            return;
        }
        Err(error) => {
            trial.undecided(CONTROL, chain(&error));
            return;
        }
    }
    let _turn = context.disruption.begin().await;
    take_away(context, fleet, node, label, &statement.version)
        .await
        .tell(trial, CONTROL);
}

async fn take_away(context: &Context, fleet: &Fleet, node: &str, label: &str, version: &str) -> Ruling {
    let api: Api<Node> = Api::all(context.platform.client());
    if let Err(error) = set(&api, node, label, Value::Null).await {
        return Ruling::Undecided(format!(
            "label {label} could not be taken off node `{node}`: {}",
            chain(&error)
        ));
    }
    let back = {
        let label = label.to_owned();
        (move |seen: &Seen<Node>| match seen.one() {
            None => Progress::Obstructed("the node is gone".to_owned()),
            Some(found)
                if found
                    .metadata
                    .labels
                    .as_ref()
                    .is_some_and(|labels| labels.contains_key(&label)) =>
            {
                Progress::Met
            }
            Some(_) => Progress::NotYet(format!("label {label} is not back")),
        })
        .called("a label that was taken away to come back")
    };
    let began = tokio::time::Instant::now();
    let waited = Watched::one(api.clone(), node)
        .until(back, context.patience.label_return())
        .await;
    let error = match waited {
        Ok(_) => {
            return Ruling::Right(format!(
                "label {label} was taken off node `{node}` and is back after {} ms",
                began.elapsed().as_millis()
            ));
        }
        Err(error) => error,
    };
    let restored = match set(&api, node, label, json!(version)).await {
        Ok(()) => "; we put it back".to_owned(),
        Err(failed) => format!("; it could not be put back: {}", chain(&failed)),
    };
    let text = format!(
        "label {label} of node `{node}` is not kept: it was taken away and nobody put it back ({}){restored}",
        chain(&error)
    );
    if error.blames_platform() {
        Ruling::Wrong(format!("{text}; {} nodes rely on it", fleet.name))
    } else {
        Ruling::Undecided(text)
    }
}

async fn set(api: &Api<Node>, node: &str, label: &str, value: Value) -> Result<(), kube::Error> {
    let patch = json!({"metadata": {"labels": {label: value}}});
    api.patch(node, &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .map(drop)
}
