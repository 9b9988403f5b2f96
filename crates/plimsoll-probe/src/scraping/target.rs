//! Where an exporter is: `http://HOST[:PORT][/PATH]`.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// An exporter's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The host: an address or a name.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path, from its slash on.
    pub path: String,
}

/// A text that is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no target: write http://HOST[:PORT][/PATH]; nothing but plain HTTP is spoken")]
pub struct BadTarget(String);

impl Target {
    /// The place, where the host is an address.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host.parse::<IpAddr>()
            .ok()
            .map(|address| SocketAddr::new(address, self.port))
    }
}

impl FromStr for Target {
    type Err = BadTarget;

    fn from_str(text: &str) -> Result<Self, BadTarget> {
        let bad = || BadTarget(text.to_owned());
        let rest = text.strip_prefix("http://").ok_or_else(bad)?;
        let (place, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, "/metrics"),
        };
        // What would end the request's first line is in no path.
        if path
            .chars()
            .any(|letter| letter.is_whitespace() || letter.is_control())
        {
            return Err(bad());
        }
        let is_port = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if is_port(port) => (host, port.parse().map_err(|_| bad())?),
            Some(_) if !place.ends_with(']') => return Err(bad()),
            _ => (place, 80),
        };
        let fits = |letter: char| letter.is_ascii_alphanumeric() || ".-_[]:".contains(letter);
        let is_address = host.starts_with('[') && host.ends_with(']');
        if host.is_empty() || !host.chars().all(fits) || (host.contains(':') && !is_address) {
            return Err(bad());
        }
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        Ok(Self {
            host: host.to_owned(),
            port,
            path,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_are_addresses_or_names() {
        let target: Target = "http://198.18.0.1:9400/metrics".parse().unwrap();
        assert_eq!(target.address().unwrap().to_string(), "198.18.0.1:9400");
        let target: Target = "http://[fd00::1]:9400".parse().unwrap();
        assert_eq!(
            (target.address().unwrap().port(), target.path.as_str()),
            (9400, "/metrics")
        );
        let target: Target = "http://dcgm.gpu-operator.svc?x=1".parse().unwrap();
        assert_eq!(
            (target.address(), target.port, target.path.as_str()),
            (None, 80, "/?x=1")
        );
    }

    #[test]
    fn nothing_else_is_spoken() {
        for text in [
            "https://a",
            "a:9400",
            "http://",
            "http://a:b",
            "http://a:99999",
            "http://fd00::1:9400/x",
            "http://a/ HTTP/1.1",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,60}") {
            let _ = text.parse::<Target>();
            let _ = format!("http://{text}").parse::<Target>();
        }
    }
}
