//! One vendor's driver on one node: everything of it, from sockets to slices.

use std::path::PathBuf;

use k8s_openapi::api::resource::v1::DeviceClass;
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use plimsoll_vendors::{Dra, Vendor};
use tonic::transport::Server;

use super::{
    checkpoint::{Checkpoint, CheckpointError},
    class::classes,
    health::Health,
    prepare::Claims,
    publish::{MANAGER, PublishError, Publisher},
    registration::{self, Introduction},
    service::DraService,
    slices::Pool,
};
use crate::{
    cdi::CdiError,
    config::NodeConfig,
    device::Device,
    faults::{Fault, Faults},
    layout::Layout,
    monitor::Monitor,
    proto::{
        dra::dra_plugin_server::DraPluginServer,
        dra_beta::dra_plugin_server::DraPluginServer as DraPluginBetaServer,
        health::dra_resource_health_server::DraResourceHealthServer,
        registration::registration_server::RegistrationServer,
    },
    shutdown::Shutdown,
    socket::{Socket, SocketError},
};

/// A driver that cannot run.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// Its folder cannot be made.
    #[error("could not make the driver's folder `{path}`")]
    Folder {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What it prepared earlier is not known.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// What it prepared earlier cannot be specified again.
    #[error(transparent)]
    Cdi(#[from] CdiError),
    /// A DeviceClass is refused.
    #[error("could not apply DeviceClass `{name}`")]
    Class {
        /// Which one.
        name: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// A socket cannot be served on.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The pool cannot be published.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// What a driver is made of.
pub(crate) struct Driver {
    pub(crate) vendor: &'static Vendor,
    pub(crate) dra: &'static Dra,
    pub(crate) devices: Vec<Device>,
    pub(crate) layout: Layout,
    pub(crate) faults: Faults,
    pub(crate) client: Client,
    pub(crate) node_uid: String,
    pub(crate) monitor: Monitor,
}

impl Driver {
    /// Serves until it is time to end; nothing of it is left in the API or the kubelet's folders then.
    pub(crate) async fn serve(self, config: &NodeConfig, shutdown: &Shutdown) -> Result<(), DriverError> {
        let (driver, pool) = (self.dra.driver.as_str(), config.node.as_str());
        let folder = config.kubelet_root.join("plugins").join(driver);
        std::fs::create_dir_all(&folder).map_err(|source| DriverError::Folder {
            path: folder.clone(),
            source,
        })?;
        let checkpoint = Checkpoint::load(&folder.join("checkpoint.json"))?;
        let faults = self.faults.clone();
        let claims = Claims::restore(
            driver,
            &config.cdi_dir,
            &self.devices,
            checkpoint,
            faults,
            Device::clear,
        )?;

        let endpoint = folder.join("dra.sock");
        let service = DraService::new(self.client.clone(), driver, pool, claims);
        let health = Health::new(pool, self.devices.clone(), self.monitor.clone(), shutdown.clone());
        let calls = Server::builder()
            .add_service(DraPluginServer::new(service.clone()))
            .add_service(DraPluginBetaServer::new(service))
            .add_service(DraResourceHealthServer::new(health));
        let calls = Socket::bind(&endpoint)?.serve(calls, shutdown);

        // Whoever registers must be able to answer, so the registry's socket comes second.
        let introduction = if self.faults.has(Fault::ApiOnly) {
            None
        } else {
            let server = RegistrationServer::new(Introduction::new(driver, &endpoint));
            let socket = Socket::bind(&registration::socket(&config.kubelet_root, driver))?;
            Some(socket.serve(Server::builder().add_service(server), shutdown))
        };
        let introductions = async {
            match introduction {
                Some(serving) => serving.await,
                None => {
                    shutdown.wait().await;
                    Ok(())
                }
            }
        };

        self.apply_classes().await?;
        let node_uid = self.node_uid;
        let pool = Pool {
            node: config.node.clone(),
            node_uid,
            dra: self.dra,
            faults: self.faults,
        };
        let publisher = Publisher {
            client: self.client,
            pool,
            devices: self.devices,
            layout: self.layout,
            monitor: self.monitor,
        };
        let publishing = async { Ok::<(), DriverError>(publisher.run(shutdown).await?) };
        let serving = async { Ok::<(), DriverError>(tokio::try_join!(calls, introductions).map(|_| ())?) };
        tokio::try_join!(publishing, serving).map(|_| ())
    }

    async fn apply_classes(&self) -> Result<(), DriverError> {
        let api: Api<DeviceClass> = Api::all(self.client.clone());
        for class in classes(self.vendor) {
            let name = class.name_any();
            api.patch(&name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&class))
                .await
                .map_err(|source| DriverError::Class {
                    name,
                    source: Box::new(source),
                })?;
        }
        Ok(())
    }
}
