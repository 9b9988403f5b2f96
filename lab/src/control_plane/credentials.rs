//! Keys and certificates of the control plane's processes.

use std::path::PathBuf;

use crate::lab::Lab;
use crate::pki::{self, Authority, IdentityFiles, PkiError, SigningKeys, Subject};

/// Everything that the control plane's flags point to.
pub(crate) struct Credentials {
    pub(crate) authority: Authority,
    pub(crate) authority_files: IdentityFiles,
    /// The authority of requests that the API server passes on to extension API servers.
    pub(crate) front_proxy_authority: PathBuf,
    pub(crate) front_proxy_client: IdentityFiles,
    pub(crate) api_server: IdentityFiles,
    pub(crate) kubelet_client: IdentityFiles,
    pub(crate) service_accounts: SigningKeys,
    pub(crate) controller_manager: PathBuf,
    pub(crate) scheduler: PathBuf,
    pub(crate) coredns: PathBuf,
    pub(crate) kube_proxy: PathBuf,
    pub(crate) accelerators: PathBuf,
    pub(crate) gang_controller: PathBuf,
}

impl Credentials {
    /// Those of a lab that is up, for a node that joins it.
    pub(crate) fn open(lab: &Lab) -> Result<Self, PkiError> {
        let folder = lab.folder.pki();
        let file = |name: &str| folder.join(name);
        let identity = |name: &str| IdentityFiles {
            certificate: file(&format!("{name}.crt")),
            key: file(&format!("{name}.key")),
        };
        Ok(Self {
            authority: Authority::open(&folder, AUTHORITY)?,
            authority_files: identity(AUTHORITY),
            front_proxy_authority: file("front-proxy-ca.crt"),
            front_proxy_client: identity(FRONT_PROXY),
            api_server: identity("apiserver"),
            kubelet_client: identity("apiserver-kubelet-client"),
            service_accounts: SigningKeys::in_folder(&folder),
            controller_manager: path(lab, "system:kube-controller-manager"),
            scheduler: path(lab, "system:kube-scheduler"),
            coredns: path(lab, COREDNS),
            kube_proxy: path(lab, "system:kube-proxy"),
            accelerators: path(lab, ACCELERATORS),
            gang_controller: path(lab, GANG_CONTROLLER),
        })
    }
}

/// The name under which requests are passed on.
pub(super) const FRONT_PROXY: &str = "front-proxy-client";

/// Certificate authorities in the lab's folder of keys.
const AUTHORITY: &str = "ca";

impl Credentials {
    /// Makes all of them, the administrator's kubeconfig included.
    pub(crate) fn create(lab: &Lab) -> Result<Self, PkiError> {
        let folder = lab.folder.pki();
        let authority = Authority::create(&folder, AUTHORITY)?;
        let front_proxy = Authority::create(&folder, "front-proxy-ca")?;
        let plan = lab.plan();
        let names: Vec<String> = ["", ".default", ".default.svc", ".default.svc.cluster.local"]
            .map(|suffix| format!("kubernetes{suffix}"))
            .into();
        let addresses = [plan.host(), plan.kubernetes_service()];
        let server = Subject {
            addresses: &addresses,
            names: &names,
            ..Subject::client("kube-apiserver", None)
        };
        authority.kubeconfig(
            &lab.folder.kubeconfig(),
            &context(lab),
            &lab.server(),
            &Subject::client("plimsoll-lab-admin", Some("system:masters")),
        )?;
        Ok(Self {
            front_proxy_authority: folder.join("front-proxy-ca.crt"),
            front_proxy_client: front_proxy.issue_files(FRONT_PROXY, &Subject::client(FRONT_PROXY, None))?,
            api_server: authority.issue_files("apiserver", &server)?,
            kubelet_client: authority.issue_files(
                "apiserver-kubelet-client",
                &Subject::client("kube-apiserver-kubelet-client", Some("system:masters")),
            )?,
            service_accounts: pki::create_signing_keys(&folder)?,
            controller_manager: kubeconfig(lab, &authority, "system:kube-controller-manager")?,
            scheduler: kubeconfig(lab, &authority, "system:kube-scheduler")?,
            coredns: kubeconfig(lab, &authority, COREDNS)?,
            kube_proxy: kubeconfig(lab, &authority, "system:kube-proxy")?,
            accelerators: kubeconfig(lab, &authority, ACCELERATORS)?,
            gang_controller: kubeconfig(lab, &authority, GANG_CONTROLLER)?,
            authority_files: IdentityFiles {
                certificate: folder.join("ca.crt"),
                key: folder.join("ca.key"),
            },
            authority,
        })
    }
}

/// Users of the lab's own processes; [`super::objects`] gives them their roles.
pub(super) const COREDNS: &str = "plimsoll-lab:coredns";
pub(super) const ACCELERATORS: &str = "plimsoll-lab:accelerators";
pub(super) const GANG_CONTROLLER: &str = "plimsoll-lab:gang-controller";

/// The kubeconfig context's name.
pub(crate) fn context(lab: &Lab) -> String {
    format!("plimsoll-{}", lab.state.name)
}

/// Where a user's kubeconfig lies.
fn path(lab: &Lab, user: &str) -> PathBuf {
    let file = user.rsplit(':').next().unwrap_or(user);
    lab.folder.pki().join(format!("{file}.conf"))
}

fn kubeconfig(lab: &Lab, authority: &Authority, user: &str) -> Result<PathBuf, PkiError> {
    let path = path(lab, user);
    authority.kubeconfig(&path, &context(lab), &lab.server(), &Subject::client(user, None))?;
    Ok(path)
}
