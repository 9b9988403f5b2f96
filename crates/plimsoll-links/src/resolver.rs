//! Names to addresses that may be asked: the connection goes to what was judged here, and nowhere else.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::Allowed;

/// An address that is not asked.
#[derive(Debug, thiserror::Error)]
#[error("{0} is no public address")]
pub(crate) struct NotPublic(pub(crate) String);

/// Resolves by the system and keeps what is allowed.
pub(crate) struct Resolver {
    pub(crate) allowed: Allowed,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.allowed;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
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
