//! Which kubeconfig and context to use.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use kube::config::{Config, KubeConfigOptions, Kubeconfig, KubeconfigError};

use super::{ConnectError, ConnectOptions, proxy::Proxies};

/// What the environment says about kubeconfigs.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    /// `$KUBECONFIG`.
    pub(super) kubeconfig: Option<OsString>,
    /// `$HOME`.
    pub(super) home: Option<PathBuf>,
    /// Whether we run in a pod.
    pub(super) in_cluster: bool,
    /// Proxies.
    pub(super) proxies: Proxies,
}

impl Environment {
    pub(super) fn of_process() -> Self {
        Self {
            kubeconfig: std::env::var_os("KUBECONFIG"),
            home: std::env::home_dir(),
            in_cluster: std::env::var_os("KUBERNETES_SERVICE_HOST").is_some(),
            proxies: Proxies::of_process(),
        }
    }
}

/// What to connect to.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) config: Config,
    pub(super) context: Option<String>,
}

pub(super) async fn choose(
    options: &ConnectOptions,
    environment: &Environment,
) -> Result<Chosen, ConnectError> {
    let (kubeconfig, from) = match read(options, environment)? {
        Ok(found) => found,
        Err(looked) => {
            if environment.in_cluster && options.context.is_none() {
                let config = Config::incluster().map_err(|source| ConnectError::InCluster { source })?;
                return Ok(Chosen {
                    config,
                    context: None,
                });
            }
            return Err(ConnectError::NoKubeconfig { looked });
        }
    };
    let context = context(options, &kubeconfig, &from)?;
    let selection = KubeConfigOptions {
        context: Some(context.clone()),
        ..KubeConfigOptions::default()
    };
    let has_proxy = proxy_of(&kubeconfig, &context);
    let incomplete = |source| ConnectError::Incomplete {
        path: from,
        context: context.clone(),
        source,
    };
    let config = match Config::from_custom_kubeconfig(kubeconfig, &selection).await {
        // The client compares `$NO_PROXY` with the proxy instead of the server, so that is settled here.
        Ok(mut config) if !has_proxy => match environment.proxies.for_server(&config.cluster_url).transpose()
        {
            Ok(proxy) => {
                config.proxy_url = proxy;
                config
            }
            Err(source) => return Err(incomplete(KubeconfigError::ParseProxyUrl(source))),
        },
        Ok(config) => config,
        Err(source) => return Err(incomplete(source)),
    };
    Ok(Chosen {
        config,
        context: Some(context),
    })
}

/// The kubeconfig and where it is from, or else the places where there is none.
fn read(
    options: &ConnectOptions,
    environment: &Environment,
) -> Result<Result<(Kubeconfig, PathBuf), Vec<PathBuf>>, ConnectError> {
    if let Some(path) = &options.kubeconfig {
        return Ok(Ok((read_file(path)?, path.clone())));
    }
    let named: Vec<PathBuf> = environment
        .kubeconfig
        .iter()
        .flat_map(|paths| std::env::split_paths(paths).collect::<Vec<_>>())
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    let paths = if named.is_empty() {
        environment
            .home
            .iter()
            .map(|home| home.join(".kube/config"))
            .collect()
    } else {
        named
    };
    // As kubectl does, files that are named but not there are passed over.
    let mut merged: Option<(Kubeconfig, PathBuf)> = None;
    for path in paths.iter().filter(|path| path.exists()) {
        let next = read_file(path)?;
        merged = Some(match merged {
            None => (next, path.clone()),
            Some((first, from)) => {
                let merged = first.merge(next).map_err(|source| ConnectError::Garbled {
                    path: path.clone(),
                    line: None,
                    column: None,
                    source,
                })?;
                (merged, from)
            }
        });
    }
    Ok(merged.ok_or(paths))
}

fn read_file(path: &Path) -> Result<Kubeconfig, ConnectError> {
    Kubeconfig::read_from(path).map_err(|error| match error {
        KubeconfigError::ReadConfig(source, path) => ConnectError::Unreadable { path, source },
        source => {
            let place = match &source {
                KubeconfigError::Parse(error) => error.location().map(|at| (at.line(), at.column())),
                _ => None,
            };
            let path = path.to_owned();
            ConnectError::Garbled {
                path,
                line: place.map(|at| at.0),
                column: place.map(|at| at.1),
                source,
            }
        }
    })
}

/// The context to use, which must be there.
fn context(options: &ConnectOptions, kubeconfig: &Kubeconfig, from: &Path) -> Result<String, ConnectError> {
    let known: Vec<String> = kubeconfig
        .contexts
        .iter()
        .map(|context| context.name.clone())
        .collect();
    let wanted = options
        .context
        .clone()
        .or(kubeconfig.current_context.clone())
        .filter(|name| !name.is_empty());
    match wanted {
        Some(name) if known.contains(&name) => Ok(name),
        Some(name) => {
            let nearest = nearest(&name, &known);
            Err(ConnectError::UnknownContext {
                path: from.to_owned(),
                name,
                known,
                nearest,
            })
        }
        None => Err(ConnectError::NoContext {
            path: from.to_owned(),
            known,
        }),
    }
}

/// Whether the kubeconfig itself names a proxy for the context's cluster.
fn proxy_of(kubeconfig: &Kubeconfig, context: &str) -> bool {
    let context = kubeconfig.contexts.iter().find(|named| named.name == context);
    let cluster = context
        .and_then(|named| named.context.as_ref())
        .map(|context| &context.cluster);
    let cluster = kubeconfig
        .clusters
        .iter()
        .find(|named| Some(&named.name) == cluster);
    let proxy = cluster
        .and_then(|named| named.cluster.as_ref())
        .and_then(|cluster| cluster.proxy_url.as_deref());
    proxy.is_some_and(|proxy| !proxy.is_empty())
}

/// The known name most like `name`, if any is like it at all.
fn nearest(name: &str, known: &[String]) -> Option<String> {
    known
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known.clone())
}
