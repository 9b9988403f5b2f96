//! Creating one object, and why that can fail.

use std::time::Duration;

use kube::{
    Api, ResourceExt,
    api::PostParams,
    core::{ApiResource, DynamicObject, Status},
};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::{MANAGER, RUN_LABEL, RunId, quota};
use crate::{
    platform::{ApiError, Platform},
    wait::{WaitError, silent},
};

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(30);

/// How often a request is made that failed for a reason that passes.
const ATTEMPTS: usize = 3;

/// An object could not be created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// We are not allowed to.
    #[error("not allowed to create {what}: {message}")]
    Forbidden {
        /// Kind, name and namespace.
        what: String,
        /// The API server's words.
        message: String,
    },
    /// A policy, quota or webhook does not want it.
    #[error("{what} was refused by {by}: {message}")]
    Refused {
        /// Kind, name and namespace.
        what: String,
        /// Who refused, such as `webhook policy.example.com`.
        by: String,
        /// Its words.
        message: String,
    },
    /// The API server does not understand it.
    #[error("{what} is not valid: {message}")]
    Invalid {
        /// Kind, name and namespace.
        what: String,
        /// What is not valid.
        message: String,
    },
    /// There is one of that name.
    #[error("{what} exists already, and is not of this run")]
    Exists {
        /// Kind, name and namespace.
        what: String,
    },
    /// The kind is not served.
    #[error("{what} can't be created: the platform does not serve this kind")]
    Unserved {
        /// Version and kind.
        what: String,
    },
    /// A new namespace did not become ready for pods.
    #[error("namespace `{namespace}` did not become ready for pods")]
    NotReady {
        /// The namespace.
        namespace: String,
        /// How the wait for it ended.
        #[source]
        source: Box<WaitError>,
    },
    /// The API server could not be asked what it serves.
    #[error(transparent)]
    Discovery(#[from] ApiError),
    /// The API failed otherwise.
    #[error("could not create {what}")]
    Api {
        /// Kind, name and namespace.
        what: String,
        /// The API's answer.
        #[source]
        source: kube::Error,
    },
}

/// Where an object lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Namespace,
    Cluster,
}

/// The namespace that an object goes with.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) name: &'a str,
    pub(super) uid: &'a str,
}

/// The served kind of a manifest.
pub(super) async fn kind_of(
    platform: &Platform,
    manifest: &Value,
    place: Place,
) -> Result<ApiResource, CreateError> {
    let field = |name: &str| manifest.get(name).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (field("apiVersion"), field("kind"));
    let apis = platform.discover().await?;
    let unserved = || CreateError::Unserved {
        what: format!("{api_version} {kind}"),
    };
    let served = apis.named(api_version, kind).ok_or_else(unserved)?;
    let namespaced = apis.is_namespaced(api_version, kind).ok_or_else(unserved)?;
    if namespaced == (place == Place::Namespace) {
        return Ok(served);
    }
    let message = if namespaced {
        "it lives in a namespace"
    } else {
        "it does not live in a namespace"
    };
    Err(CreateError::Invalid {
        what: describe(manifest),
        message: message.to_owned(),
    })
}

/// Fills in what every object of a run has.
pub(super) fn complete(
    manifest: &mut Value,
    run: &RunId,
    owner: Owner<'_>,
    place: Place,
) -> Result<(), CreateError> {
    let what = describe(manifest);
    let invalid = |message: &str| CreateError::Invalid {
        what: what.clone(),
        message: message.to_owned(),
    };
    let root = manifest
        .as_object_mut()
        .ok_or_else(|| invalid("a manifest is an object"))?;
    let meta = object(root, "metadata").ok_or_else(|| invalid("`metadata` is an object"))?;
    if !meta.contains_key("name") && !meta.contains_key("generateName") {
        return Err(invalid("`metadata.name` is missing"));
    }
    if place == Place::Namespace {
        meta.insert("namespace".to_owned(), json!(owner.name));
    }
    let labels = object(meta, "labels").ok_or_else(|| invalid("`metadata.labels` is an object"))?;
    labels.insert("app.kubernetes.io/managed-by".to_owned(), json!(MANAGER));
    labels.insert(RUN_LABEL.to_owned(), json!(run.as_str()));
    let owner = json!({"apiVersion": "v1", "kind": "Namespace", "name": owner.name, "uid": owner.uid});
    match meta.entry("ownerReferences").or_insert_with(|| json!([])) {
        Value::Array(owners) => owners.push(owner),
        _ => return Err(invalid("`metadata.ownerReferences` is a list")),
    }
    Ok(())
}

fn object<'a>(of: &'a mut Map<String, Value>, field: &str) -> Option<&'a mut Map<String, Value>> {
    of.entry(field).or_insert_with(|| json!({})).as_object_mut()
}

/// Sends the manifest; with what a quota wants to be told, if one refuses it for saying too little.
pub(super) async fn post(
    api: &Api<DynamicObject>,
    manifest: Value,
    run: &RunId,
) -> Result<DynamicObject, CreateError> {
    let refused = match send(api, manifest.clone(), run).await {
        Err(error @ CreateError::Refused { .. }) => error,
        answer => return answer,
    };
    match quota::specified(&manifest, &refused.to_string()) {
        Some(specified) => send(api, specified, run).await,
        None => Err(refused),
    }
}

/// Sends a manifest. A request whose answer got lost may have been carried out: then the object is there.
async fn send(api: &Api<DynamicObject>, manifest: Value, run: &RunId) -> Result<DynamicObject, CreateError> {
    let what = describe(&manifest);
    let object: DynamicObject = serde_json::from_value(manifest).map_err(|error| CreateError::Invalid {
        what: what.clone(),
        message: error.to_string(),
    })?;
    let params = PostParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PostParams::default()
    };
    let mut lost = false;
    let mut attempt = 1;
    loop {
        let answer = timeout(REQUEST, api.create(&params, &object)).await;
        let error = match answer {
            Ok(Ok(created)) => return Ok(created),
            Ok(Err(error)) => error,
            Err(_) => silent(),
        };
        match &error {
            kube::Error::Api(status) if status.is_already_exists() && lost => {
                return ours(api, &object, run).await.ok_or(CreateError::Exists { what });
            }
            kube::Error::Api(status) if passes(status) && attempt < ATTEMPTS => {}
            kube::Error::Api(status) => return Err(refusal(what, status.clone())),
            _ if attempt < ATTEMPTS => lost = true,
            _ => return Err(CreateError::Api { what, source: error }),
        }
        attempt += 1;
    }
}

/// The object of that name, if this run made it.
async fn ours(api: &Api<DynamicObject>, object: &DynamicObject, run: &RunId) -> Option<DynamicObject> {
    let name = object.metadata.name.as_deref()?;
    let stored = api.get_opt(name).await.ok().flatten()?;
    (stored.labels().get(RUN_LABEL).map(String::as_str) == Some(run.as_str())).then_some(stored)
}

/// Whether the same request may succeed at once: two requests met in a quota.
fn passes(status: &Status) -> bool {
    status.code == 409 && status.reason == "Conflict"
}

/// What the API server's refusal means.
fn refusal(what: String, status: Box<Status>) -> CreateError {
    let message = status.message.clone();
    if let Some(by) = refused_by(&message) {
        return CreateError::Refused { what, by, message };
    }
    match status.code {
        401 | 403 => CreateError::Forbidden { what, message },
        409 if status.is_already_exists() => CreateError::Exists { what },
        400 | 422 => CreateError::Invalid { what, message },
        _ => CreateError::Api {
            what,
            source: kube::Error::Api(status),
        },
    }
}

/// Who speaks in a refusal that is not the API server's own.
fn refused_by(message: &str) -> Option<String> {
    // The phrases of the API server's admission plugins, and what stands in quotes after them.
    const VOICES: &[(&str, &str)] = &[
        ("admission webhook \"", "webhook"),
        ("failed calling webhook \"", "webhook"),
        ("ValidatingAdmissionPolicy '", "policy"),
        // How a mutating policy that fails is called.
        ("policy '", "policy"),
        ("violates PodSecurity \"", "Pod Security level"),
    ];
    for (phrase, who) in VOICES {
        if let Some((_, rest)) = message.split_once(phrase) {
            let name = rest.split(['"', '\'']).next().unwrap_or_default();
            return Some(format!("{who} {name}"));
        }
    }
    if let Some((_, rest)) = message.split_once("exceeded quota: ") {
        return Some(format!("quota {}", rest.split(',').next().unwrap_or_default()));
    }
    if let Some((_, rest)) = message.split_once("failed quota: ") {
        return Some(format!("quota {}", rest.split(':').next().unwrap_or_default()));
    }
    if [
        "maximum cpu usage",
        "maximum memory usage",
        "minimum cpu usage",
        "minimum memory usage",
    ]
    .iter()
    .any(|phrase| message.contains(phrase))
    {
        return Some("limit range".to_owned());
    }
    message
        .contains("because it is being terminated")
        .then(|| "the end of its namespace".to_owned())
}

/// Kind, name and namespace of a manifest, for messages.
pub(super) fn describe(manifest: &Value) -> String {
    let field = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str);
    let kind = field("/kind").unwrap_or("object");
    let name = field("/metadata/name")
        .or(field("/metadata/generateName"))
        .unwrap_or("without a name");
    match field("/metadata/namespace") {
        Some(namespace) => format!("{kind} `{name}` in namespace `{namespace}`"),
        None => format!("{kind} `{name}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, message: &str) -> CreateError {
        refusal(
            "Pod `p`".into(),
            Status::failure(message, "Forbidden").with_code(code).boxed(),
        )
    }

    #[test]
    fn whoever_refuses_is_named() {
        for (code, message, by) in [
            (
                400,
                r#"admission webhook "validate.kyverno.svc" denied the request: no"#,
                "webhook validate.kyverno.svc",
            ),
            (
                500,
                r#"Internal error occurred: failed calling webhook "w.example.com": dial tcp"#,
                "webhook w.example.com",
            ),
            (
                403,
                r#"pods "p" is forbidden: exceeded quota: small, requested: pods=1"#,
                "quota small",
            ),
            (
                403,
                r#"pods "p" is forbidden: failed quota: small: must specify limits.cpu"#,
                "quota small",
            ),
            (
                403,
                r#"pods "p" is forbidden: violates PodSecurity "restricted:latest": x"#,
                "Pod Security level restricted:latest",
            ),
            (
                422,
                "ValidatingAdmissionPolicy 'no-gpu' with binding 'b' denied request: x",
                "policy no-gpu",
            ),
            (
                403,
                "policy 'gang-gate' with binding 'b' denied request: no such key: x",
                "policy gang-gate",
            ),
            (
                403,
                r#"pods "p" is forbidden: maximum cpu usage per Container is 1, but limit is 2"#,
                "limit range",
            ),
        ] {
            let CreateError::Refused {
                by: who,
                message: quoted,
                ..
            } = refused(code, message)
            else {
                panic!("{message}: {:?}", refused(code, message));
            };
            assert_eq!(who, by);
            assert_eq!(quoted, message);
        }
    }

    #[test]
    fn the_api_servers_own_refusals_keep_their_meaning() {
        let rbac = r#"pods is forbidden: User "u" cannot create resource "pods" in API group """#;
        assert!(matches!(refused(403, rbac), CreateError::Forbidden { .. }));
        assert!(matches!(
            refused(422, "spec.containers: Required value"),
            CreateError::Invalid { .. }
        ));
        assert!(matches!(
            refused(500, "etcdserver: leader changed"),
            CreateError::Api { .. }
        ));
    }

    #[test]
    fn what_every_object_has_is_filled_in_and_nothing_else_is_touched() {
        let mut manifest =
            json!({"kind": "Pod", "metadata": {"name": "p", "labels": {"a": "b"}}, "spec": {"x": 1}});
        let owner = Owner {
            name: "ns",
            uid: "u1",
        };
        complete(&mut manifest, &"r1".parse().unwrap(), owner, Place::Namespace).unwrap();
        assert_eq!(
            manifest,
            json!({
                "kind": "Pod",
                "metadata": {
                    "name": "p",
                    "namespace": "ns",
                    "labels": {"a": "b", "app.kubernetes.io/managed-by": "plimsoll", "plimsoll.dev/run": "r1"},
                    "ownerReferences": [{"apiVersion": "v1", "kind": "Namespace", "name": "ns", "uid": "u1"}],
                },
                "spec": {"x": 1},
            })
        );
    }

    #[test]
    fn a_manifest_that_is_none_is_refused() {
        let owner = Owner {
            name: "ns",
            uid: "u1",
        };
        for mut manifest in [
            json!(null),
            json!([]),
            json!({"metadata": 1}),
            json!({}),
            json!({"metadata": {"name": "x", "labels": []}}),
        ] {
            let result = complete(&mut manifest, &"r1".parse().unwrap(), owner, Place::Cluster);
            assert!(matches!(result, Err(CreateError::Invalid { .. })), "{manifest}");
        }
    }
}
