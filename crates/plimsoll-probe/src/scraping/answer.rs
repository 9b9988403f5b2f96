//! An answer of HTTP/1.1 as it comes in: its head, and its body by whichever way it ends.

/// Headers beyond this many are an attack.
const HEADERS: usize = 64;
/// So is a head of this size.
const HEAD_BYTES: usize = 64 << 10;

/// An answer, as far as it has come.
#[derive(Debug)]
pub(super) struct Answer {
    raw: Vec<u8>,
    limit: usize,
    head: Option<Head>,
    body: Vec<u8>,
    /// How much of `raw` is in `body`.
    taken: usize,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    status: u16,
    ends: Ends,
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Length(usize),
    LastChunk,
    Connection,
}

/// What became of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// More is to come.
    Partial,
    /// It is all here.
    Whole,
    /// It is larger than the limit.
    TooLarge,
    /// It is none.
    NotHttp(&'static str),
}

impl Answer {
    /// An answer of which up to `limit` bytes are read.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            raw: Vec::new(),
            limit,
            head: None,
            body: Vec::new(),
            taken: 0,
        }
    }

    /// Takes in what has arrived.
    pub(super) fn take(&mut self, bytes: &[u8]) -> State {
        self.raw.extend_from_slice(bytes);
        // Chunks of a byte each are mostly sizes of chunks.
        if self.raw.len() > HEAD_BYTES + 2 * self.limit {
            return State::TooLarge;
        }
        if self.head.is_none()
            && let Err(state) = self.read_head()
        {
            return state;
        }
        let Some(head) = self.head else {
            return State::Partial;
        };
        let state = match head.ends {
            Ends::Length(length) => {
                self.take_plain();
                if self.body.len() >= length {
                    self.body.truncate(length);
                    State::Whole
                } else {
                    State::Partial
                }
            }
            Ends::Connection => {
                self.take_plain();
                State::Partial
            }
            Ends::LastChunk => self.take_chunks(),
        };
        if self.body.len() > self.limit {
            self.body.truncate(self.limit);
            return State::TooLarge;
        }
        state
    }

    /// The connection has ended.
    pub(super) fn end(&self) -> State {
        match self.head.map(|head| head.ends) {
            None if self.raw.is_empty() => State::NotHttp("the connection ended without an answer"),
            None => State::NotHttp("the connection ended within the answer's head"),
            Some(Ends::Connection) => State::Whole,
            Some(Ends::Length(_) | Ends::LastChunk) => {
                State::NotHttp("the connection ended within the answer")
            }
        }
    }

    pub(super) fn status(&self) -> Option<u16> {
        self.head.map(|head| head.status)
    }

    pub(super) fn into_body(self) -> Vec<u8> {
        self.body
    }

    #[cfg(test)]
    fn body(&self) -> &[u8] {
        &self.body
    }

    fn read_head(&mut self) -> Result<(), State> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let length = match response.parse(&self.raw) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if self.raw.len() < HEAD_BYTES => return Ok(()),
            Ok(httparse::Status::Partial) => return Err(State::NotHttp("a head that does not end")),
            Err(_) => return Err(State::NotHttp("no answer of HTTP")),
        };
        let value = |name: &str| {
            let found = response
                .headers
                .iter()
                .find(|header| header.name.eq_ignore_ascii_case(name))?;
            std::str::from_utf8(found.value).ok().map(str::trim)
        };
        let chunked = value("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        let ends = if chunked {
            Ends::LastChunk
        } else {
            match value("content-length").map(str::parse) {
                Some(Ok(length)) => Ends::Length(length),
                Some(Err(_)) => return Err(State::NotHttp("a length that is no number")),
                None => Ends::Connection,
            }
        };
        self.head = Some(Head {
            status: response.code.unwrap_or_default(),
            ends,
        });
        self.taken = length;
        Ok(())
    }

    fn take_plain(&mut self) {
        self.body
            .extend_from_slice(self.raw.get(self.taken..).unwrap_or_default());
        self.taken = self.raw.len();
    }

    fn take_chunks(&mut self) -> State {
        loop {
            let rest = self.raw.get(self.taken..).unwrap_or_default();
            let (start, size) = match httparse::parse_chunk_size(rest) {
                Ok(httparse::Status::Complete(found)) => found,
                Ok(httparse::Status::Partial) => return State::Partial,
                Err(_) => return State::NotHttp("a chunk without a size"),
            };
            if size == 0 {
                return State::Whole;
            }
            let Ok(size) = usize::try_from(size) else {
                return State::TooLarge;
            };
            if size > self.limit {
                return State::TooLarge;
            }
            let Some(chunk) = rest.get(start..start + size) else {
                return State::Partial;
            };
            self.body.extend_from_slice(chunk);
            // The line feed behind it may be still to come.
            if rest.len() < start + size + 2 {
                self.body.truncate(self.body.len() - size);
                return State::Partial;
            }
            self.taken += start + size + 2;
            if self.body.len() > self.limit {
                return State::TooLarge;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken(text: &str, limit: usize) -> (State, String) {
        let mut answer = Answer::new(limit);
        let mut state = State::Partial;
        // In the smallest pieces.
        for byte in text.as_bytes() {
            state = answer.take(&[*byte]);
            if state != State::Partial {
                break;
            }
        }
        if state == State::Partial {
            state = answer.end();
        }
        (state, String::from_utf8(answer.body().to_vec()).unwrap())
    }

    #[test]
    fn a_body_ends_by_length_by_chunk_or_with_the_connection() {
        let plain = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more";
        assert_eq!(taken(plain, 100), (State::Whole, "hello".to_owned()));
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
        assert_eq!(taken(chunked, 100), (State::Whole, "hello".to_owned()));
        assert_eq!(
            taken("HTTP/1.0 200 OK\r\n\r\nhello", 100),
            (State::Whole, "hello".to_owned())
        );
    }

    #[test]
    fn an_answer_cut_short_is_none() {
        for text in [
            "",
            "HTTP/1.1 200",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhe",
            "SSH-2.0-OpenSSH\r\n",
        ] {
            assert!(matches!(taken(text, 100).0, State::NotHttp(_)), "{text}");
        }
    }

    #[test]
    fn more_than_the_limit_is_not_read() {
        let (state, body) = taken(&format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(50)), 10);
        assert_eq!((state, body.len()), (State::TooLarge, 10));
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFF\r\n";
        assert_eq!(taken(chunked, 10).0, State::TooLarge);
    }

    #[test]
    fn what_is_read_stays_small_however_it_comes() {
        let one_byte_chunks = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}",
            "1\r\nx\r\n".repeat(HEAD_BYTES)
        );
        let mut answer = Answer::new(HEAD_BYTES);
        let states = one_byte_chunks
            .as_bytes()
            .chunks(4096)
            .map(|piece| answer.take(piece));
        assert!(states.into_iter().any(|state| state == State::TooLarge));
        assert!(answer.raw.len() <= 4 * HEAD_BYTES);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(pieces: Vec<Vec<u8>>) {
            let mut answer = Answer::new(64);
            let _ = answer.take(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            let mut bare = Answer::new(64);
            for piece in &pieces {
                let _ = answer.take(piece);
                let _ = bare.take(piece);
            }
        }
    }
}
