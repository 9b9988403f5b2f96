//! Visits to exporters on the loopback device.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use super::*;
use crate::Transcript;
use crate::host::{Linux, run_now};
use crate::protocol::ProblemKind;

/// An exporter that gives these answers, one a visit, and then is gone.
fn exporter(answers: Vec<Vec<u8>>) -> Target {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(&answer);
        }
    });
    format!("http://127.0.0.1:{port}/metrics").parse().unwrap()
}

fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn scrape(targets: Vec<Target>, rounds: u64) -> Scrape {
    Scrape {
        targets,
        rounds: Some(rounds),
        every: Duration::from_millis(10),
        within: Duration::from_millis(300),
        ..Scrape::default()
    }
}

fn run(scrape: &Scrape) -> (Transcript, Summary) {
    let mut transcript = Transcript::default();
    let mut say = |report| {
        transcript.add(report);
        Ok(())
    };
    let summary = run_now(scrape.run(&Linux::start().unwrap(), &mut say)).unwrap();
    (transcript, summary)
}

#[test]
fn a_series_is_told_once_and_its_values_each_time() {
    let target = exporter(vec![
        ok("util{gpu=\"0\"} 1\nother 5\n"),
        ok("util{gpu=\"0\"} 2\nother 5\n"),
    ]);
    let wanted = Scrape {
        keep: vec!["ut*".to_owned()],
        ..scrape(vec![target], 2)
    };
    let (transcript, summary) = run(&wanted);
    assert_eq!(transcript.series.len(), 1);
    assert_eq!(transcript.series[0].labels["gpu"], "0");
    let values: Vec<f64> = transcript
        .scrapes
        .iter()
        .flat_map(|scrape| &scrape.values)
        .map(|(_, value)| value.0)
        .collect();
    assert_eq!(values, [1.0, 2.0]);
    assert_eq!(transcript.scrapes[0].samples, 2);
    assert_eq!(
        summary,
        Summary::Scrape {
            visits: 2,
            failed: 0,
            series: 1
        }
    );
}

#[test]
fn whatever_an_exporter_does_a_visit_ends_with_a_reason() {
    let endless: Vec<u8> = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), b"x 1\n".repeat(1 << 20)].concat();
    let broken = "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n".as_bytes().to_vec();
    for (answer, kind) in [
        (endless, ProblemKind::TooLarge),
        (broken, ProblemKind::NotHttp),
        (b"nonsense\r\n\r\n".to_vec(), ProblemKind::NotHttp),
    ] {
        let small = Scrape {
            limit_bytes: 1000,
            ..scrape(vec![exporter(vec![answer])], 1)
        };
        let (transcript, _) = run(&small);
        assert_eq!(transcript.scrapes[0].problem.as_ref().unwrap().kind, kind);
    }
}

#[test]
fn one_that_is_silent_and_one_that_is_gone_are_told_apart() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let gone = exporter(Vec::new());
    let target = format!("http://127.0.0.1:{port}").parse().unwrap();
    let (transcript, summary) = run(&scrape(vec![target, gone], 1));
    let kinds: Vec<ProblemKind> = transcript
        .scrapes
        .iter()
        .filter_map(|scrape| Some(scrape.problem.as_ref()?.kind))
        .collect();
    assert_eq!(kinds, [ProblemKind::Silent, ProblemKind::Refused]);
    assert_eq!(
        summary,
        Summary::Scrape {
            visits: 2,
            failed: 2,
            series: 0
        }
    );
}

#[test]
fn garbage_numbers_and_doubles_are_told_and_do_not_stop_a_visit() {
    let target = exporter(vec![ok("a NaN\na NaN\n\u{1}\u{2}\nb +Inf\n")]);
    let (transcript, _) = run(&scrape(vec![target], 1));
    let scrape = &transcript.scrapes[0];
    assert_eq!(
        (scrape.samples, scrape.duplicates, scrape.malformed_lines),
        (3, 1, 1)
    );
    assert!(scrape.values[0].1.0.is_nan());
}

#[test]
fn more_samples_than_anybody_reads_are_left_out_and_counted() {
    let body: String = (0..50).map(|index| format!("a{{i=\"{index}\"}} 1\n")).collect();
    let few = Scrape {
        limit_samples: 10,
        ..scrape(vec![exporter(vec![ok(&body)])], 1)
    };
    let (transcript, _) = run(&few);
    assert_eq!(
        (transcript.scrapes[0].values.len(), transcript.scrapes[0].left_out),
        (10, 40)
    );
}
