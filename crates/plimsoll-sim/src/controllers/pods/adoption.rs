//! Which pods are an owner's: those that it controls, and orphans that its selector finds.

use plimsoll_apiserver::{Direct, GroupResource, Object, Reason, Status, resources};
use serde_json::{Value, json};

use super::{
    super::facts::{Selector, meta, pod},
    candidates::Candidates,
};

/// The objects of a collection that the owner controls, by name.
pub(crate) fn controlled(api: &Direct, owner: &Value, of: &GroupResource) -> Vec<Object> {
    let uid = meta::uid(owner);
    let mut owned: Vec<Object> = api
        .owned_by(uid)
        .into_iter()
        .filter(|(own, object)| own == of && meta::controller_uid(object) == Some(uid))
        .map(|(_, object)| object)
        .collect();
    owned.sort_by(|a, b| meta::name(a).cmp(meta::name(b)));
    owned
}

/// Lets go of what the selector no longer finds, and says what remains.
///
/// # Errors
/// As the API refuses it.
pub(crate) async fn release_strangers(
    api: &Direct,
    owner: &Value,
    of: &GroupResource,
    selector: &Selector,
) -> Result<Vec<Object>, Status> {
    let mut own = Vec::new();
    for object in controlled(api, owner, of) {
        if selector.selects(&object) || meta::deleting(owner) {
            own.push(object);
            continue;
        }
        if meta::deleting(&object) {
            continue;
        }
        let rest: Vec<&Value> = meta::owners(&object)
            .iter()
            .filter(|reference| reference["uid"] != meta::uid(owner))
            .collect();
        let rest = if rest.is_empty() { Value::Null } else { json!(rest) };
        let patch = json!({"metadata": {"uid": meta::uid(&object), "ownerReferences": rest}});
        api.merge(
            of,
            Some(meta::namespace(&object)),
            meta::name(&object),
            None,
            patch,
        )
        .await?;
    }
    Ok(own)
}

/// Whether an owner would take that object in: an orphan that its selector finds, both alive.
pub(crate) fn adoptable(owner: &Value, selector: &Selector, object: &Value) -> bool {
    meta::controller_of(object).is_none()
        && !meta::deleting(object)
        && !meta::deleting(owner)
        && meta::namespace(owner) == meta::namespace(object)
        && selector.selects(object)
}

/// Makes the owner the object's controller.
///
/// # Errors
/// As the API refuses it, such as a conflict with another one who does the same.
pub(crate) async fn adopt(
    api: &Direct,
    owner: &Value,
    of: &GroupResource,
    object: &Value,
    finalizer: Option<&str>,
) -> Result<Object, Status> {
    let mut references = meta::owners(object).to_vec();
    references.push(meta::controlled_by(owner));
    let mut patch = json!({"metadata": {
        "uid": meta::uid(object), "resourceVersion": meta::text(object, "resourceVersion"),
        "ownerReferences": references,
    }});
    if let Some(finalizer) = finalizer {
        let mut finalizers: Vec<&str> = meta::finalizers(object).collect();
        finalizers.push(finalizer);
        patch["metadata"]["finalizers"] = json!(finalizers);
    }
    api.merge(of, Some(meta::namespace(object)), meta::name(object), None, patch)
        .await
}

/// The owner's pods, by name: those that it controls without those it released, and orphans that it adopted.
///
/// # Errors
/// As the API refuses it.
pub(crate) async fn claim_pods(
    api: &Direct,
    owner: &Value,
    candidates: &mut Candidates,
    finalizer: Option<&str>,
) -> Result<Vec<Object>, Status> {
    let orphans = candidates.of(api, owner);
    claim(api, owner, orphans, finalizer)
        .await
        .inspect_err(|_| candidates.look_around_again(owner))
}

/// The same with orphans of the owner's choice.
///
/// # Errors
/// As the API refuses it.
pub(crate) async fn claim(
    api: &Direct,
    owner: &Value,
    orphans: Vec<Object>,
    finalizer: Option<&str>,
) -> Result<Vec<Object>, Status> {
    let selector = Selector::of(&owner["spec"]["selector"]);
    let mut own = release_strangers(api, owner, &resources::PODS, &selector).await?;
    let mut adopted = false;
    for orphan in orphans {
        if !adoptable(owner, &selector, &orphan) || pod::terminal(&orphan) {
            continue;
        }
        match adopt(api, owner, &resources::PODS, &orphan, finalizer).await {
            Ok(pod) => {
                own.push(pod);
                adopted = true;
            }
            Err(refusal) if refusal.reason == Reason::NotFound => {}
            Err(refusal) => return Err(refusal),
        }
    }
    if adopted {
        own.sort_by(|a, b| meta::name(a).cmp(meta::name(b)));
    }
    Ok(own)
}
