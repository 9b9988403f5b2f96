//! Questions and answers of the name service as packets.

use std::net::IpAddr;

use simple_dns::rdata::{A, AAAA, RData};
use simple_dns::{CLASS, Packet, QTYPE, RCODE, ResourceRecord, TYPE};

/// What is known of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It exists, perhaps without an address.
    Addresses(Vec<IpAddr>),
    /// It does not.
    Nothing,
}

/// The answer to a packet, by what `lookup` knows of names in lower case; none to what is no question.
pub(super) fn answer(packet: &[u8], lookup: impl Fn(&str) -> Known) -> Option<Vec<u8>> {
    let question = Packet::parse(packet).ok()?;
    let asked = question.questions.first()?.clone();
    let mut reply = question.into_reply();
    match lookup(&asked.qname.to_string().to_lowercase()) {
        Known::Nothing => *reply.rcode_mut() = RCODE::NameError,
        Known::Addresses(addresses) => {
            let records = addresses
                .into_iter()
                .filter_map(|address| match (address, asked.qtype) {
                    (IpAddr::V4(address), QTYPE::TYPE(TYPE::A)) => Some(RData::A(A::from(address))),
                    (IpAddr::V6(address), QTYPE::TYPE(TYPE::AAAA)) => Some(RData::AAAA(AAAA::from(address))),
                    _ => None,
                });
            for record in records {
                reply
                    .answers
                    .push(ResourceRecord::new(asked.qname.clone(), CLASS::IN, 0, record));
            }
        }
    }
    reply.build_bytes_vec().ok()
}
