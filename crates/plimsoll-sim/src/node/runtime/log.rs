//! A container's log.

use std::collections::VecDeque;

use bytes::Bytes;
use futures::{StreamExt, stream, stream::BoxStream};
use jiff::Timestamp;
use plimsoll_apiserver::LogRequest;
use tokio::sync::watch;

/// A container's log, as it grows. Clones are the same log.
#[derive(Clone, Debug)]
pub(crate) struct ContainerLog(watch::Sender<Content>);

#[derive(Debug, Default)]
struct Content {
    lines: Vec<Line>,
    is_over: bool,
}

#[derive(Clone, Debug)]
struct Line {
    at: Timestamp,
    text: Bytes,
}

impl Default for ContainerLog {
    fn default() -> Self {
        Self(watch::Sender::new(Content::default()))
    }
}

impl ContainerLog {
    /// Adds text; each of its lines is one of the log.
    pub(crate) fn write(&self, at: Timestamp, text: &str) {
        self.0.send_modify(|content| {
            let lines = text.split_inclusive('\n').map(|line| Line {
                at,
                text: Bytes::copy_from_slice(line.as_bytes()),
            });
            content.lines.extend(lines);
        });
    }

    /// Nothing more will come.
    pub(crate) fn end(&self) {
        self.0.send_modify(|content| content.is_over = true);
    }

    /// The last lines, no longer than so many bytes together.
    pub(crate) fn tail(&self, bytes: usize) -> String {
        let content = self.0.borrow();
        let mut rest = bytes;
        let kept = content.lines.iter().rev().take_while(|line| {
            let fits = line.text.len() <= rest;
            rest = rest.saturating_sub(line.text.len());
            fits
        });
        let mut kept: Vec<&[u8]> = kept.map(|line| line.text.as_ref()).collect();
        kept.reverse();
        String::from_utf8_lossy(&kept.concat()).into_owned()
    }

    /// What a request asks for; it ends with the log, or at once where the request does not follow it.
    pub(crate) fn read(&self, request: &LogRequest) -> BoxStream<'static, Bytes> {
        let receiver = self.0.subscribe();
        let next = {
            let content = receiver.borrow();
            let tail = request.tail_lines.and_then(|lines| usize::try_from(lines).ok());
            tail.map_or(0, |lines| content.lines.len().saturating_sub(lines))
        };
        let reading = Reading {
            receiver,
            next,
            ready: VecDeque::new(),
            follow: request.follow,
            timestamps: request.timestamps,
            since: request.since,
            bytes_left: request
                .limit_bytes
                .map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        };
        stream::unfold(reading, |mut reading| async move {
            let line = reading.line().await?;
            Some((line, reading))
        })
        .boxed()
    }
}

/// A log that is being read.
struct Reading {
    receiver: watch::Receiver<Content>,
    next: usize,
    ready: VecDeque<Bytes>,
    follow: bool,
    timestamps: bool,
    since: Option<Timestamp>,
    bytes_left: Option<usize>,
}

impl Reading {
    async fn line(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return self.within_limit(line);
            }
            let is_over = self.take_in();
            if !self.ready.is_empty() {
                continue;
            }
            if is_over || !self.follow || self.receiver.changed().await.is_err() {
                return None;
            }
        }
    }

    /// Takes in what is there. True if nothing more will come.
    fn take_in(&mut self) -> bool {
        let content = self.receiver.borrow_and_update();
        for line in content.lines.iter().skip(self.next) {
            if self.since.is_some_and(|since| line.at < since) {
                continue;
            }
            let text = if self.timestamps {
                Bytes::from([format!("{} ", line.at).as_bytes(), &line.text].concat())
            } else {
                line.text.clone()
            };
            self.ready.push_back(text);
        }
        self.next = content.lines.len();
        content.is_over
    }

    fn within_limit(&mut self, line: Bytes) -> Option<Bytes> {
        let Some(left) = &mut self.bytes_left else {
            return Some(line);
        };
        if *left == 0 {
            return None;
        }
        let length = line.len().min(*left);
        *left -= length;
        Some(line.slice(..length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn log() -> ContainerLog {
        let log = ContainerLog::default();
        for (second, text) in [(0, "one\n"), (1, "two\n"), (2, "three\n")] {
            log.write(at(second), text);
        }
        log
    }

    async fn read(log: &ContainerLog, request: LogRequest) -> String {
        let pieces: Vec<Bytes> = log.read(&request).collect().await;
        String::from_utf8(pieces.concat()).unwrap()
    }

    #[tokio::test]
    async fn a_request_says_how_much_it_wants() {
        let log = log();
        let asked = |change: fn(&mut LogRequest)| {
            let mut request = LogRequest::default();
            change(&mut request);
            request
        };
        assert_eq!(read(&log, asked(|_| {})).await, "one\ntwo\nthree\n");
        assert_eq!(read(&log, asked(|r| r.tail_lines = Some(1))).await, "three\n");
        assert_eq!(read(&log, asked(|r| r.limit_bytes = Some(6))).await, "one\ntw");
        assert_eq!(
            read(&log, asked(|r| r.since = Some(super::tests::at(1)))).await,
            "two\nthree\n"
        );
        let stamped = read(&log, asked(|r| r.timestamps = true)).await;
        assert!(stamped.starts_with("2027-01-15T08:00:00Z one\n"), "{stamped}");
    }

    #[tokio::test]
    async fn a_followed_log_goes_on_until_it_is_over() {
        let log = log();
        let request = LogRequest {
            follow: true,
            tail_lines: Some(0),
            ..LogRequest::default()
        };
        let mut stream = log.read(&request);
        let more = log.clone();
        let (first, ()) = tokio::join!(stream.next(), async { more.write(at(3), "four\n") });
        assert_eq!(first.unwrap(), "four\n");
        log.end();
        assert_eq!(stream.next().await, None);
    }

    #[test]
    fn the_end_of_a_log_is_made_of_whole_lines() {
        assert_eq!(log().tail(10), "two\nthree\n");
        assert_eq!(log().tail(9), "three\n");
    }
}
