//! Lookups, against a name server on the loopback device.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::thread::JoinHandle;

use proptest::prelude::*;
use simple_dns::rdata::{A, RData};
use simple_dns::{CLASS, Packet, QTYPE, RCODE, ResourceRecord};

use super::*;
use crate::host::{Linux, run_now};

/// A server that knows these names, answers so many questions, and then tells what it was asked.
fn server(
    names: &[(&str, [u8; 4])],
    questions: usize,
    unknown: RCODE,
) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let names: BTreeMap<String, u32> = names
        .iter()
        .map(|(name, address)| ((*name).to_owned(), u32::from_be_bytes(*address)))
        .collect();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let address = socket.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let mut asked = Vec::new();
        let mut buffer = [0; 512];
        for _ in 0..questions {
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            let question = Packet::parse(&buffer[..length]).unwrap();
            let name = question.questions[0].qname.to_string();
            let wants_v4 = question.questions[0].qtype == QTYPE::TYPE(TYPE::A);
            let mut reply = question.clone().into_reply();
            match names.get(&name) {
                Some(address) if wants_v4 => reply.answers.push(ResourceRecord::new(
                    question.questions[0].qname.clone(),
                    CLASS::IN,
                    5,
                    RData::A(A { address: *address }),
                )),
                Some(_) => {}
                None => *reply.rcode_mut() = unknown,
            }
            // Something else first: it must be passed over.
            socket.send_to(b"nonsense", from).unwrap();
            socket.send_to(&reply.build_bytes_vec().unwrap(), from).unwrap();
            asked.push(name);
        }
        asked
    });
    (address, thread)
}

fn resolver(servers: &[SocketAddr]) -> Resolver {
    let text = "nameserver 127.0.0.1\nsearch ns.svc.cluster.local svc.cluster.local\noptions ndots:5\n";
    Resolver {
        servers: servers.to_vec(),
        patience: Duration::from_millis(300),
        ..Resolver::from_resolv_conf(text)
    }
}

/// Looks a name up, for as long as `patience`.
fn lookup(resolver: &Resolver, name: &str, patience: Duration) -> Result<Vec<IpAddr>, ResolveError> {
    let linux = Linux::start().unwrap();
    let deadline = linux.monotonic() + patience;
    run_now(resolver.lookup(name, &linux, deadline))
}

const LONG: Duration = Duration::from_secs(5);

#[test]
fn a_short_name_is_found_by_the_search_list() {
    let (address, thread) = server(
        &[("g-0.g.ns.svc.cluster.local", [198, 18, 0, 7])],
        2,
        RCODE::NameError,
    );
    let found = lookup(&resolver(&[address]), "g-0.g", LONG).unwrap();
    assert_eq!(found, [IpAddr::from([198, 18, 0, 7])]);
    assert_eq!(thread.join().unwrap(), ["g-0.g.ns.svc.cluster.local"; 2]);
}

#[test]
fn a_name_that_nobody_knows_is_not_found() {
    let (address, thread) = server(&[], 6, RCODE::NameError);
    let error = lookup(&resolver(&[address]), "g-0", LONG).unwrap_err();
    assert!(matches!(error, ResolveError::NotFound(_)), "{error}");
    assert_eq!(thread.join().unwrap().last().unwrap(), "g-0");
}

#[test]
fn a_server_that_cannot_tell_is_named() {
    let (address, thread) = server(&[], 1, RCODE::ServerFailure);
    let error = lookup(&resolver(&[address]), "g-0.", LONG).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{address} cannot tell about g-0: ServerFailure")
    );
    thread.join().unwrap();
}

#[test]
fn a_silent_server_is_passed_over_for_the_next() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (address, thread) = server(&[("g-0", [198, 18, 0, 7])], 2, RCODE::NameError);
    let resolver = resolver(&[silent.local_addr().unwrap(), address]);
    assert!(lookup(&resolver, "g-0.", LONG).is_ok());
    thread.join().unwrap();
}

#[test]
fn nobody_answering_is_said_in_time() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let resolver = resolver(&[silent.local_addr().unwrap()]);
    let began = std::time::Instant::now();
    let error = lookup(&resolver, "g-0.", Duration::from_millis(50)).unwrap_err();
    assert!(matches!(error, ResolveError::Silence(_)), "{error}");
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn names_are_tried_in_the_order_of_the_c_library() {
    let few = resolver(&[]).candidates("g-0.g");
    assert_eq!(
        few,
        ["g-0.g.ns.svc.cluster.local", "g-0.g.svc.cluster.local", "g-0.g"]
    );
    assert_eq!(resolver(&[]).candidates("a.b.c.d.e.f")[0], "a.b.c.d.e.f");
    assert_eq!(resolver(&[]).candidates("g-0.g."), ["g-0.g"]);
}

#[test]
fn odd_lines_of_resolv_conf_are_passed_over() {
    let text = "nameserver 198.19.0.10\noptions made-up ndots:3\nwhatever 1 2 3\nnameserver fd00::a\n";
    let resolver = Resolver::from_resolv_conf(text);
    assert_eq!(resolver.servers.len(), 2, "{resolver:?}");
    assert_eq!(resolver.dots, 3);
}

#[test]
fn without_servers_nothing_is_found() {
    let error = lookup(&Resolver::from_resolv_conf(""), "g-0", LONG).unwrap_err();
    assert!(matches!(error, ResolveError::NoServers));
}

proptest! {
    #[test]
    fn any_resolv_conf_is_read(text in ".{0,200}") {
        let _ = Resolver::from_resolv_conf(&text);
    }

    #[test]
    fn any_name_has_candidates(name in ".{0,300}") {
        let resolver = resolver(&[]);
        prop_assert!(!resolver.candidates(&name).is_empty());
        prop_assert!(lookup(&resolver, &name, LONG).is_err());
    }
}
