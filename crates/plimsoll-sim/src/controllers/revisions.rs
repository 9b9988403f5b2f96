//! ControllerRevisions: the templates that a set of pods has had.

use plimsoll_apiserver::{DeleteOptions, Direct, Object, Reason, Status, resources};
use serde_json::{Value, json};

use super::{
    facts::meta,
    pods::{adoption, template},
};

/// The revisions of a set, oldest first.
pub(crate) fn of(api: &Direct, owner: &Value) -> Vec<Object> {
    let mut revisions = adoption::controlled(api, owner, &resources::CONTROLLER_REVISIONS);
    revisions.sort_by_key(|revision| (number(revision), meta::name(revision).to_owned()));
    revisions
}

pub(crate) fn number(revision: &Value) -> i64 {
    meta::number(&revision["revision"], 0)
}

/// What of a set a revision keeps.
fn data(owner: &Value) -> Value {
    let mut template = owner["spec"]["template"].clone();
    template["$patch"] = json!("replace");
    json!({"spec": {"template": template}})
}

/// The template that a revision keeps.
pub(crate) fn template_of(revision: &Value) -> Value {
    let mut template = revision["data"]["spec"]["template"].clone();
    if let Some(template) = template.as_object_mut() {
        template.remove("$patch");
    }
    template
}

/// The revision of a set's present template: found, brought to the front, or made, with its hash as that label.
///
/// # Errors
/// As the API refuses it.
pub(crate) async fn present(
    api: &Direct,
    owner: &Object,
    revisions: &[Object],
    hash_label: &str,
) -> Result<Object, Status> {
    let data = data(owner);
    let newest = revisions.last().map_or(0, |revision| number(revision));
    if let Some(known) = revisions.iter().rev().find(|revision| revision["data"] == data) {
        if number(known) == newest {
            return Ok(known.clone());
        }
        let mut next = (**known).clone();
        next["revision"] = json!(newest + 1);
        return api.update(next).await;
    }
    let mut collisions = meta::number(&owner["status"]["collisionCount"], 0);
    loop {
        let hash = template::hash(&owner["spec"]["template"], collisions);
        let mut labels = owner["spec"]["template"]["metadata"]["labels"].clone();
        if !labels.is_object() {
            labels = json!({});
        }
        labels[hash_label] = json!(hash);
        let revision = json!({
            "apiVersion": "apps/v1", "kind": "ControllerRevision",
            "metadata": {
                "name": format!("{}-{hash}", meta::name(owner)),
                "namespace": meta::namespace(owner),
                "labels": labels,
                "ownerReferences": [meta::controlled_by(owner)],
            },
            "data": data, "revision": newest + 1,
        });
        match api.create(revision).await {
            Err(refusal) if refusal.reason == Reason::AlreadyExists => collisions += 1,
            outcome => return outcome,
        }
    }
}

/// Deletes the oldest revisions that nobody uses, beyond the number that the set keeps.
///
/// # Errors
/// As the API refuses it.
pub(crate) async fn truncate(
    api: &Direct,
    owner: &Value,
    revisions: &[Object],
    in_use: impl Fn(&Value) -> bool,
) -> Result<(), Status> {
    let kept = usize::try_from(meta::number(&owner["spec"]["revisionHistoryLimit"], 10)).unwrap_or_default();
    let unused: Vec<&Object> = revisions.iter().filter(|revision| !in_use(revision)).collect();
    for revision in unused.iter().take(unused.len().saturating_sub(kept)) {
        let (namespace, name) = (Some(meta::namespace(revision)), meta::name(revision));
        let gone = api
            .delete(
                &resources::CONTROLLER_REVISIONS,
                namespace,
                name,
                DeleteOptions::default(),
            )
            .await;
        match gone {
            Err(refusal) if refusal.reason != Reason::NotFound => return Err(refusal),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
