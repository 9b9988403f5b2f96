//! One visit to an exporter: a question, and its whole answer or why there is none.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::answer::{Answer, State};
use super::target::Target;
use crate::dns::{ResolveError, Resolver};
use crate::host::{Connection, Host, Unanswered};
use crate::protocol::{Problem, ProblemKind};

/// What came of a visit.
#[derive(Debug, Default)]
pub(super) struct Visit {
    pub(super) status: Option<u16>,
    pub(super) body: Vec<u8>,
    pub(super) problem: Option<Problem>,
}

/// Why a visit ended early.
enum End {
    Stopped,
    With(ProblemKind, String),
}

/// Limits of a visit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) within: Duration,
    pub(super) bytes: usize,
}

/// Visits; nothing when the process is asked to stop.
pub(super) async fn visit(target: &Target, host: &impl Host, limits: Limits) -> Option<Visit> {
    let mut answer = Answer::new(limits.bytes);
    let ended = read(target, host, limits, &mut answer).await;
    let problem = match ended {
        Ok(()) => match answer.status() {
            Some(200) => None,
            Some(status) => Some((ProblemKind::NotHttp, format!("it answers with status {status}"))),
            None => Some((ProblemKind::NotHttp, "it answers nothing".to_owned())),
        },
        Err(End::Stopped) => return None,
        Err(End::With(kind, text)) => Some((kind, text)),
    };
    Some(Visit {
        status: answer.status(),
        body: answer.into_body(),
        problem: problem.map(|(kind, text)| Problem { kind, text }),
    })
}

async fn read(target: &Target, host: &impl Host, limits: Limits, answer: &mut Answer) -> Result<(), End> {
    let deadline = host.monotonic().saturating_add(limits.within);
    let address = address(target, host, deadline).await?;
    let connecting = |error: Unanswered| match error {
        Unanswered::Stopped => End::Stopped,
        Unanswered::Failed(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            End::With(ProblemKind::Refused, format!("{address} refuses connections"))
        }
        Unanswered::Late | Unanswered::Failed(_) => End::With(
            ProblemKind::Unreached,
            format!("{address} is not reached: {error}"),
        ),
    };
    let mut connection = host
        .connect(address, host.until(deadline))
        .await
        .map_err(connecting)?;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}:{}\r\nUser-Agent: plimsoll-probe/{}\r\n\
         Accept: text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0;q=0.5, */*;q=0.1\r\n\
         Connection: close\r\n\r\n",
        target.path,
        target.host,
        target.port,
        env!("CARGO_PKG_VERSION")
    );
    let sent = connection.write(request.as_bytes(), host.until(deadline)).await;
    sent.map_err(|error| {
        End::With(
            ProblemKind::Silent,
            format!("{address} does not take a request: {error}"),
        )
    })?;
    let mut buffer = vec![0; 32 << 10];
    loop {
        match host.wait(None, &[&connection], host.until(deadline)).await {
            Ok(()) => {}
            Err(Unanswered::Stopped) => return Err(End::Stopped),
            Err(Unanswered::Late) => {
                let seconds = limits.within.as_secs_f64();
                return Err(End::With(
                    ProblemKind::Silent,
                    format!("{address} takes connections and did not answer within {seconds} s"),
                ));
            }
            Err(Unanswered::Failed(error)) => {
                return Err(End::With(
                    ProblemKind::Silent,
                    format!("the connection broke: {error}"),
                ));
            }
        }
        // As much as has come.
        loop {
            let state = match connection.read(&mut buffer) {
                Ok(0) => answer.end(),
                Ok(length) => answer.take(buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(End::With(
                        ProblemKind::NotHttp,
                        format!("the connection broke: {error}"),
                    ));
                }
            };
            match state {
                State::Partial => {}
                State::Whole => return Ok(()),
                State::TooLarge => {
                    return Err(End::With(
                        ProblemKind::TooLarge,
                        format!("the answer has more than {} bytes", limits.bytes),
                    ));
                }
                State::NotHttp(why) => return Err(End::With(ProblemKind::NotHttp, why.to_owned())),
            }
            // An answer that never ends is not read for longer than the others.
            if host.until(deadline) == Duration::ZERO {
                return Err(End::With(
                    ProblemKind::Silent,
                    format!("the answer did not end within {} s", limits.within.as_secs_f64()),
                ));
            }
        }
    }
}

async fn address(target: &Target, host: &impl Host, deadline: Duration) -> Result<SocketAddr, End> {
    if let Some(address) = target.address() {
        return Ok(address);
    }
    let unreached = |text: String| End::With(ProblemKind::Unreached, text);
    let configuration = host
        .file(Path::new("/etc/resolv.conf"))
        .map_err(|error| unreached(format!("cannot read /etc/resolv.conf: {error}")))?;
    let resolver = Resolver::from_resolv_conf(&configuration);
    match resolver.lookup(&target.host, host, deadline).await {
        Ok(found) => found
            .first()
            .map(|address| SocketAddr::new(*address, target.port))
            .ok_or_else(|| unreached(format!("no address is known for {}", target.host))),
        Err(ResolveError::Stopped) => Err(End::Stopped),
        Err(error) => Err(unreached(error.to_string())),
    }
}
