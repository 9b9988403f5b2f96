//! One question to one name server.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, RCODE, TYPE};

use super::ResolveError;
use crate::host::Stop;

/// More than any answer by UDP: a cluster's servers may use up to 4096 bytes.
const ANSWER_BYTES: usize = 8192;

static NEXT_ID: AtomicU16 = AtomicU16::new(0);

/// Asks for the addresses of a kind. A name that does not exist has none.
pub(super) fn exchange(
    server: SocketAddr,
    name: &str,
    kind: TYPE,
    stop: &Stop,
    patience: Duration,
) -> Result<Vec<IpAddr>, ResolveError> {
    let network = |source: io::Error| ResolveError::Network { server, source };
    let bad_name = || ResolveError::BadName(name.to_owned());
    // The port that the kernel chose is what a forger would have to guess; the id only tells our questions apart.
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    let mut question = Packet::new_query(id);
    question.set_flags(PacketFlag::RECURSION_DESIRED);
    let asked = Name::new(name).map_err(|_| bad_name())?;
    question
        .questions
        .push(Question::new(asked.clone(), kind.into(), CLASS::IN.into(), false));
    let question = question.build_bytes_vec().map_err(|_| bad_name())?;

    let here: IpAddr = if server.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let socket = UdpSocket::bind((here, 0)).map_err(network)?;
    socket.set_nonblocking(true).map_err(network)?;
    socket.connect(server).map_err(network)?;
    socket.send(&question).map_err(network)?;

    let deadline = Instant::now() + patience;
    let mut buffer = vec![0; ANSWER_BYTES];
    loop {
        let remaining = deadline.saturating_duration_since(Instant::now());
        let woken = stop
            .wait(&[(socket.as_fd(), PollFlags::IN)], Some(remaining))
            .map_err(network)?;
        if woken.stopped {
            return Err(ResolveError::Stopped);
        }
        if !woken.ready.contains(&true) {
            return Err(ResolveError::Silence(name.to_owned()));
        }
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(network(error)),
        };
        let answer = Packet::parse(buffer.get(..length).unwrap_or_default());
        if let Some(answer) = answer.ok().filter(|answer| answers(answer, id, &asked)) {
            return read(&answer, kind).map_err(|code| ResolveError::Server {
                server,
                name: name.to_owned(),
                code,
            });
        }
    }
}

/// Whether a packet answers our question, and not an earlier one.
fn answers(packet: &Packet<'_>, id: u16, asked: &Name<'_>) -> bool {
    packet.id() == id
        && packet.has_flags(PacketFlag::RESPONSE)
        && packet
            .questions
            .first()
            .is_none_or(|question| same_name(&question.qname, asked))
}

/// Names are compared without regard to case, which servers may change.
fn same_name(one: &Name<'_>, other: &Name<'_>) -> bool {
    one.to_string().eq_ignore_ascii_case(&other.to_string())
}

/// The addresses in an answer, wherever aliases led.
fn read(answer: &Packet<'_>, kind: TYPE) -> Result<Vec<IpAddr>, String> {
    match answer.rcode() {
        RCODE::NoError | RCODE::NameError => {}
        other => return Err(format!("{other:?}")),
    }
    let addresses = answer
        .answers
        .iter()
        .filter_map(|record| match (&record.rdata, kind) {
            (RData::A(a), TYPE::A) => Some(IpAddr::from(Ipv4Addr::from(a.address))),
            (RData::AAAA(aaaa), TYPE::AAAA) => Some(IpAddr::from(Ipv6Addr::from(aaaa.address))),
            _ => None,
        });
    Ok(addresses.collect())
}
