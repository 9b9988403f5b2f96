//! Connecting to a cluster: kubeconfig, context, in-cluster; and a clear answer when that doesn't work.

mod error;
mod kubeconfig;
mod proxy;
#[cfg(test)]
mod tests;
mod transport;

use std::{path::PathBuf, time::Duration};

use http::Uri;
use k8s_openapi::{api::core::v1::Namespace, apimachinery::pkg::version::Info};
use kube::{Api, Client, ResourceExt};
use tokio::{net::TcpStream, time::timeout};

use crate::{
    clock::Clock,
    ground::Ground,
    platform::{Platform, ServerVersion},
};

pub use error::ConnectError;

/// The Kubernetes minor versions that are supported, 1.33 to 1.37.
pub const SUPPORTED: std::ops::RangeInclusive<u32> = 33..=37;

/// How long a server that has not answered may take to accept another connection.
const KNOCK: Duration = Duration::from_secs(2);

/// How to connect.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// The kubeconfig; without one, `$KUBECONFIG`, then `~/.kube/config`, then the pod we run in.
    pub kubeconfig: Option<PathBuf>,
    /// The context; without one, the kubeconfig's current one.
    pub context: Option<String>,
    /// How long the server may take to answer.
    pub patience: Duration,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            context: None,
            patience: Duration::from_secs(10),
        }
    }
}

pub(crate) async fn connect(options: &ConnectOptions) -> Result<Platform, ConnectError> {
    let environment = kubeconfig::Environment::of_process();
    let chosen = kubeconfig::choose(options, &environment).await?;
    let address = chosen.config.cluster_url.clone();
    let server = address.to_string();
    let is_direct = chosen.config.proxy_url.is_none();
    let client = transport::client(chosen.config).map_err(|source| ConnectError::Credentials {
        server: server.clone(),
        source,
    })?;
    match timeout(options.patience, ask(&client)).await {
        Ok(Ok((version, ground))) => Ok(Platform::new(
            client,
            version,
            chosen.context,
            ground,
            Clock::default(),
        )),
        Ok(Err(Answer::Version(git))) => Err(ConnectError::Unsupported { server, version: git }),
        Ok(Err(Answer::Failed(source))) => Err(error::classify(server, source)),
        Err(_) => match if is_direct { knock(&address).await } else { Ok(()) } {
            Ok(()) => Err(ConnectError::Silent {
                server,
                within: options.patience,
            }),
            Err(why) => Err(ConnectError::Unreachable { server, why }),
        },
    }
}

pub(crate) async fn over(client: Client, clock: Clock) -> Result<Platform, ConnectError> {
    let server = "the platform in this process".to_owned();
    match ask(&client).await {
        Ok((version, ground)) => Ok(Platform::new(client, version, None, ground, clock)),
        Err(Answer::Version(git)) => Err(ConnectError::Unsupported { server, version: git }),
        Err(Answer::Failed(source)) => Err(error::classify(server, source)),
    }
}

/// Whether anybody accepts connections there, and if not, why.
async fn knock(server: &Uri) -> Result<(), String> {
    let host = server
        .host()
        .unwrap_or_default()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let usual = if server.scheme_str() == Some("http") {
        80
    } else {
        443
    };
    let port = server.port_u16().unwrap_or(usual);
    match timeout(KNOCK, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no connection within {} s", KNOCK.as_secs())),
    }
}

/// Why a server that was asked is no platform for us.
enum Answer {
    Version(String),
    Failed(kube::Error),
}

/// Asks for the version, and for the ground: the second answer needs credentials that work.
async fn ask(client: &Client) -> Result<(ServerVersion, Ground), Answer> {
    let info = client.apiserver_version().await.map_err(Answer::Failed)?;
    let version = read_version(&info).ok_or_else(|| Answer::Version(info.git_version.clone()))?;
    if version.major != 1 || !SUPPORTED.contains(&version.minor) {
        return Err(Answer::Version(version.git));
    }
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let ground = match namespaces.get_metadata_opt("kube-system").await {
        Ok(system) => system.map_or(Ground::Cluster, |system| Ground::of(system.labels())),
        // Whoever may not read it can still be told what is missing, permission by permission.
        Err(kube::Error::Api(status)) if status.code == 403 && !is_anonymous(&status.message) => {
            Ground::Cluster
        }
        Err(error) => return Err(Answer::Failed(error)),
    };
    Ok((version, ground))
}

/// Whether a refusal shows that the server took us for nobody: credentials are missing.
fn is_anonymous(message: &str) -> bool {
    message.contains("\"system:anonymous\"")
}

fn read_version(info: &Info) -> Option<ServerVersion> {
    // Some distributions say `36+`.
    let number = |text: &str| text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok();
    Some(ServerVersion {
        major: number(&info.major)?,
        minor: number(&info.minor)?,
        git: info.git_version.clone(),
    })
}
