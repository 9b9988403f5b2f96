//! Finding addresses by name, as pods do.
//!
//! The C library's resolver loads plug-ins, which a static binary cannot do safely. This one asks the name servers of
//! `resolv.conf` and follows its search list; it reads neither `/etc/hosts` nor anything else.

mod exchange;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use resolv_conf::Config;
use simple_dns::{Name, TYPE};

use crate::host::{Clock, Network};
use exchange::exchange;

/// Where names are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolver {
    servers: Vec<SocketAddr>,
    search: Vec<String>,
    dots: usize,
    patience: Duration,
}

/// A name that led to no address.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// `resolv.conf` names nobody to ask.
    #[error("no name server is configured")]
    NoServers,
    /// No name at all.
    #[error("`{0}` is no domain name")]
    BadName(String),
    /// The servers answered that there is no such name, or that it has no address.
    #[error("no address is known for {0}")]
    NotFound(String),
    /// A server answered that it cannot tell.
    #[error("{server} cannot tell about {name}: {code}")]
    Server {
        /// The server.
        server: SocketAddr,
        /// The name.
        name: String,
        /// Its answer.
        code: String,
    },
    /// Nobody answered in time.
    #[error("no answer about {0} in time")]
    Silence(String),
    /// The question could not be asked.
    #[error("cannot ask {server}")]
    Network {
        /// The server.
        server: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The process is asked to stop.
    #[error("asked to stop")]
    Stopped,
}

impl Resolver {
    /// Reads the content of a `resolv.conf`. Lines that are not understood are passed over, as the C library does.
    pub fn from_resolv_conf(text: &str) -> Self {
        let (config, _) = Config::parse_with_errors(text.as_bytes());
        Self {
            servers: config
                .nameservers
                .iter()
                .map(|server| SocketAddr::new(IpAddr::from(server), 53))
                .collect(),
            search: config.get_last_search_or_domain().cloned().collect(),
            dots: usize::try_from(config.ndots).unwrap_or(usize::MAX),
            // Servers are asked again until the caller's own deadline, so one that is silent is not waited for long.
            patience: Duration::from_secs(1),
        }
    }

    /// The addresses that `name` leads to, IPv4 first.
    ///
    /// # Errors
    /// When no candidate of the search list has an address, or nobody tells before `deadline`.
    pub async fn lookup(
        &self,
        name: &str,
        host: &(impl Clock + Network),
        deadline: Duration,
    ) -> Result<Vec<IpAddr>, ResolveError> {
        if self.servers.is_empty() {
            return Err(ResolveError::NoServers);
        }
        let mut outcome = Err(ResolveError::BadName(name.to_owned()));
        for candidate in self.candidates(name) {
            match self.addresses(&candidate, host, deadline).await {
                Ok(addresses) => return Ok(addresses),
                Err(ResolveError::Stopped) => return Err(ResolveError::Stopped),
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    /// The names to try, in the order that the C library tries them: with few dots the search list comes first.
    fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(absolute) = name.strip_suffix('.') {
            return vec![absolute.to_owned()];
        }
        let mut candidates: Vec<String> = self
            .search
            .iter()
            .map(|domain| format!("{name}.{}", domain.trim_end_matches('.')))
            .collect();
        let as_is = if name.matches('.').count() >= self.dots {
            0
        } else {
            candidates.len()
        };
        candidates.insert(as_is, name.to_owned());
        candidates
    }

    async fn addresses(
        &self,
        name: &str,
        host: &(impl Clock + Network),
        deadline: Duration,
    ) -> Result<Vec<IpAddr>, ResolveError> {
        if name.is_empty() || Name::new(name).is_err() {
            return Err(ResolveError::BadName(name.to_owned()));
        }
        let mut addresses = Vec::new();
        for kind in [TYPE::A, TYPE::AAAA] {
            addresses.extend(self.ask_in_turn(name, kind, host, deadline).await?);
        }
        if addresses.is_empty() {
            Err(ResolveError::NotFound(name.to_owned()))
        } else {
            Ok(addresses)
        }
    }

    /// Asks one server after the other; the first that knows is believed.
    async fn ask_in_turn(
        &self,
        name: &str,
        kind: TYPE,
        host: &(impl Clock + Network),
        deadline: Duration,
    ) -> Result<Vec<IpAddr>, ResolveError> {
        let mut outcome = Err(ResolveError::Silence(name.to_owned()));
        for server in &self.servers {
            let remaining = host.until(deadline).min(self.patience);
            outcome = exchange(*server, name, kind, host, remaining).await;
            if matches!(outcome, Ok(_) | Err(ResolveError::Stopped)) {
                break;
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests;
