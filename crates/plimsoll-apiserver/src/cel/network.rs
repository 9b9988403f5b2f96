//! Addresses, ranges of them and URLs in expressions.

use std::net::IpAddr;

use cel::{
    DeclarationError, Env, ExecutionError, add_member_overload, add_overload,
    common::types::{CelBool, CelInt, CelString},
};

use super::{fault, opaque::opaque};

/// An address.
#[derive(Clone, Debug, PartialEq)]
struct Ip(IpAddr);

/// A range of addresses.
#[derive(Clone, Debug, PartialEq)]
struct Cidr {
    address: IpAddr,
    bits: u8,
}

/// A URL, by its parts.
#[derive(Clone, Debug, PartialEq)]
struct Url {
    text: String,
    scheme: String,
    host: String,
    path: String,
}

opaque!(Ip, "net.IP");
opaque!(Cidr, "net.CIDR");
opaque!(Url, "kubernetes.URL");

pub(super) fn add_to(env: &mut Env) -> Result<(), DeclarationError> {
    add_overload!(env, fn ip: (CelString) -> Result<Ip>)?;
    add_overload!(env, fn is_ip: (CelString) -> CelBool, name = "isIP")?;
    add_overload!(env, fn is_canonical: (CelString) -> Result<CelBool>, name = "ip.isCanonical")?;
    add_overload!(env, fn ip_text: (Ip) -> CelString, name = "string")?;
    add_member_overload!(env, fn family: (Ip) -> CelInt)?;
    add_member_overload!(env, fn is_unspecified: (Ip) -> CelBool)?;
    add_member_overload!(env, fn is_loopback: (Ip) -> CelBool)?;
    add_member_overload!(env, fn is_link_local_unicast: (Ip) -> CelBool)?;
    add_member_overload!(env, fn is_link_local_multicast: (Ip) -> CelBool)?;
    add_member_overload!(env, fn is_global_unicast: (Ip) -> CelBool)?;
    add_overload!(env, fn cidr: (CelString) -> Result<Cidr>)?;
    add_overload!(env, fn is_cidr: (CelString) -> CelBool, name = "isCIDR")?;
    add_overload!(env, fn cidr_text: (Cidr) -> CelString, name = "string")?;
    add_member_overload!(env, fn contains_ip: (Cidr, Ip) -> CelBool, name = "containsIP")?;
    add_member_overload!(env, fn contains_ip_text: (Cidr, CelString) -> Result<CelBool>, name = "containsIP")?;
    add_member_overload!(env, fn contains_cidr: (Cidr, Cidr) -> CelBool, name = "containsCIDR")?;
    add_member_overload!(env, fn contains_cidr_text: (Cidr, CelString) -> Result<CelBool>, name = "containsCIDR")?;
    add_member_overload!(env, fn cidr_ip: (Cidr) -> Ip, name = "ip")?;
    add_member_overload!(env, fn prefix_length: (Cidr) -> CelInt)?;
    add_member_overload!(env, fn masked: (Cidr) -> Cidr)?;
    add_overload!(env, fn url: (CelString) -> Result<Url>)?;
    add_overload!(env, fn is_url: (CelString) -> CelBool, name = "isURL")?;
    add_member_overload!(env, fn get_scheme: (Url) -> CelString)?;
    add_member_overload!(env, fn get_host: (Url) -> CelString)?;
    add_member_overload!(env, fn get_hostname: (Url) -> CelString)?;
    add_member_overload!(env, fn get_port: (Url) -> CelString)?;
    add_member_overload!(env, fn get_escaped_path: (Url) -> CelString)
}

fn ip(text: &CelString<'_>) -> Result<Ip, ExecutionError> {
    let invalid = |_| {
        fault::function(
            "ip",
            format!("IP Address {:?} parse error during conversion", text.inner()),
        )
    };
    text.inner().parse().map(Ip).map_err(invalid)
}

fn is_ip(text: &CelString<'_>) -> CelBool {
    ip(text).is_ok().into()
}

fn is_canonical(text: &CelString<'_>) -> Result<CelBool, ExecutionError> {
    ip(text).map(|ip| (ip.0.to_string() == text.inner()).into())
}

fn ip_text(ip: &Ip) -> CelString<'static> {
    ip.0.to_string().into()
}

fn family(ip: &Ip) -> CelInt {
    if ip.0.is_ipv4() { 4.into() } else { 6.into() }
}

fn is_unspecified(ip: &Ip) -> CelBool {
    ip.0.is_unspecified().into()
}

fn is_loopback(ip: &Ip) -> CelBool {
    ip.0.is_loopback().into()
}

fn local_unicast(ip: &Ip) -> bool {
    match ip.0 {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.segments()[0] & 0xffc0 == 0xfe80,
    }
}

fn is_link_local_unicast(ip: &Ip) -> CelBool {
    local_unicast(ip).into()
}

fn is_link_local_multicast(ip: &Ip) -> CelBool {
    match ip.0 {
        IpAddr::V4(ip) => ip.octets()[..3] == [224, 0, 0],
        IpAddr::V6(ip) => ip.segments()[0] & 0xff0f == 0xff02,
    }
    .into()
}

fn is_global_unicast(ip: &Ip) -> CelBool {
    let is_broadcast = matches!(ip.0, IpAddr::V4(ip) if ip.is_broadcast());
    (!(is_broadcast
        || ip.0.is_unspecified()
        || ip.0.is_loopback()
        || ip.0.is_multicast()
        || local_unicast(ip)))
    .into()
}

impl Cidr {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let bits: u8 = bits.parse().ok()?;
        (bits <= width(address)).then_some(Self { address, bits })
    }

    fn holds(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4()
            && mask(address, self.bits) == mask(self.address, self.bits)
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The first bits of an address.
fn mask(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(ip) => {
            let kept = u32::MAX
                .checked_shl(32 - u32::from(bits.min(32)))
                .unwrap_or_default();
            IpAddr::V4((u32::from(ip) & kept).into())
        }
        IpAddr::V6(ip) => {
            let kept = u128::MAX
                .checked_shl(128 - u32::from(bits.min(128)))
                .unwrap_or_default();
            IpAddr::V6((u128::from(ip) & kept).into())
        }
    }
}

fn cidr(text: &CelString<'_>) -> Result<Cidr, ExecutionError> {
    let invalid = || {
        fault::function(
            "cidr",
            format!(
                "network address parse error during conversion from string: {:?}",
                text.inner()
            ),
        )
    };
    Cidr::parse(text.inner()).ok_or_else(invalid)
}

fn is_cidr(text: &CelString<'_>) -> CelBool {
    cidr(text).is_ok().into()
}

fn cidr_text(cidr: &Cidr) -> CelString<'static> {
    format!("{}/{}", cidr.address, cidr.bits).into()
}

fn contains_ip(cidr: &Cidr, ip: &Ip) -> CelBool {
    cidr.holds(ip.0).into()
}

fn contains_ip_text(cidr: &Cidr, text: &CelString<'_>) -> Result<CelBool, ExecutionError> {
    ip(text).map(|ip| contains_ip(cidr, &ip))
}

fn contains_cidr(one: &Cidr, other: &Cidr) -> CelBool {
    (one.bits <= other.bits && one.holds(other.address)).into()
}

fn contains_cidr_text(one: &Cidr, text: &CelString<'_>) -> Result<CelBool, ExecutionError> {
    cidr(text).map(|other| contains_cidr(one, &other))
}

fn cidr_ip(cidr: &Cidr) -> Ip {
    Ip(cidr.address)
}

fn prefix_length(cidr: &Cidr) -> CelInt {
    i64::from(cidr.bits).into()
}

fn masked(cidr: &Cidr) -> Cidr {
    Cidr {
        address: mask(cidr.address, cidr.bits),
        bits: cidr.bits,
    }
}

impl Url {
    fn parse(text: &str) -> Option<Self> {
        if text.chars().any(|c| c.is_control() || c == ' ') {
            return None;
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => {
                let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                    && scheme
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
                (is_scheme.then_some(scheme)?, rest)
            }
            // What has no scheme is a path.
            None => return text.starts_with('/').then(|| Self::of(text, "", "", text)),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        Some(Self::of(text, scheme, host, path))
    }

    fn of(text: &str, scheme: &str, host: &str, path: &str) -> Self {
        let path = path.find(['?', '#']).map_or(path, |end| &path[..end]);
        Self {
            text: text.to_owned(),
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            path: path.to_owned(),
        }
    }

    /// The host without its port, and the port.
    fn host_and_port(&self) -> (&str, &str) {
        if let Some((host, rest)) = self.host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            return (host, rest.strip_prefix(':').unwrap_or_default());
        }
        self.host.rsplit_once(':').unwrap_or((&self.host, ""))
    }
}

fn url(text: &CelString<'_>) -> Result<Url, ExecutionError> {
    let invalid = || {
        fault::function(
            "url",
            format!(
                "URL parse error during conversion from string: parse {:?}: invalid URI for request",
                text.inner()
            ),
        )
    };
    Url::parse(text.inner()).ok_or_else(invalid)
}

fn is_url(text: &CelString<'_>) -> CelBool {
    url(text).is_ok().into()
}

fn get_scheme(url: &Url) -> CelString<'static> {
    url.scheme.clone().into()
}

fn get_host(url: &Url) -> CelString<'static> {
    url.host.clone().into()
}

fn get_hostname(url: &Url) -> CelString<'static> {
    url.host_and_port().0.to_owned().into()
}

fn get_port(url: &Url) -> CelString<'static> {
    url.host_and_port().1.to_owned().into()
}

fn get_escaped_path(url: &Url) -> CelString<'static> {
    url.path.clone().into()
}
