//! The cluster's DNS, a process on the host behind the `kube-dns` Service.

use std::net::Ipv4Addr;
use std::path::Path;

use super::credentials::{Credentials, context};
use super::host_process;
use crate::files::{self, FileError};
use crate::keeper::protocol::{ProcessSpec, ReadySignal};
use crate::lab::Lab;

/// The port it listens on; the Service's port is the usual one.
pub(super) const PORT: u16 = 1053;

pub(super) fn process(lab: &Lab, credentials: &Credentials) -> Result<ProcessSpec, FileError> {
    let corefile = lab.folder.control_plane().join("Corefile");
    files::write(
        &corefile,
        render(lab.plan().host(), &credentials.coredns, &context(lab)),
    )?;
    let args = vec!["-conf".to_owned(), corefile.display().to_string()];
    Ok(host_process(
        lab,
        "coredns",
        "coredns",
        args,
        ReadySignal::Started,
    ))
}

/// Nothing is cached and nothing forwarded: a name is what the API server says now, and names outside the
/// cluster do not exist, as no packet could get there.
fn render(host: Ipv4Addr, kubeconfig: &Path, context: &str) -> String {
    format!(
        "cluster.local:{PORT} in-addr.arpa:{PORT} {{
    bind {host}
    errors
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {kubeconfig} {context}
        pods insecure
        ttl 0
    }}
}}

.:{PORT} {{
    bind {host}
    template ANY ANY . {{
        rcode NXDOMAIN
    }}
}}
",
        kubeconfig = kubeconfig.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cluster_zone_comes_first_and_everything_else_does_not_exist() {
        let text = render(
            Ipv4Addr::new(198, 18, 0, 1),
            Path::new("/pki/coredns.conf"),
            "plimsoll-lab",
        );
        let cluster = text.find("kubeconfig /pki/coredns.conf plimsoll-lab").unwrap();
        assert!(cluster < text.find("rcode NXDOMAIN").unwrap());
        assert_eq!(text.matches("bind 198.18.0.1").count(), 2);
        // One-line blocks are a parse error to CoreDNS.
        assert!(
            text.lines()
                .all(|line| !(line.contains('{') && line.contains('}')))
        );
    }
}
