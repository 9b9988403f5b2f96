//! Which proxy to use, by the rules that kubectl has from Go: the kubeconfig's `proxy-url` always; otherwise
//! `$HTTPS_PROXY` or `$HTTP_PROXY` by the server's scheme, unless `$NO_PROXY` names the server or it is on this
//! machine.

use std::net::IpAddr;

use http::Uri;

/// What the environment says about proxies; lowercase names count where the uppercase ones are not set.
#[derive(Clone, Debug, Default)]
pub(super) struct Proxies {
    pub(super) https: String,
    pub(super) http: String,
    pub(super) none_for: String,
}

impl Proxies {
    pub(super) fn of_process() -> Self {
        let variable = |name: &str| {
            let set = |name: String| std::env::var(name).ok().filter(|value| !value.is_empty());
            set(name.to_uppercase())
                .or_else(|| set(name.to_owned()))
                .unwrap_or_default()
        };
        Self {
            https: variable("https_proxy"),
            http: variable("http_proxy"),
            none_for: variable("no_proxy"),
        }
    }

    /// The environment's proxy for a server. Without a scheme it is an HTTP proxy.
    pub(super) fn for_server(&self, server: &Uri) -> Option<Result<Uri, http::uri::InvalidUri>> {
        let secure = server.scheme_str() == Some("https");
        let proxy = if secure { &self.https } else { &self.http };
        let host = server.host()?.trim_start_matches('[').trim_end_matches(']');
        let port = server.port_u16().unwrap_or(if secure { 443 } else { 80 });
        if proxy.is_empty() || is_local(host) || self.excludes(host, port) {
            return None;
        }
        let address = if proxy.contains("://") {
            proxy.clone()
        } else {
            format!("http://{proxy}")
        };
        Some(address.parse())
    }

    fn excludes(&self, host: &str, port: u16) -> bool {
        self.none_for
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .any(|entry| names(entry, host, port))
    }
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether an entry of `$NO_PROXY` names a server.
fn names(entry: &str, host: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        if let Some((network, bits)) = entry.split_once('/') {
            return within(address, network, bits);
        }
        if let Ok(only) = entry.parse::<IpAddr>() {
            return address == only;
        }
    }
    let (name, only) = match entry.rsplit_once(':') {
        Some((name, only)) => (name, only.parse::<u16>().ok()),
        None => (entry, None),
    };
    if only.is_some_and(|only| only != port) {
        return false;
    }
    let (name, host) = (name.to_lowercase(), host.to_lowercase());
    match name.strip_prefix("*.").or(name.strip_prefix('.')) {
        Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
        None => host == name || host.strip_suffix(&name).is_some_and(|rest| rest.ends_with('.')),
    }
}

/// Whether an address is in a network such as `10.0.0.0/8`.
fn within(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    let (address, network, size) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u128::from(a.to_bits()), u128::from(n.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => (a.to_bits(), n.to_bits(), 128),
        _ => return false,
    };
    bits <= size && (bits == 0 || (address ^ network) >> (size - bits) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(none_for: &str, server: &str) -> Option<String> {
        let proxies = Proxies {
            https: "proxy:3128".into(),
            http: "http://plain:80".into(),
            none_for: none_for.into(),
        };
        proxies
            .for_server(&server.parse().unwrap())
            .map(|proxy| proxy.unwrap().to_string())
    }

    #[test]
    fn the_servers_scheme_chooses_and_this_machine_needs_none() {
        assert_eq!(
            proxy("", "https://k8s.example.com").as_deref(),
            Some("http://proxy:3128/")
        );
        assert_eq!(
            proxy("", "http://k8s.example.com").as_deref(),
            Some("http://plain:80/")
        );
        for local in [
            "https://localhost:6443",
            "https://127.0.0.1:6443",
            "https://[::1]:6443",
        ] {
            assert_eq!(proxy("", local), None, "{local}");
        }
        assert!(
            Proxies::default()
                .for_server(&"https://a".parse().unwrap())
                .is_none()
        );
    }

    #[test]
    fn the_exceptions_are_about_the_server() {
        for (none_for, server, excepted) in [
            ("*", "https://a.b", true),
            ("example.com", "https://k8s.example.com", true),
            ("example.com", "https://example.com", true),
            (".example.com", "https://example.com", false),
            ("*.example.com", "https://k8s.Example.com", true),
            ("ample.com", "https://example.com", false),
            ("x, ,example.com:6443,", "https://example.com:6443", true),
            ("example.com:6443", "https://example.com", false),
            ("198.18.0.0/15", "https://198.19.255.1:6443", true),
            ("198.18.0.0/15", "https://198.20.0.1:6443", false),
            ("0.0.0.0/0", "https://8.8.8.8", true),
            ("8.8.8.8/33", "https://8.8.8.8", false),
            ("8.8.8.8", "https://8.8.8.8", true),
            ("fd00::/8", "https://[fd12::1]", true),
            ("proxy", "https://a.b", false),
        ] {
            assert_eq!(proxy(none_for, server).is_none(), excepted, "{none_for} {server}");
        }
    }
}
