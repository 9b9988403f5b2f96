//! Keeps the plugin known to the kubelet.
//!
//! A kubelet that starts empties the folder of plugins' sockets, then opens its own: at that sign, which
//! inotify gives, the plugin opens its socket again and registers again.

use std::{
    ffi::OsStr,
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::inotify;
use tokio::io::unix::AsyncFd;
use tonic::transport::Server;

use super::{
    service::{PluginService, cdi_id, options},
    shares::Shares,
};
use crate::{
    cdi::{self, CdiDevice, CdiError, ContainerEdits, Specification},
    config::NodeConfig,
    device::Device,
    faults::Faults,
    handout,
    layout::Layout,
    log::log,
    monitor::Monitor,
    plugin::pod::Lives,
    proto::device_plugin::{
        RegisterRequest, device_plugin_server::DevicePluginServer, registration_client::RegistrationClient,
    },
    shutdown::{self, Shutdown},
    socket::{self, Socket, SocketError},
};

/// The kubelet's socket among the plugins'.
const KUBELET: &str = "kubelet.sock";

/// How often a kubelet is asked to take the plugin.
const ATTEMPTS: u32 = 6;

/// How long to wait after the first refusal; longer after each.
const BACKOFF: Duration = Duration::from_millis(50);

/// A device plugin that cannot run.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The folder of sockets cannot be watched.
    #[error("could not watch the folder `{path}`")]
    Watch {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its devices cannot be specified for the runtime.
    #[error(transparent)]
    Cdi(#[from] CdiError),
    /// Its socket cannot be served on.
    #[error(transparent)]
    Socket(#[from] SocketError),
}

/// What a plugin is made of.
pub(crate) struct Plugin {
    /// What its files are called after.
    pub(crate) name: String,
    pub(crate) resource: String,
    pub(crate) devices: Vec<Device>,
    /// All devices of the node, which a broken plugin may mistake for one another.
    pub(crate) all: Vec<Device>,
    pub(crate) layout: Layout,
    pub(crate) shares: Shares,
    pub(crate) faults: Faults,
    pub(crate) monitor: Monitor,
    /// How it stands with its pod.
    pub(crate) lives: Lives,
}

impl Plugin {
    /// Serves until it is time to end, through any number of kubelets.
    pub(crate) async fn serve(self, config: &NodeConfig, shutdown: &Shutdown) -> Result<(), PluginError> {
        let folder = config.kubelet_root.join("device-plugins");
        let watched = |source| PluginError::Watch {
            path: folder.clone(),
            source,
        };
        std::fs::create_dir_all(&folder).map_err(watched)?;
        let folder_events = FolderEvents::of(&folder).map_err(watched)?;
        let specification = format!("plugin-{}", self.name);
        self.specification().write(&config.cdi_dir, &specification)?;
        while self.serve_one_kubelet(&folder, &folder_events, shutdown).await? {}
        cdi::remove(&config.cdi_dir, &specification)?;
        Ok(())
    }

    /// Serves until the kubelet opens its socket anew; false when it is time to end.
    async fn serve_one_kubelet(
        &self,
        folder: &Path,
        events: &FolderEvents,
        shutdown: &Shutdown,
    ) -> Result<bool, PluginError> {
        let mut lives = self.lives.clone();
        // A wait ends with an error when nobody follows the pod any more, which ends us, too.
        let Some(Ok(life)) = shutdown
            .unless_stopped(lives.wait_for(|life| !life.is_gone))
            .await
            .map(|life| life.map(|life| *life))
        else {
            return Ok(false);
        };
        let (stop, this_kubelet) = shutdown::channel();
        let endpoint = format!("plimsoll-{}.sock", self.name);
        let service = PluginService::new(
            &self.resource,
            self.devices.clone(),
            self.layout.clone(),
            self.shares,
            self.faults.clone(),
            self.monitor.clone(),
            this_kubelet.clone(),
        )
        .restarted(life.restarts);
        let socket = Socket::bind(&folder.join(&endpoint))?;
        let server = Server::builder().add_service(DevicePluginServer::new(service));
        let serving = socket.serve(server, &this_kubelet);
        let life = async {
            if folder.join(KUBELET).exists() {
                self.register(&folder.join(KUBELET), &endpoint, shutdown).await;
            }
            let changed = async {
                tokio::select! {
                    created = events.created(KUBELET) => created,
                    _ = lives.wait_for(|life| life.is_gone) => {
                        log!("{}: its pod is gone", self.resource);
                        Ok(())
                    }
                }
            };
            let again = shutdown.unless_stopped(changed).await;
            stop.stop();
            match again {
                Some(Ok(())) => Ok(true),
                Some(Err(source)) => Err(PluginError::Watch {
                    path: folder.to_owned(),
                    source,
                }),
                None => Ok(false),
            }
        };
        let (served, again) = tokio::join!(serving, life);
        served?;
        again
    }

    /// A socket appears a moment before its kubelet listens, hence a few attempts. A kubelet that does not answer
    /// then will open its socket again one day, and be asked again.
    async fn register(&self, kubelet: &Path, endpoint: &str, shutdown: &Shutdown) {
        let request = RegisterRequest {
            version: "v1beta1".to_owned(),
            endpoint: endpoint.to_owned(),
            resource_name: self.resource.clone(),
            options: Some(options()),
        };
        for attempt in 1..=ATTEMPTS {
            match RegistrationClient::new(socket::channel(kubelet))
                .register(request.clone())
                .await
            {
                Ok(_) => return log!("{}: registered with the kubelet", self.resource),
                Err(status) => log!("{}: not registered with the kubelet: {status}", self.resource),
            }
            if !shutdown.pace(BACKOFF * attempt).await {
                return;
            }
        }
    }

    fn specification(&self) -> Specification {
        let device = |device: &Device| {
            let device_nodes = handout::nodes(device, &self.all, &self.faults)?;
            Some(CdiDevice {
                name: cdi_id("", device).trim_start_matches('=').to_owned(),
                container_edits: ContainerEdits {
                    device_nodes,
                    mounts: device.mounts.clone(),
                },
            })
        };
        Specification::new(&self.resource, self.devices.iter().filter_map(device).collect())
    }
}

/// Files that appear in a folder.
struct FolderEvents(AsyncFd<std::os::fd::OwnedFd>);

impl FolderEvents {
    fn of(folder: &Path) -> io::Result<Self> {
        let descriptor = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)?;
        let appearing = inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO;
        inotify::add_watch(&descriptor, folder, appearing)?;
        #[expect(
            deprecated,
            reason = "sound for an owned descriptor; what replaces it is unsafe code"
        )]
        let descriptor = AsyncFd::new(descriptor)?;
        Ok(Self(descriptor))
    }

    /// Waits until a file of that name appears.
    async fn created(&self, name: &str) -> io::Result<()> {
        loop {
            let mut ready = self.0.readable().await?;
            let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
            let mut reader = inotify::Reader::new(self.0.get_ref(), &mut buffer);
            let mut seen = false;
            loop {
                match reader.next() {
                    Ok(event) => {
                        let file = event.file_name().map(|file| OsStr::from_bytes(file.to_bytes()));
                        seen |= file == Some(OsStr::new(name));
                    }
                    Err(rustix::io::Errno::WOULDBLOCK) => break,
                    Err(error) => return Err(error.into()),
                }
            }
            ready.clear_ready();
            if seen {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use plimsoll_defects::Allocation;
    use tokio::sync::{mpsc, watch};
    use tonic::{Request, Response, Status};

    use super::*;
    use crate::{
        device::fixture,
        plugin::pod::Life,
        proto::device_plugin::{Empty, registration_server},
    };

    /// A kubelet that only hears registrations.
    struct Kubelet(mpsc::UnboundedSender<RegisterRequest>);

    #[tonic::async_trait]
    impl registration_server::Registration for Kubelet {
        async fn register(&self, request: Request<RegisterRequest>) -> Result<Response<Empty>, Status> {
            self.0.send(request.into_inner()).unwrap();
            Ok(Response::new(Empty {}))
        }
    }

    #[tokio::test]
    async fn the_plugin_registers_again_with_a_kubelet_that_came_back() {
        let root = tempfile::tempdir().unwrap();
        let config = NodeConfig {
            node: "n1".into(),
            kubeconfig: "/none".into(),
            kubelet_root: root.path().into(),
            cdi_dir: root.path().join("cdi"),
            exporter_address: None,
            devices: vec![fixture::entry("amd", 0, Allocation::Plugin)],
            defects: Vec::new(),
        };
        let folder = root.path().join("device-plugins");
        let (_readings, monitor) = watch::channel(Arc::new(BTreeMap::new()));
        let (stop, shutdown) = shutdown::channel();
        let plugin = Plugin {
            name: "amd".into(),
            all: Vec::new(),
            resource: "amd.com/gpu".into(),
            devices: vec![fixture::device("amd", 0)],
            layout: Layout::of(&[]),
            shares: Shares::of(None, &Faults::default()),
            faults: Faults::default(),
            monitor,
            lives: watch::Sender::new(Life::default()).subscribe(),
        };
        let (sender, mut registrations) = mpsc::unbounded_channel();
        let serving = plugin.serve(&config, &shutdown);
        let story = async {
            for _ in 0..2 {
                let (gone, kubelet) = shutdown::channel();
                let socket = Socket::bind(&folder.join(KUBELET)).unwrap();
                let server = registration_server::RegistrationServer::new(Kubelet(sender.clone()));
                let living = async {
                    socket
                        .serve(Server::builder().add_service(server), &kubelet)
                        .await
                };
                let hearing = async {
                    let request = tokio::time::timeout(Duration::from_secs(5), registrations.recv()).await;
                    let request = request.expect("no registration in time").unwrap();
                    assert_eq!(request.resource_name, "amd.com/gpu");
                    assert!(folder.join(&request.endpoint).exists());
                    gone.stop();
                };
                let (lived, ()) = tokio::join!(living, hearing);
                lived.unwrap();
            }
            stop.stop();
        };
        let (served, ()) = tokio::join!(serving, story);
        served.unwrap();
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "sockets are left");
        assert_eq!(
            std::fs::read_dir(&config.cdi_dir).unwrap().count(),
            0,
            "a specification is left"
        );
    }
}
