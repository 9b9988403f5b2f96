//! The administrator's client of a lab.

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::lab::Lab;

/// Why the lab's own kubeconfig could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("could not use the lab's kubeconfig")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    #[error(transparent)]
    Client(#[from] Box<kube::Error>),
}

/// The administrator's client.
pub(crate) async fn client(lab: &Lab) -> Result<Client, ClientError> {
    let kubeconfig = Kubeconfig::read_from(lab.folder.kubeconfig())?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config).map_err(Box::new)?)
}
