//! Names to addresses that may be asked: the connection goes to what was judged here, and nowhere else.

use std::{future::Future, io, net::SocketAddr, pin::Pin, sync::Arc};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::Allowed;

/// An address that is not asked.
#[derive(Debug, thiserror::Error)]
#[error("{0} is no public address")]
pub(crate) struct NotPublic(pub(crate) String);

/// The addresses of a name.
pub(crate) type Found = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;
/// Who knows them.
pub(crate) type Lookup = fn(String) -> Found;

/// Asks the system.
pub(crate) fn by_system(name: String) -> Found {
    Box::pin(async move { Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.collect()) })
}

/// Resolves names and keeps what is allowed.
pub(crate) struct Resolver {
    pub(crate) lookup: Lookup,
    pub(crate) allowed: Allowed,
}

impl Resolver {
    pub(crate) fn shared(lookup: Lookup, allowed: Allowed) -> Arc<Self> {
        Arc::new(Self { lookup, allowed })
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, allowed) = (self.lookup, self.allowed);
        Box::pin(async move {
            let found = lookup(name.as_str().to_owned()).await?;
            let kept: Vec<SocketAddr> = found
                .iter()
                .copied()
                .filter(|address| allowed(address.ip()))
                .collect();
            match (kept.is_empty(), found.first()) {
                (true, Some(address)) => {
                    Err(Box::new(NotPublic(format!("{} ({})", name.as_str(), address.ip()))) as _)
                }
                _ => Ok(Box::new(kept.into_iter()) as Addrs),
            }
        })
    }
}
