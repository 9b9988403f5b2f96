//! D1: the API is served, and takes what belongs into it.

use kube::{
    Api,
    api::PostParams,
    core::{ApiResource, DynamicObject},
};
use plimsoll_platform::{Namespace, Platform, dra};
use serde_json::{Value, json};

use crate::{
    CheckError,
    probe_pod::{ClaimSpec, Request, Ruling, chain},
};

/// The kinds of the API.
const KINDS: [&str; 4] = [
    "DeviceClass",
    "ResourceClaim",
    "ResourceClaimTemplate",
    "ResourceSlice",
];

/// The version that is due in Kubernetes 1.`minor`: generally available since 1.34, beta before.
pub(super) fn due(minor: u32) -> &'static str {
    match minor {
        ..=32 => "v1beta1",
        33 => "v1beta2",
        34.. => "v1",
    }
}

/// Decides from discovery alone: all four kinds in the version that is due.
pub(super) async fn served(platform: &Platform) -> Result<Ruling, CheckError> {
    let apis = platform.discover().await.map_err(|error| CheckError::Api {
        what: error.what,
        source: error.source,
    })?;
    let due = due(platform.version().minor);
    let versions: Vec<(&str, Option<String>)> = KINDS
        .into_iter()
        .map(|kind| {
            let any = dra::resource(&apis, kind).map(|resource| resource.version);
            (
                kind,
                apis.resource(dra::GROUP, kind, &[due])
                    .map(|resource| resource.version)
                    .or(any),
            )
        })
        .collect();
    Ok(judge(due, &platform.version().git, &versions))
}

/// `versions` has for each kind the version that is served: the one that is due, else the best.
fn judge(due: &str, kubernetes: &str, versions: &[(&str, Option<String>)]) -> Ruling {
    if versions.is_empty() {
        return Ruling::Undecided("no kind was looked for".to_owned());
    }
    let missing: Vec<String> = versions
        .iter()
        .filter(|(_, version)| version.as_deref() != Some(due))
        .map(|(kind, version)| match version {
            Some(version) => format!("{kind} only in {version}"),
            None => format!("no {kind}"),
        })
        .collect();
    if missing.is_empty() {
        return Ruling::Right(format!(
            "resource.k8s.io/{due} is served with all {} kinds",
            versions.len()
        ));
    }
    Ruling::Wrong(format!(
        "Kubernetes {kubernetes} is due to serve resource.k8s.io/{due} and serves {}",
        missing.join(", ")
    ))
}

/// Sends one object of each kind as a dry run, so that the API server decodes and validates them.
pub(super) async fn accepts(
    platform: &Platform,
    namespace: &Namespace,
    version: &str,
) -> Result<Ruling, CheckError> {
    let apis = platform.discover().await.map_err(|error| CheckError::Api {
        what: error.what,
        source: error.source,
    })?;
    let mut accepted = Vec::new();
    let mut unasked = Vec::new();
    for (kind, manifest) in samples(namespace.name(), version) {
        let Some(resource) = apis.resource(dra::GROUP, kind, &[version]) else {
            return Ok(Ruling::Wrong(format!(
                "resource.k8s.io/{version} is served without {kind}"
            )));
        };
        match dry_run(platform, namespace, kind, &resource, manifest).await {
            Ok(()) => accepted.push(kind),
            Err(kube::Error::Api(status)) if status.code == 403 => unasked.push(kind),
            Err(kube::Error::Api(status)) if matches!(status.code, 400 | 404 | 422) => {
                return Ok(Ruling::Wrong(format!(
                    "resource.k8s.io/{version} refuses a plain {kind}: {}",
                    status.message
                )));
            }
            Err(error) => {
                return Ok(Ruling::Undecided(format!(
                    "a {kind} could not be tried: {}",
                    chain(&error)
                )));
            }
        }
    }
    if accepted.is_empty() {
        return Ok(Ruling::Undecided(format!(
            "not allowed to create {} as a dry run",
            unasked.join(", ")
        )));
    }
    let left_out = match unasked.as_slice() {
        [] => String::new(),
        kinds => format!("; not allowed to try {}", kinds.join(", ")),
    };
    Ok(Ruling::Right(format!(
        "{} are accepted as a dry run{left_out}",
        accepted.join(", ")
    )))
}

async fn dry_run(
    platform: &Platform,
    namespace: &Namespace,
    kind: &str,
    resource: &ApiResource,
    manifest: Value,
) -> Result<(), kube::Error> {
    let api: Api<DynamicObject> = match kind {
        "ResourceClaim" | "ResourceClaimTemplate" => namespace.dynamic(resource),
        _ => Api::all_with(platform.client(), resource),
    };
    let object: DynamicObject = serde_json::from_value(manifest).map_err(kube::Error::SerdeError)?;
    let params = PostParams {
        dry_run: true,
        field_manager: Some(plimsoll_platform::workspace::MANAGER.to_owned()),
    };
    api.create(&params, &object).await.map(drop)
}

fn samples(name: &str, version: &str) -> [(&'static str, Value); 4] {
    let claim = ClaimSpec::single(version, Request::of("plimsoll.dev"));
    let api_version = format!("resource.k8s.io/{version}");
    let class = json!({
        "apiVersion": api_version, "kind": "DeviceClass", "metadata": {"name": name},
        "spec": {"selectors": [{"cel": {"expression": "device.driver == \"nobody.plimsoll.dev\""}}]},
    });
    let slice = json!({
        "apiVersion": api_version, "kind": "ResourceSlice", "metadata": {"name": name},
        "spec": {
            "driver": "nobody.plimsoll.dev", "allNodes": true, "devices": [],
            "pool": {"name": name, "generation": 1, "resourceSliceCount": 1},
        },
    });
    [
        ("DeviceClass", class),
        ("ResourceClaim", claim.claim(name)),
        ("ResourceClaimTemplate", claim.template(name)),
        ("ResourceSlice", slice),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_due_follows_the_release() {
        assert_eq!([32, 33, 34, 37].map(due), ["v1beta1", "v1beta2", "v1", "v1"]);
    }

    #[test]
    fn every_kind_in_the_version_due_is_right() {
        let versions = KINDS.map(|kind| (kind, Some("v1".to_owned())));
        assert!(judge("v1", "v1.36.3", &versions).is_right());
    }

    #[test]
    fn a_beta_where_the_final_version_is_due_is_wrong() {
        let ruling = judge("v1", "v1.36.3", &[("DeviceClass", Some("v1beta1".to_owned()))]);
        assert!(
            ruling.is_wrong() && ruling.detail().contains("only in v1beta1"),
            "{ruling:?}"
        );
    }

    #[test]
    fn a_kind_that_is_not_served_is_wrong_and_none_asked_is_undecided() {
        assert!(judge("v1", "v1.36.3", &[("ResourceSlice", None)]).is_wrong());
        assert!(matches!(judge("v1", "v1.36.3", &[]), Ruling::Undecided(_)));
    }
}
