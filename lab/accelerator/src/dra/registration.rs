//! How the kubelet gets to know the driver: it finds a socket in its registry folder and asks who is there.

use std::path::{Path, PathBuf};

use tonic::{Request, Response, Status};

use crate::{
    log::log,
    proto::registration::{
        InfoRequest, PluginInfo, RegistrationStatus, RegistrationStatusResponse,
        registration_server::Registration,
    },
};

/// Services by which the driver can be called, the one it likes best first.
const SERVICES: [&str; 3] = ["v1.DRAPlugin", "v1beta1.DRAPlugin", "v1alpha1.DRAResourceHealth"];

/// Answers the kubelet's question.
#[derive(Debug)]
pub(crate) struct Introduction {
    driver: String,
    endpoint: PathBuf,
}

impl Introduction {
    /// The driver is called `driver` and served at `endpoint`.
    pub(crate) fn new(driver: &str, endpoint: &Path) -> Self {
        Self {
            driver: driver.to_owned(),
            endpoint: endpoint.to_owned(),
        }
    }
}

/// Where the kubelet looks for the driver.
pub(crate) fn socket(kubelet_root: &Path, driver: &str) -> PathBuf {
    kubelet_root
        .join("plugins_registry")
        .join(format!("{driver}-reg.sock"))
}

#[tonic::async_trait]
impl Registration for Introduction {
    async fn get_info(&self, _request: Request<InfoRequest>) -> Result<Response<PluginInfo>, Status> {
        Ok(Response::new(PluginInfo {
            r#type: "DRAPlugin".to_owned(),
            name: self.driver.clone(),
            endpoint: self.endpoint.display().to_string(),
            supported_versions: SERVICES.map(str::to_owned).to_vec(),
        }))
    }

    async fn notify_registration_status(
        &self,
        request: Request<RegistrationStatus>,
    ) -> Result<Response<RegistrationStatusResponse>, Status> {
        let status = request.into_inner();
        if status.plugin_registered {
            log!("{}: registered with the kubelet", self.driver);
        } else {
            log!(
                "{}: the kubelet refused the registration: {}",
                self.driver,
                status.error
            );
        }
        Ok(Response::new(RegistrationStatusResponse {}))
    }
}
