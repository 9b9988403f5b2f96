//! Asks the cluster's DNS from a node: the answer proves CoreDNS, its Service, kube-proxy's rules and the routes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::thread::LinkNameSpaceType;

use crate::watch::PATIENCE;

/// The Service that every cluster has.
const NAME: &str = "kubernetes.default.svc.cluster.local";
/// After how long an unanswered query is sent again, as resolvers do.
const RETRANSMIT: Duration = Duration::from_millis(50);

/// Why DNS did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DnsError {
    #[error("could not enter the network namespace `{path}`")]
    Namespace { path: PathBuf, source: io::Error },
    #[error("the DNS at {server} did not answer with {expected} for `{NAME}` within {} s", PATIENCE.as_secs())]
    Silent {
        server: SocketAddr,
        expected: Ipv4Addr,
        source: io::Error,
    },
    #[error("the look-up was cut off")]
    CutOff,
}

/// Returns when DNS answers in the network namespace of the process `pid`.
pub(crate) async fn answers(pid: i32, server: Ipv4Addr, expected: Ipv4Addr) -> Result<(), DnsError> {
    // A thread of its own, because entering a namespace changes the whole thread.
    let (answer, answered) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Nobody listens any more when the command was interrupted.
        let _ = answer.send(ask_in_namespace(pid, SocketAddr::from((server, 53)), expected));
    });
    answered.await.map_err(|_| DnsError::CutOff)?
}

fn ask_in_namespace(pid: i32, server: SocketAddr, expected: Ipv4Addr) -> Result<(), DnsError> {
    let path = PathBuf::from(format!("/proc/{pid}/ns/net"));
    let failed = |source| DnsError::Namespace {
        path: path.clone(),
        source,
    };
    let namespace = std::fs::File::open(&path).map_err(failed)?;
    rustix::thread::move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
        .map_err(|error| failed(error.into()))?;
    ask(server, expected, PATIENCE).map_err(|source| DnsError::Silent {
        server,
        expected,
        source,
    })
}

/// Sends the query until it is answered as expected. Early on there is nobody to answer, or no rule that leads
/// there, which the kernel reports as an error of the next call; the query is then sent again a little later.
fn ask(server: SocketAddr, expected: Ipv4Addr, patience: Duration) -> io::Result<()> {
    let deadline = Instant::now() + patience;
    let query = query(NAME);
    loop {
        let sent = Instant::now();
        let failure = match attempt(server, &query, expected) {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        if Instant::now() >= deadline {
            return Err(failure);
        }
        // The one pause of the lab: a datagram that nobody takes gives no event to wait for.
        if let Some(rest) = RETRANSMIT.checked_sub(sent.elapsed()) {
            std::thread::park_timeout(rest);
        }
    }
}

fn attempt(server: SocketAddr, query: &[u8], expected: Ipv4Addr) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(RETRANSMIT))?;
    socket.send(query)?;
    let mut answer = [0_u8; 512];
    let length = socket.recv(&mut answer)?;
    if says(&answer[..length], expected) {
        Ok(())
    } else {
        Err(io::Error::other("the answer is another one"))
    }
}

/// A question for the address of `name`, as RFC 1035 writes it.
fn query(name: &str) -> Vec<u8> {
    const RECURSION_DESIRED: u8 = 1;
    let mut packet = vec![0x70, 0x6c, RECURSION_DESIRED, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        packet.push(u8::try_from(label.len()).unwrap_or(0));
        packet.extend_from_slice(label.as_bytes());
    }
    packet.extend_from_slice(&[0, 0, 1, 0, 1]);
    packet
}

/// Whether an answer without error ends in the expected address: the only record of the only question.
fn says(answer: &[u8], expected: Ipv4Addr) -> bool {
    let no_error = answer.get(3).is_some_and(|flags| flags & 0x0f == 0);
    let answers = answer.get(6..8).is_some_and(|count| count != [0, 0]);
    let octets = expected.octets();
    no_error && answers && answer.windows(4).any(|window| window == octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 18, 4, 1);

    fn answer_to(query: &[u8], code: u8, address: Option<Ipv4Addr>) -> Vec<u8> {
        let mut packet = query.to_vec();
        packet[2] |= 0x80;
        packet[3] = code;
        if let Some(address) = address {
            packet[7] = 1;
            packet.extend_from_slice(&[0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
            packet.extend_from_slice(&address.octets());
        }
        packet
    }

    #[test]
    fn only_the_expected_address_without_an_error_counts() {
        let query = query(NAME);
        assert!(says(&answer_to(&query, 0, Some(ADDRESS)), ADDRESS));
        assert!(!says(&answer_to(&query, 0, Some(Ipv4Addr::LOCALHOST)), ADDRESS));
        assert!(!says(&answer_to(&query, 3, None), ADDRESS));
        assert!(!says(&answer_to(&query, 0, None), ADDRESS));
        assert!(!says(b"", ADDRESS));
    }

    #[test]
    fn a_server_that_comes_up_late_is_asked_again() {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = server.local_addr().unwrap();
        let serving = std::thread::spawn(move || {
            let mut packet = [0_u8; 512];
            // The first query stays unanswered, the second is refused, the third answered.
            let mut next = || {
                server
                    .recv_from(&mut packet)
                    .map(|(length, from)| (packet[..length].to_vec(), from))
            };
            next().unwrap();
            let (query, from) = next().unwrap();
            server.send_to(&answer_to(&query, 2, None), from).unwrap();
            let (query, from) = next().unwrap();
            server
                .send_to(&answer_to(&query, 0, Some(ADDRESS)), from)
                .unwrap();
        });
        ask(address, ADDRESS, Duration::from_secs(10)).unwrap();
        serving.join().unwrap();
    }

    #[test]
    fn nobody_there_is_an_error_when_the_time_is_up() {
        let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .unwrap()
            .local_addr()
            .unwrap();
        assert!(ask(free, ADDRESS, Duration::from_millis(120)).is_err());
    }
}
