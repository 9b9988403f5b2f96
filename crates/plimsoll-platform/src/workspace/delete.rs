//! Deleting one object: that very one.

use std::time::Duration;

use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Preconditions, PropagationPolicy},
    core::{ApiResource, DynamicObject, GroupVersionKind, TypeMeta},
};
use tokio::time::timeout;

use crate::{platform::Platform, wait::silent};

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(30);

/// How long a pod may take to end by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grace {
    /// As the object itself says.
    #[default]
    Own,
    /// So many seconds. 0 removes a pod from the API while it may still run and hold its devices: use 1 to be
    /// quick.
    Seconds(u32),
}

impl Grace {
    /// As quick as can be while what the API says stays true.
    pub const SHORT: Self = Self::Seconds(1);

    fn seconds(self) -> Option<u32> {
        match self {
            Self::Own => None,
            Self::Seconds(seconds) => Some(seconds),
        }
    }
}

/// An object could not be deleted.
#[derive(Debug, thiserror::Error)]
#[error("could not delete {what}")]
pub struct DeleteError {
    /// Kind, name and namespace.
    pub what: String,
    /// The API's answer.
    #[source]
    pub source: kube::Error,
}

/// Deletes that very object; one that is gone already, or was replaced under its name, is fine.
pub(super) async fn delete(
    platform: &Platform,
    object: &DynamicObject,
    grace: Grace,
) -> Result<(), DeleteError> {
    let kind = object.types.clone().unwrap_or_default();
    let name = object.name_any();
    let namespace = object.namespace();
    let what = match &namespace {
        Some(namespace) => format!("{} `{name}` in namespace `{namespace}`", kind.kind),
        None => format!("{} `{name}`", kind.kind),
    };
    let failed = |source| DeleteError {
        what: what.clone(),
        source,
    };
    let served = platform.discover().await.map_err(|error| failed(error.source))?;
    let resource = served
        .named(&kind.api_version, &kind.kind)
        .unwrap_or_else(|| guess(&kind));
    let api: Api<DynamicObject> = match &namespace {
        Some(namespace) => Api::namespaced_with(platform.client(), namespace, &resource),
        None => Api::all_with(platform.client(), &resource),
    };
    by_uid(&api, &name, object.uid(), grace).await.map_err(failed)
}

/// The kind by the usual rules of naming, for one that is not served any more.
fn guess(kind: &TypeMeta) -> ApiResource {
    let (group, version) = kind
        .api_version
        .split_once('/')
        .unwrap_or(("", &kind.api_version));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind.kind))
}

/// Deletes the object of that name, if it has that uid.
pub(super) async fn by_uid(
    api: &Api<DynamicObject>,
    name: &str,
    uid: Option<String>,
    grace: Grace,
) -> Result<(), kube::Error> {
    let params = DeleteParams {
        grace_period_seconds: grace.seconds(),
        propagation_policy: Some(PropagationPolicy::Background),
        preconditions: Some(Preconditions {
            uid,
            ..Preconditions::default()
        }),
        ..DeleteParams::default()
    };
    match timeout(REQUEST, api.delete(name, &params)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(kube::Error::Api(status))) if status.is_not_found() || status.code == 409 => Ok(()),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(silent()),
    }
}
