//! The ways a connection can fail, and telling which it was.

use std::{error::Error as StdError, io, path::PathBuf, time::Duration};

use kube::config::{InClusterError, KubeconfigError};

/// Could not connect.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no kubeconfig in the usual places, and we don't run in a pod.
    #[error("no kubeconfig found, looked at {}", list(.looked))]
    NoKubeconfig {
        /// The places.
        looked: Vec<PathBuf>,
    },
    /// The kubeconfig can't be read.
    #[error("could not read kubeconfig `{}`", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The kubeconfig is not one.
    #[error("kubeconfig `{}{}` is not valid", .path.display(), place(*.line, *.column))]
    Garbled {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: Option<u64>,
        /// The column, from 1.
        column: Option<u64>,
        /// What is wrong.
        #[source]
        source: KubeconfigError,
    },
    /// The kubeconfig has no context of that name.
    #[error(
        "kubeconfig `{}` has no context `{name}`, {}", .path.display(), suggestion(.nearest.as_deref(), .known)
    )]
    UnknownContext {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
        /// The contexts it has.
        known: Vec<String>,
        /// The most similar of them.
        nearest: Option<String>,
    },
    /// No context is named, nor does the kubeconfig name a current one.
    #[error("kubeconfig `{}` has no current context, {}", .path.display(), suggestion(None, .known))]
    NoContext {
        /// The file.
        path: PathBuf,
        /// The contexts it has.
        known: Vec<String>,
    },
    /// What the context refers to is missing or unusable.
    #[error("context `{context}` of kubeconfig `{}` can't be used", .path.display())]
    Incomplete {
        /// The file.
        path: PathBuf,
        /// The context.
        context: String,
        /// What is wrong.
        #[source]
        source: KubeconfigError,
    },
    /// We run in a pod, but its service account can't be used.
    #[error("could not use the service account of the pod")]
    InCluster {
        /// Why.
        #[source]
        source: InClusterError,
    },
    /// The credentials can't be used, or the command that gets them failed.
    #[error("could not get credentials for {server}")]
    Credentials {
        /// The server's address.
        server: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// Nobody is there.
    #[error("could not reach {server}: {why}")]
    Unreachable {
        /// The server's address.
        server: String,
        /// Why, in the operating system's words.
        why: String,
    },
    /// Somebody is there and says nothing.
    #[error("{server} accepts connections, but did not answer within {} s", .within.as_secs())]
    Silent {
        /// The server's address.
        server: String,
        /// How long it was given.
        within: Duration,
    },
    /// No secure connection.
    #[error("no secure connection to {server}: {why}")]
    Tls {
        /// The server's address.
        server: String,
        /// Why.
        why: String,
    },
    /// Whatever answers is not a Kubernetes API server.
    #[error("what answers at {server} is not a Kubernetes API server: {said}")]
    NotKubernetes {
        /// The server's address.
        server: String,
        /// What it said instead.
        said: String,
    },
    /// The server doesn't know us, or not any more.
    #[error("{server} does not accept the credentials, which are missing, wrong or expired: {message}")]
    Unauthorised {
        /// The server's address.
        server: String,
        /// Its words.
        message: String,
    },
    /// The server's version is not supported.
    #[error("{server} is Kubernetes {version}, supported are 1.33 to 1.37")]
    Unsupported {
        /// The server's address.
        server: String,
        /// Its version.
        version: String,
    },
    /// The server answered with an error.
    #[error("{server} answered with an error")]
    Api {
        /// The server's address.
        server: String,
        /// The error.
        #[source]
        source: kube::Error,
    },
}

/// What a failed first request means.
pub(super) fn classify(server: String, error: kube::Error) -> ConnectError {
    match &error {
        kube::Error::Auth(_) => {
            return ConnectError::Credentials {
                server,
                source: error,
            };
        }
        kube::Error::Api(status) if status.code == 401 || status.code == 403 => {
            return ConnectError::Unauthorised {
                server,
                message: status.message.clone(),
            };
        }
        // An answer without a Status gets one made from its body, without a kind of failure.
        kube::Error::Api(status) if status.status.is_none() || status.reason.contains("parse") => {
            let said = status
                .message
                .lines()
                .next()
                .unwrap_or_default()
                .chars()
                .take(200)
                .collect();
            return ConnectError::NotKubernetes { server, said };
        }
        kube::Error::SerdeError(source) => {
            return ConnectError::NotKubernetes {
                server,
                said: source.to_string(),
            };
        }
        _ => {}
    }
    let chain = Chain(&error);
    if let Some(why) = chain.tls() {
        return ConnectError::Tls { server, why };
    }
    if chain.timed_out() {
        return ConnectError::Unreachable {
            server,
            why: "the connection was not accepted in time".to_owned(),
        };
    }
    if let Some(why) = chain.io() {
        return ConnectError::Unreachable { server, why };
    }
    if let kube::Error::Service(source) = &error {
        let last = chain.last().to_string();
        let why = if last.is_empty() { source.to_string() } else { last };
        return ConnectError::Unreachable { server, why };
    }
    ConnectError::Api {
        server,
        source: error,
    }
}

/// An error and what is behind it. An `io::Error` does not show what it wraps as its source, so that is
/// followed as well.
struct Chain<'a>(&'a (dyn StdError + 'static));

impl<'a> Chain<'a> {
    fn all(&self) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
        std::iter::successors(Some(self.0), |error| behind(*error))
    }

    fn last(&self) -> &'a (dyn StdError + 'static) {
        self.all().last().unwrap_or(self.0)
    }

    fn tls(&self) -> Option<String> {
        let error = self
            .all()
            .find_map(|error| error.downcast_ref::<rustls::Error>())?;
        Some(match error {
            rustls::Error::InvalidMessage(_) => "it does not speak TLS there".to_owned(),
            rustls::Error::InvalidCertificate(why) => format!("its certificate is not accepted: {why}"),
            rustls::Error::AlertReceived(why) => format!("it ended the handshake: {why:?}"),
            other => other.to_string(),
        })
    }

    fn timed_out(&self) -> bool {
        self.all().any(|error| {
            error
                .downcast_ref()
                .is_some_and(|io: &io::Error| io.kind() == io::ErrorKind::TimedOut)
        })
    }

    fn io(&self) -> Option<String> {
        let io = self
            .all()
            .filter_map(|error| error.downcast_ref::<io::Error>())
            .last()?;
        Some(io.to_string())
    }
}

fn behind<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn list(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return "no place, since there is no home directory".to_owned();
    }
    let paths: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    paths.join(", ")
}

fn place(line: Option<u64>, column: Option<u64>) -> String {
    match (line, column) {
        (Some(line), Some(column)) => format!(":{line}:{column}"),
        _ => String::new(),
    }
}

fn suggestion(nearest: Option<&str>, known: &[String]) -> String {
    if known.is_empty() {
        return "and no other context".to_owned();
    }
    let known = known
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`? It has {known}"),
        None => format!("it has {known}"),
    }
}
