//! What the kubelet calls: the same for both versions of the protocol.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::api::{core::v1::Namespace, resource::v1::ResourceClaim};
use kube::{Api, Client};
use tonic::{Request, Response, Status};

use super::{
    allocation::{self, AllocationError, Grant},
    prepare::{Answer, ClaimName, Claims, PrepareError},
};
use crate::{
    log::{chain, log},
    proto::{dra, dra_beta},
};

/// Namespaces with this label may use devices for administration.
const ADMIN_LABEL: &str = "resource.kubernetes.io/admin-access";

/// The driver's side of the protocol.
#[derive(Clone)]
pub(crate) struct DraService {
    client: Client,
    driver: String,
    pool: String,
    claims: Arc<Mutex<Claims>>,
}

/// Why a claim's devices are not there for its pod.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("could not read {kind} `{name}`")]
    Read {
        kind: &'static str,
        name: String,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("claim `{namespace}/{name}`")]
    Allocation {
        namespace: String,
        name: String,
        #[source]
        source: AllocationError,
    },
    #[error("namespace `{0}` is not labelled `{ADMIN_LABEL}=true`: administrative access refused")]
    AdminAccess(String),
    #[error(transparent)]
    Prepare(#[from] PrepareError),
}

impl DraService {
    pub(crate) fn new(client: Client, driver: &str, pool: &str, claims: Claims) -> Self {
        let claims = Arc::new(Mutex::new(claims));
        Self {
            client,
            driver: driver.to_owned(),
            pool: pool.to_owned(),
            claims,
        }
    }

    async fn prepare(&self, claim: &ClaimName) -> Result<Vec<Answer>, CallError> {
        if let Some(answers) = self.claims().prepared(claim) {
            return Ok(answers);
        }
        let api: Api<ResourceClaim> = Api::namespaced(self.client.clone(), &claim.namespace);
        let object = api.get(&claim.name).await.map_err(|source| CallError::Read {
            kind: "ResourceClaim",
            name: format!("{}/{}", claim.namespace, claim.name),
            source: Box::new(source),
        })?;
        let grants = allocation::grants(&object, &claim.uid, &self.driver, &self.pool).map_err(|source| {
            CallError::Allocation {
                namespace: claim.namespace.clone(),
                name: claim.name.clone(),
                source,
            }
        })?;
        if grants.iter().any(|grant: &Grant| grant.admin) {
            self.require_admin_namespace(&claim.namespace).await?;
        }
        Ok(self.claims().prepare(claim, grants)?)
    }

    /// The API server refuses such claims too; a driver that relies on that alone is open to a server that
    /// does not yet.
    async fn require_admin_namespace(&self, name: &str) -> Result<(), CallError> {
        let read = |source| CallError::Read {
            kind: "Namespace",
            name: name.to_owned(),
            source: Box::new(source),
        };
        let namespace = Api::<Namespace>::all(self.client.clone())
            .get(name)
            .await
            .map_err(read)?;
        if allows_admin_access(&namespace) {
            Ok(())
        } else {
            Err(CallError::AdminAccess(name.to_owned()))
        }
    }

    fn unprepare(&self, claim: &ClaimName) -> Result<(), CallError> {
        Ok(self.claims().unprepare(&claim.uid)?)
    }

    fn claims(&self) -> MutexGuard<'_, Claims> {
        // Claims change disk before memory, so a panic half-way leaves nothing that is not also on disk.
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outcome<T>(&self, verb: &str, claim: &ClaimName, result: Result<T, CallError>) -> Result<T, String> {
        let name = format!("{}/{} ({})", claim.namespace, claim.name, claim.uid);
        match result {
            Ok(done) => {
                log!("{}: {verb} claim {name}", self.driver);
                Ok(done)
            }
            Err(error) => {
                let error = chain(&error);
                log!("{}: claim {name} not {verb}: {error}", self.driver);
                Err(error)
            }
        }
    }
}

fn allows_admin_access(namespace: &Namespace) -> bool {
    let labels = namespace.metadata.labels.as_ref();
    labels
        .and_then(|labels| labels.get(ADMIN_LABEL))
        .is_some_and(|value| value == "true")
}

/// Implements one version of the protocol; the messages differ only in the module they are generated into.
macro_rules! serve_version {
    ($module:ident, |$pool:ident, $answer:ident| $device:expr) => {
        impl From<$module::Claim> for ClaimName {
            fn from(claim: $module::Claim) -> Self {
                Self {
                    namespace: claim.namespace,
                    name: claim.name,
                    uid: claim.uid,
                }
            }
        }

        #[tonic::async_trait]
        impl $module::dra_plugin_server::DraPlugin for DraService {
            async fn node_prepare_resources(
                &self,
                request: Request<$module::NodePrepareResourcesRequest>,
            ) -> Result<Response<$module::NodePrepareResourcesResponse>, Status> {
                let mut claims = HashMap::new();
                for claim in request.into_inner().claims {
                    let claim = ClaimName::from(claim);
                    let result = self.prepare(&claim).await;
                    let response = match self.outcome("prepared", &claim, result) {
                        Ok(answers) => $module::NodePrepareResourceResponse {
                            devices: answers
                                .into_iter()
                                .map(|$answer| {
                                    let $pool = self.pool.clone();
                                    $device
                                })
                                .collect(),
                            error: String::new(),
                        },
                        Err(error) => $module::NodePrepareResourceResponse {
                            devices: Vec::new(),
                            error,
                        },
                    };
                    claims.insert(claim.uid, response);
                }
                Ok(Response::new($module::NodePrepareResourcesResponse {
                    claims,
                }))
            }

            async fn node_unprepare_resources(
                &self,
                request: Request<$module::NodeUnprepareResourcesRequest>,
            ) -> Result<Response<$module::NodeUnprepareResourcesResponse>, Status> {
                let mut claims = HashMap::new();
                for claim in request.into_inner().claims {
                    let claim = ClaimName::from(claim);
                    let result = self.unprepare(&claim);
                    let error = self
                        .outcome("unprepared", &claim, result)
                        .err()
                        .unwrap_or_default();
                    claims.insert(claim.uid, $module::NodeUnprepareResourceResponse { error });
                }
                Ok(Response::new($module::NodeUnprepareResourcesResponse {
                    claims,
                }))
            }
        }
    };
}

serve_version!(dra, |pool, answer| dra::Device {
    request_names: vec![answer.request],
    pool_name: pool,
    device_name: answer.device,
    cdi_device_ids: answer.cdi_ids,
    share_id: answer.share,
});
serve_version!(dra_beta, |pool, answer| dra_beta::Device {
    request_names: vec![answer.request],
    pool_name: pool,
    device_name: answer.device,
    cdi_device_ids: answer.cdi_ids,
});

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn administrative_access_needs_the_label_to_say_true() {
        let labelled = |value: &str| {
            let mut namespace = Namespace::default();
            namespace.metadata.labels = Some(BTreeMap::from([(ADMIN_LABEL.to_owned(), value.to_owned())]));
            namespace
        };
        assert!(allows_admin_access(&labelled("true")));
        assert!(!allows_admin_access(&labelled("false")));
        assert!(!allows_admin_access(&Namespace::default()));
    }
}
