//! What a program in a container runs on.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use plimsoll_apiserver::{Clock, elapse};
use plimsoll_probe::host::{
    Clock as ProgramClock, Devices, Host, Network, OpenMode, Orphans, Process, Rest, Unanswered, Walk,
};
use plimsoll_probe::protocol::{DeviceNumber, Errno};
use tokio::sync::watch;

use super::{ContainerLog, MountedVolume, storage::SimulatedStorage};
use crate::node::{
    device::View,
    network::{CLUSTER_DNS, Endpoint, Names, PodConnection, PodListener},
};

/// What `open(2)` and the like answer, by number.
const NO_ENTRY: i32 = 2;
const ACCESS_DENIED: i32 = 13;
const READ_ONLY: i32 = 30;

/// Folders that every image has.
const FOLDERS: [&str; 4] = ["/", "/tmp", "/dev", "/dev/shm"];

/// How long a machine had been running when the platform began.
const UP_SINCE: Duration = Duration::from_secs(3600);

/// How long a question to the name service takes.
const NAME_LOOKUP: Duration = Duration::from_millis(1);

/// What a container's program has around it.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// Its devices.
    pub(crate) view: View,
    /// The platform's time.
    pub(crate) clock: Clock,
    /// Its log.
    pub(crate) log: ContainerLog,
    /// Its pod's place on the network.
    pub(crate) endpoint: Endpoint,
    /// The name service.
    pub(crate) names: Names,
    /// Its volumes.
    pub(crate) volumes: Vec<MountedVolume>,
    /// Its environment.
    pub(crate) variables: Vec<(String, String)>,
    /// Its pod's host name.
    pub(crate) hostname: String,
    /// Its pod's namespace.
    pub(crate) namespace: String,
}

/// A container's system, from the program's side.
#[derive(Debug)]
pub(crate) struct ContainerHost {
    around: Surroundings,
    stop: watch::Receiver<bool>,
    files: Mutex<BTreeSet<String>>,
    message: Arc<Mutex<Option<String>>>,
}

impl ContainerHost {
    /// The system of a container that `stop` asks to stop; the program's last words go to `message`.
    pub(crate) fn new(
        around: Surroundings,
        stop: watch::Receiver<bool>,
        message: Arc<Mutex<Option<String>>>,
    ) -> Self {
        Self {
            around,
            stop,
            files: Mutex::default(),
            message,
        }
    }

    /// Returns when the process is asked to stop.
    pub(crate) async fn stopped(&self) {
        let mut stop = self.stop.clone();
        // Whoever could ask is gone: so is the container.
        let _ = stop.wait_for(|stop| *stop).await;
    }

    /// Waits for `answer`, but not past `limit` or a request to stop.
    async fn unless_stopped<T>(
        &self,
        limit: Duration,
        answer: impl Future<Output = io::Result<T>>,
    ) -> Result<T, Unanswered> {
        tokio::select! {
            biased;
            () = self.stopped() => Err(Unanswered::Stopped),
            answer = answer => Ok(answer?),
            () = elapse(limit) => Err(Unanswered::Late),
        }
    }

    /// The folder that a path is in, and whether it is one that files can be made in.
    fn make_in_container(&self, path: &str) -> io::Result<bool> {
        let (folder, _) = path.rsplit_once('/').unwrap_or(("/", path));
        let folder = if folder.is_empty() { "/" } else { folder };
        if !FOLDERS.contains(&folder) {
            return Err(io::Error::from_raw_os_error(NO_ENTRY));
        }
        if self.around.view.privileges().user != 0 && folder != "/tmp" && folder != "/dev/shm" {
            return Err(io::Error::from_raw_os_error(ACCESS_DENIED));
        }
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(files.insert(path.to_owned()))
    }
}

impl ProgramClock for ContainerHost {
    fn unix(&self) -> Duration {
        let now = self.around.clock.now();
        Duration::from_millis(u64::try_from(now.as_millisecond()).unwrap_or_default())
    }

    fn monotonic(&self) -> Duration {
        UP_SINCE + self.around.clock.elapsed()
    }

    async fn rest(&self, duration: Duration) -> Rest {
        tokio::select! {
            biased;
            () = self.stopped() => Rest::Stopped,
            () = elapse(duration) => Rest::Over,
        }
    }
}

impl Devices for ContainerHost {
    fn walk(&self, root: &Path) -> Walk {
        self.around.view.walk(root)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> Result<(), Errno> {
        self.around.view.open(path, mode)
    }

    fn first_block(&self, path: &Path) -> Result<Vec<u8>, Errno> {
        self.around.view.first_block(path)
    }

    fn make_node(&self, path: &Path, number: DeviceNumber) -> Result<(), Errno> {
        self.around.view.make_node(path, number)
    }

    fn remove_node(&self, path: &Path) -> Result<(), Errno> {
        self.around.view.remove_node(path)
    }

    fn allows_devices(&self, folder: &Path) -> Option<bool> {
        self.around.view.allows_devices(folder)
    }

    fn text(&self, path: &Path) -> Option<String> {
        self.around.view.text(path)
    }

    fn names(&self, folder: &Path) -> Vec<String> {
        self.around.view.names(folder)
    }

    fn link(&self, path: &Path) -> Option<String> {
        self.around.view.link(path)
    }
}

impl Network for ContainerHost {
    type Listener = PodListener;
    type Connection = PodConnection;

    fn listen(&self, port: u16) -> io::Result<PodListener> {
        self.around.endpoint.listen(port)
    }

    async fn connect(&self, address: SocketAddr, limit: Duration) -> Result<PodConnection, Unanswered> {
        // A Service's address stands for a pod behind it.
        let address = self
            .around
            .names
            .behind(address.ip(), address.port())
            .map_or(address, SocketAddr::from);
        self.unless_stopped(limit, self.around.endpoint.connect(address))
            .await
    }

    async fn wait(
        &self,
        listener: Option<&PodListener>,
        connections: &[&PodConnection],
        limit: Duration,
    ) -> Result<(), Unanswered> {
        let news = async {
            self.around.endpoint.wait(listener, connections).await;
            Ok(())
        };
        self.unless_stopped(limit, news).await
    }

    async fn ask(
        &self,
        server: SocketAddr,
        question: &[u8],
        limit: Duration,
        fits: &(dyn Fn(&[u8]) -> bool + Sync),
    ) -> Result<Vec<u8>, Unanswered> {
        let answer = async {
            elapse(NAME_LOOKUP).await;
            let known = (server.ip() == CLUSTER_DNS && server.port() == 53)
                .then(|| self.around.names.answer(question))
                .flatten();
            match known.filter(|answer| fits(answer)) {
                Some(answer) => Ok(answer),
                None => std::future::pending().await,
            }
        };
        self.unless_stopped(limit, answer).await
    }
}

impl Host for ContainerHost {
    type Storage = SimulatedStorage;

    fn open_storage(&self, path: &Path) -> Result<SimulatedStorage, Errno> {
        let number = self.around.view.reach(path)?;
        let machine = Arc::clone(self.around.view.machine());
        Ok(SimulatedStorage::new(machine, number))
    }

    fn process(&self) -> Process {
        Process {
            id: 1,
            user: self.around.view.privileges().user,
            hostname: self.around.hostname.clone(),
        }
    }

    fn variables(&self) -> Vec<(String, String)> {
        self.around.variables.clone()
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        if path == Path::new("/etc/resolv.conf") {
            let namespace = &self.around.namespace;
            return Ok(format!(
                "search {namespace}.svc.cluster.local svc.cluster.local cluster.local\n\
                 nameserver {CLUSTER_DNS}\noptions ndots:5\n"
            ));
        }
        Err(io::Error::from_raw_os_error(NO_ENTRY))
    }

    fn make_file(&self, path: &Path) -> io::Result<bool> {
        let path = path.to_string_lossy();
        let mounted = self
            .around
            .volumes
            .iter()
            .filter_map(|mounted| {
                let name = path.strip_prefix(mounted.path.as_str())?.strip_prefix('/')?;
                Some((mounted, name))
            })
            .max_by_key(|(mounted, _)| mounted.path.len());
        match mounted {
            Some((mounted, _)) if mounted.read_only => Err(io::Error::from_raw_os_error(READ_ONLY)),
            Some((mounted, name)) => Ok(mounted.volume.make_file(name)),
            None => self.make_in_container(&path),
        }
    }

    fn log(&self, text: &str) -> io::Result<()> {
        self.around.log.write(self.around.clock.now(), text);
        Ok(())
    }

    fn complain(&self, text: &str) {
        self.around.log.write(self.around.clock.now(), text);
    }

    fn leave_message(&self, text: &str) {
        *self.message.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.to_owned());
    }

    async fn hold(&self, _orphans: Orphans) -> io::Result<()> {
        self.stopped().await;
        Ok(())
    }
}
