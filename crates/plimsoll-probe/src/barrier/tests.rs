//! Rendezvous over the loopback device.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use super::*;
use crate::Transcript;
use crate::host::{Linux, run_now};
use crate::protocol::Arrival;

fn member(rank: u32, size: u32, patience: Duration) -> Rendezvous {
    Rendezvous {
        group: "g".to_owned(),
        rank,
        size,
        patience,
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn local(port: u16) -> Leader {
    Leader::At(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// What rank 0 says on that port.
fn led(rank: &Rendezvous, port: u16) -> Transcript {
    let mut transcript = Transcript::default();
    let mut say = |report| {
        transcript.add(report);
        Ok(())
    };
    run_now(rank.lead(port, &Linux::start().unwrap(), &mut say)).unwrap();
    transcript
}

/// What any other rank says that finds rank 0 on that port.
fn followed(rank: &Rendezvous, port: u16) -> Transcript {
    let mut transcript = Transcript::default();
    let mut say = |report| {
        transcript.add(report);
        Ok(())
    };
    run_now(rank.follow(&local(port), &Linux::start().unwrap(), &mut say)).unwrap();
    transcript
}

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

#[test]
fn all_come_and_all_learn_of_it() {
    let port = free_port();
    // The followers first: they have to try again until rank 0 listens.
    let followers: Vec<_> = (1..4)
        .map(|rank| thread::spawn(move || followed(&member(rank, 4, LONG), port)))
        .collect();
    let leader = led(&member(0, 4, LONG), port);
    let own = leader.barrier.unwrap();
    assert!(own.complete, "{own:?}");
    assert_eq!(
        own.came.iter().map(|arrival| arrival.rank).collect::<Vec<_>>(),
        [0, 1, 2, 3]
    );
    assert_eq!(leader.arrivals.len(), 4);
    for follower in followers {
        let theirs = follower.join().unwrap().barrier.unwrap();
        assert!(theirs.complete);
        assert_eq!(theirs.came, own.came);
    }
}

#[test]
fn who_does_not_come_is_missed_by_all() {
    let port = free_port();
    let follower = thread::spawn(move || followed(&member(1, 3, LONG), port));
    let own = led(&member(0, 3, Duration::from_secs(2)), port).barrier.unwrap();
    assert!(!own.complete);
    assert_eq!(own.missing, [2]);
    let theirs = follower.join().unwrap().barrier.unwrap();
    assert_eq!((theirs.complete, theirs.missing), (false, vec![2]));
    assert_eq!(theirs.unreached, None);
}

#[test]
fn a_member_that_never_reaches_rank_0_knows_of_itself_and_says_why() {
    let port = free_port();
    let own = followed(&member(1, 2, SHORT), port).barrier.unwrap();
    assert_eq!(
        own.came.iter().map(|arrival| arrival.rank).collect::<Vec<_>>(),
        [1]
    );
    assert_eq!(own.missing, [0]);
    assert!(own.unreached.unwrap().starts_with("connecting to 127.0.0.1:"));
    assert!(own.waited_ms >= 300);
}

#[test]
fn strangers_are_not_counted() {
    let port = free_port();
    let stranger = thread::spawn(move || {
        let mut connected = None;
        while connected.is_none() {
            connected = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok();
        }
        let mut other_group = connected.unwrap();
        other_group
            .write_all(b"{\"group\":\"other\",\"size\":2,\"rank\":1}\n")
            .unwrap();
        let mut noise = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        noise.write_all(&[b'x'; 4096]).unwrap();
        let mut answer = Vec::new();
        let _ = other_group.read_to_end(&mut answer);
        answer
    });
    let own = led(&member(0, 2, Duration::from_secs(1)), port).barrier.unwrap();
    assert_eq!(own.missing, [1]);
    assert!(stranger.join().unwrap().is_empty(), "strangers are told nothing");
}

#[test]
fn a_group_of_one_is_complete_by_itself() {
    let own = led(&member(0, 1, SHORT), free_port()).barrier.unwrap();
    assert!(own.complete);
    assert_eq!(own.came.len(), 1);
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("[::]:0")
        .or_else(|_| TcpListener::bind("0.0.0.0:0"))
        .unwrap();
    let port = taken.local_addr().unwrap().port();
    let linux = Linux::start().unwrap();
    let error = run_now(member(0, 2, SHORT).lead(port, &linux, &mut |_| Ok(()))).unwrap_err();
    assert_eq!(error.to_string(), format!("rank 0 cannot listen on port {port}"));
}

#[test]
fn arrivals_are_in_the_order_of_ranks() {
    let came = [
        Arrival {
            rank: 1,
            at_unix_ms: 5,
        },
        Arrival {
            rank: 0,
            at_unix_ms: 9,
        },
    ];
    assert_eq!(
        Roll::told(2, &came).came().first().map(|arrival| arrival.rank),
        Some(0)
    );
}
