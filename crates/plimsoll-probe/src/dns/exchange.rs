//! One question to one name server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, RCODE, TYPE};

use super::ResolveError;
use crate::host::{Network, Unanswered};

static NEXT_ID: AtomicU16 = AtomicU16::new(0);

/// Asks for the addresses of a kind. A name that does not exist has none.
pub(super) async fn exchange(
    server: SocketAddr,
    name: &str,
    kind: TYPE,
    host: &impl Network,
    patience: Duration,
) -> Result<Vec<IpAddr>, ResolveError> {
    let bad_name = || ResolveError::BadName(name.to_owned());
    // The port that the host chooses is what a forger would have to guess; the id only tells our questions apart.
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    let asked = Name::new(name).map_err(|_| bad_name())?;
    let question = question(id, &asked, kind).ok_or_else(bad_name)?;
    let fits = |packet: &[u8]| Packet::parse(packet).is_ok_and(|answer| answers(&answer, id, &asked));
    let packet = match host.ask(server, &question, patience, &fits).await {
        Ok(packet) => packet,
        Err(Unanswered::Stopped) => return Err(ResolveError::Stopped),
        Err(Unanswered::Late) => return Err(ResolveError::Silence(name.to_owned())),
        Err(Unanswered::Failed(source)) => return Err(ResolveError::Network { server, source }),
    };
    let answer = Packet::parse(&packet).map_err(|_| ResolveError::Silence(name.to_owned()))?;
    read(&answer, kind).map_err(|code| ResolveError::Server {
        server,
        name: name.to_owned(),
        code,
    })
}

/// The packet to send. Nothing for a name that fits into none.
fn question(id: u16, asked: &Name<'_>, kind: TYPE) -> Option<Vec<u8>> {
    let mut question = Packet::new_query(id);
    question.set_flags(PacketFlag::RECURSION_DESIRED);
    question
        .questions
        .push(Question::new(asked.clone(), kind.into(), CLASS::IN.into(), false));
    question.build_bytes_vec().ok()
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
