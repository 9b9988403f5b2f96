//! Every pod runs as a service account, and finds its token in a volume.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::Request;
use crate::{
    Seed, Status, elapse,
    policy::{
        View,
        fields::{items, meta, text},
    },
    resources,
};

const DEFAULT: &str = "default";
const VOLUME: &str = "kube-api-access-";
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const MIRROR: &str = "kubernetes.io/config.mirror";

/// How often the account that every namespace gets is looked for: a controller makes it a little later.
const LOOKS: u32 = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(150);

pub(super) async fn mutate(view: &dyn View, seed: &Seed, request: &mut Request) -> Result<(), Status> {
    let namespace = request.namespace.clone().unwrap_or_default();
    let Some(pod) = request.new_pod() else {
        return Ok(());
    };
    if !pod["metadata"]["annotations"][MIRROR].is_null() {
        return validate(view, request);
    }
    let name = match text(&pod["spec"], "serviceAccountName") {
        "" => DEFAULT.to_owned(),
        name => name.to_owned(),
    };
    pod["spec"]["serviceAccountName"] = json!(name);
    pod["spec"]["serviceAccount"] = json!(name);
    let Some(account) = look_up(view, &namespace, &name).await else {
        return Err(missing(request, &namespace, &name));
    };
    let Some(pod) = request.new_pod() else {
        return Ok(());
    };
    let mounts = [&pod["spec"], &account]
        .into_iter()
        .find_map(|of| of["automountServiceAccountToken"].as_bool())
        .unwrap_or(true);
    if mounts {
        mount(&mut pod["spec"], seed);
    }
    if items(&pod["spec"], "imagePullSecrets").next().is_none()
        && items(&account, "imagePullSecrets").next().is_some()
    {
        pod["spec"]["imagePullSecrets"] = account["imagePullSecrets"].clone();
    }
    Ok(())
}

pub(super) fn validate(view: &dyn View, request: &mut Request) -> Result<(), Status> {
    let namespace = request.namespace.clone().unwrap_or_default();
    let Some(pod) = request.new_pod() else {
        return Ok(());
    };
    let name = text(&pod["spec"], "serviceAccountName").to_owned();
    if !pod["metadata"]["annotations"][MIRROR].is_null() {
        return match name.as_str() {
            "" => Ok(()),
            _ => Err(request.forbidden("a mirror pod may not reference service accounts")),
        };
    }
    if name.is_empty() {
        let why = format!(
            "no service account specified for pod {namespace}/{}",
            meta(pod, "name")
        );
        return Err(request.forbidden(&why));
    }
    match view.get(&resources::SERVICE_ACCOUNTS, Some(&namespace), &name) {
        Some(_) => Ok(()),
        None => Err(missing(request, &namespace, &name)),
    }
}

async fn look_up(view: &dyn View, namespace: &str, name: &str) -> Option<Arc<Value>> {
    let looks = if name == DEFAULT { LOOKS } else { 1 };
    for look in 0..looks {
        if look > 0 {
            elapse(BETWEEN_LOOKS).await;
        }
        let found = view.get(&resources::SERVICE_ACCOUNTS, Some(namespace), name);
        if found.is_some() {
            return found;
        }
    }
    None
}

fn missing(request: &Request, namespace: &str, name: &str) -> Status {
    request.forbidden(&format!(
        "error looking up service account {namespace}/{name}: serviceaccount {name:?} not found"
    ))
}

/// Mounts the token where no container brings a mount of its own at its place.
fn mount(spec: &mut Value, seed: &Seed) {
    let existing = items(spec, "volumes")
        .map(|volume| text(volume, "name"))
        .find(|name| name.starts_with(VOLUME))
        .map(str::to_owned);
    let name = existing
        .clone()
        .unwrap_or_else(|| format!("{VOLUME}{}", suffix(seed)));
    let mut mounted = false;
    for list in ["initContainers", "containers"] {
        // A list that is missing stays so: naming it here would make a null of it.
        for container in spec
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if items(container, "volumeMounts").any(|mount| text(mount, "mountPath") == MOUNT_PATH) {
                continue;
            }
            mounted = true;
            let mount = json!({"name": name, "readOnly": true, "mountPath": MOUNT_PATH});
            push(container, "volumeMounts", mount);
        }
    }
    if mounted && existing.is_none() {
        push(spec, "volumes", volume(&name));
    }
}

fn push(of: &mut Value, list: &str, item: Value) {
    match of[list].as_array_mut() {
        Some(items) => items.push(item),
        None => of[list] = json!([item]),
    }
}

fn volume(name: &str) -> Value {
    json!({
        "name": name,
        "projected": {
            "defaultMode": 420,
            "sources": [
                {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [
                    {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
                ]}},
            ],
        },
    })
}

/// Five letters and digits of those that make no words.
fn suffix(seed: &Seed) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    (0..5)
        .map(|_| {
            let at = usize::try_from(seed.below(LETTERS.len() as u64)).unwrap_or_default();
            char::from(LETTERS[at])
        })
        .collect()
}
