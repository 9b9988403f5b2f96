//! What the kubelet calls: the same for both versions of the protocol.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use k8s_openapi::api::{core::v1::Namespace, resource::v1::ResourceClaim};
use kube::{Api, Client};
use tokio::{sync::watch, time::Instant};
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

/// How long a device's last holder may take to leave; well below what the kubelet waits for an answer.
const PATIENCE_WITH_HOLDER: Duration = Duration::from_secs(15);

/// The driver's side of the protocol.
#[derive(Clone)]
pub(crate) struct DraService {
    client: Client,
    driver: String,
    pool: String,
    claims: Arc<Mutex<Claims>>,
    /// Says that a claim was unprepared.
    released: watch::Sender<()>,
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
            released: watch::Sender::new(()),
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
        Ok(self.prepare_in_turn(claim, &grants).await?)
    }

    /// A pod that is deleted without grace is gone from the API before its kubelet unprepares, so the next holder
    /// may ask while the last one is still leaving. A kubelet that is refused asks again after a minute; waiting
    /// for the last one to leave is faster.
    async fn prepare_in_turn(
        &self,
        claim: &ClaimName,
        grants: &[Grant],
    ) -> Result<Vec<Answer>, PrepareError> {
        let deadline = Instant::now() + PATIENCE_WITH_HOLDER;
        let mut released = self.released.subscribe();
        loop {
            let prepared = self.claims().prepare(claim, grants.to_vec());
            let Err(PrepareError::Busy { .. }) = &prepared else {
                return prepared;
            };
            if tokio::time::timeout_at(deadline, released.changed())
                .await
                .is_err()
            {
                return prepared;
            }
        }
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
        self.claims().unprepare(&claim.uid)?;
        self.released.send_replace(());
        Ok(())
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
    use std::{collections::BTreeMap, path::Path};

    use tonic::transport::Server;

    use super::*;
    use crate::{
        dra::prepare::claims_in,
        shutdown,
        socket::{self, Socket},
    };

    /// The service of a driver whose API server is never asked.
    fn service(folder: &Path, defects: &[&str]) -> DraService {
        let refuse = tower::service_fn(|_: axum::http::Request<kube::client::Body>| async {
            Err::<axum::http::Response<kube::client::Body>, _>(std::io::Error::other("not to be asked"))
        });
        let client = Client::new(refuse, "default");
        DraService::new(client, "gpu.nvidia.com", "n1", claims_in(folder, defects))
    }

    fn claim(uid: &str) -> ClaimName {
        ClaimName {
            namespace: "ns".into(),
            name: uid.into(),
            uid: uid.into(),
        }
    }

    fn grant() -> [Grant; 1] {
        [Grant {
            request: "r".into(),
            device: "gpu-0".into(),
            admin: false,
            share: None,
        }]
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_holder_waits_for_the_last_one_to_leave() {
        let folder = tempfile::tempdir().unwrap();
        let service = service(folder.path(), &[]);
        service.prepare_in_turn(&claim("u"), &grant()).await.unwrap();
        let (next, grant) = (claim("v"), grant());
        let (waiting, unprepared) = tokio::join!(service.prepare_in_turn(&next, &grant), async {
            tokio::task::yield_now().await;
            service.unprepare(&claim("u"))
        });
        unprepared.unwrap();
        assert_eq!(waiting.unwrap()[0].device, "gpu-0");
    }

    #[tokio::test(start_paused = true)]
    async fn a_holder_that_does_not_leave_is_named_in_the_end() {
        for defects in [&[][..], &["dra.no-release"]] {
            let folder = tempfile::tempdir().unwrap();
            let service = service(folder.path(), defects);
            service.prepare_in_turn(&claim("u"), &grant()).await.unwrap();
            if !defects.is_empty() {
                service.unprepare(&claim("u")).unwrap();
            }
            let error = service.prepare_in_turn(&claim("v"), &grant()).await.unwrap_err();
            assert!(error.to_string().contains("ns/u"), "{error}");
        }
    }

    /// Calls one version of the protocol on a socket as a kubelet would, for a prepared claim and an unknown one.
    macro_rules! call_version {
        ($module:ident, $channel:expr) => {{
            let mut client = $module::dra_plugin_client::DraPluginClient::new($channel);
            let claim = |uid: &str| $module::Claim {
                namespace: "ns".into(),
                uid: uid.into(),
                name: uid.into(),
            };
            let claims = vec![claim("u"), claim("unknown")];
            let request = $module::NodePrepareResourcesRequest {
                claims: claims.clone(),
            };
            let mut prepared = client
                .node_prepare_resources(request)
                .await
                .unwrap()
                .into_inner()
                .claims;
            let (known, unknown) = (prepared.remove("u").unwrap(), prepared.remove("unknown").unwrap());
            assert!(
                unknown
                    .error
                    .contains("could not read ResourceClaim `ns/unknown`"),
                "{}",
                unknown.error
            );
            let request = $module::NodeUnprepareResourcesRequest { claims };
            let unprepared = client
                .node_unprepare_resources(request)
                .await
                .unwrap()
                .into_inner()
                .claims;
            assert!(unprepared.len() == 2 && unprepared.values().all(|answer| answer.error.is_empty()));
            let device = &known.devices[0];
            (
                device.pool_name.clone(),
                device.device_name.clone(),
                device.cdi_device_ids.clone(),
            )
        }};
    }

    #[tokio::test]
    async fn both_versions_of_the_protocol_say_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let service = service(folder.path(), &[]);
        let path = folder.path().join("dra.sock");
        let (stop, shutdown) = shutdown::channel();
        let services = Server::builder()
            .add_service(dra::dra_plugin_server::DraPluginServer::new(service.clone()))
            .add_service(dra_beta::dra_plugin_server::DraPluginServer::new(service.clone()));
        let serving = Socket::bind(&path).unwrap().serve(services, &shutdown);
        let calling = async {
            service.prepare_in_turn(&claim("u"), &grant()).await.unwrap();
            let newer = call_version!(dra, socket::channel(&path));
            service.prepare_in_turn(&claim("u"), &grant()).await.unwrap();
            let older = call_version!(dra_beta, socket::channel(&path));
            stop.stop();
            (newer, older)
        };
        let (served, (newer, older)) = tokio::join!(serving, calling);
        served.unwrap();
        assert_eq!(newer, older);
        assert_eq!(
            newer,
            (
                "n1".into(),
                "gpu-0".into(),
                vec!["k8s.gpu.nvidia.com/claim=u-gpu-0".into()]
            )
        );
    }

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
