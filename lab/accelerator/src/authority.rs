//! Makes the kubelet's registration calls acceptable to an HTTP/2 server that reads the standard strictly.
//!
//! The kubelet dials a plugin by the path of its socket, and its gRPC library sends that path, percent-encoded,
//! as the request's `:authority`, which `h2` refuses as malformed: the stream is reset and the plugin never
//! registered. [`Tolerant`] stands between socket and server and puts `localhost` in its place.
//!
//! Header blocks are compressed with state on both ends. Replacing a value where it is spelt out keeps them in
//! step: entries stay at the same positions, and a shorter one only makes the server forget later than the client.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

/// What a client sends before its first frame.
const PREFACE: usize = 24;

/// The length of a frame's own header.
const FRAME_HEADER: usize = 9;

/// The type of frames that start a header block.
const HEADERS: u8 = 1;

/// Flags of such frames.
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// The place of `:authority` among the names that both ends know from the start.
const AUTHORITY: usize = 1;

/// `localhost`, spelt out without further encoding.
const LOCALHOST: &[u8] = b"\x09localhost";

/// A connection whose requests all have the authority `localhost`.
#[derive(Debug)]
pub(crate) struct Tolerant<S> {
    inner: S,
    /// Received, not yet a whole frame.
    received: Vec<u8>,
    /// To be read by the server, from `given` on.
    ready: Vec<u8>,
    given: usize,
    preface_left: usize,
}

impl<S> Tolerant<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner,
            received: Vec::new(),
            ready: Vec::new(),
            given: 0,
            preface_left: PREFACE,
        }
    }

    /// Moves what is complete from `received` to `ready`.
    fn digest(&mut self) {
        let preface = self.preface_left.min(self.received.len());
        self.ready.extend(self.received.drain(..preface));
        self.preface_left -= preface;
        while self.preface_left == 0
            && let Some(length) = frame_length(&self.received)
            && self.received.len() >= length
        {
            let frame: Vec<u8> = self.received.drain(..length).collect();
            self.ready.extend(rewrite_frame(frame));
        }
    }
}

/// The length of the frame that `bytes` start with, its header included.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let header = bytes.get(..FRAME_HEADER)?;
    Some(FRAME_HEADER + (usize::from(header[0]) << 16 | usize::from(header[1]) << 8 | usize::from(header[2])))
}

/// A frame as the server should see it. What is not understood is passed on for the server to judge.
fn rewrite_frame(frame: Vec<u8>) -> Vec<u8> {
    let (kind, flags) = (frame[3], frame[4]);
    if kind != HEADERS || flags & END_HEADERS == 0 || flags & PADDED != 0 {
        return frame;
    }
    let start = FRAME_HEADER + if flags & PRIORITY != 0 { 5 } else { 0 };
    let Some(block) = frame.get(start..).and_then(rewrite_block) else {
        return frame;
    };
    let length = (start - FRAME_HEADER + block.len()) as u32;
    let mut rewritten = length.to_be_bytes()[1..].to_vec();
    rewritten.extend(&frame[3..start]);
    rewritten.extend(block);
    rewritten
}

/// A header block with every `:authority` that is spelt out replaced; `None` when it makes no sense.
fn rewrite_block(mut block: &[u8]) -> Option<Vec<u8>> {
    let mut rewritten = Vec::with_capacity(block.len());
    while let Some(first) = block.first() {
        let (prefix_bits, has_value) = match first {
            0x80.. => (7, false),
            0x40..=0x7f => (6, true),
            0x20..=0x3f => (5, false),
            0x00..=0x1f => (4, true),
        };
        let (number, used) = integer(block, prefix_bits)?;
        let mut head = used;
        if has_value && number == 0 {
            head += string(block.get(head..)?)?;
        }
        rewritten.extend(block.get(..head)?);
        block = &block[head..];
        if has_value {
            let length = string(block)?;
            let value = block.get(..length)?;
            rewritten.extend(if number == AUTHORITY { LOCALHOST } else { value });
            block = &block[length..];
        }
    }
    Some(rewritten)
}

/// A number that starts in the low bits of a byte, and how many bytes it takes.
fn integer(bytes: &[u8], prefix_bits: u32) -> Option<(usize, usize)> {
    let limit = (1_usize << prefix_bits) - 1;
    let mut number = usize::from(*bytes.first()?) & limit;
    let mut used = 1;
    if number == limit {
        loop {
            let byte = *bytes.get(used)?;
            let shift = u32::try_from(7 * (used - 1)).ok()?;
            number = number.checked_add(usize::from(byte & 0x7f).checked_shl(shift)?)?;
            used += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    Some((number, used))
}

/// How many bytes a text takes, its length included.
fn string(bytes: &[u8]) -> Option<usize> {
    let (length, used) = integer(bytes, 7)?;
    length.checked_add(used).filter(|end| *end <= bytes.len())
}

impl<S: AsyncRead + Unpin> AsyncRead for Tolerant<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.given == self.ready.len() {
            let mut buffer = [0; 4096];
            let mut read = ReadBuf::new(&mut buffer);
            ready!(Pin::new(&mut self.inner).poll_read(context, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.ready.clear();
            self.given = 0;
            self.received.extend(read.filled());
            self.digest();
        }
        let count = to.remaining().min(self.ready.len() - self.given);
        let from = self.given;
        to.put_slice(&self.ready[from..from + count]);
        self.given += count;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tolerant<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl<S: Connected> Connected for Tolerant<S> {
    type ConnectInfo = S::ConnectInfo;

    fn connect_info(&self) -> S::ConnectInfo {
        self.inner.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// `:method: POST`, an authority spelt out, and a header of another name spelt out.
    fn block(authority: &[u8]) -> Vec<u8> {
        let mut block = vec![0x83, 0x41, authority.len() as u8];
        block.extend(authority);
        block.extend(b"\x40\x02te\x08trailers");
        block
    }

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags, 0, 0, 0, 1]);
        frame.extend(payload);
        frame
    }

    #[test]
    fn the_authority_is_replaced_and_nothing_else() {
        assert_eq!(
            rewrite_block(&block(b"%2Ftmp%2Fx.sock")).unwrap(),
            block(b"localhost")
        );
        let other = b"\x83\x86\x40\x02te\x08trailers\x3f\xe1\x1f\x0f\x0d\x01a";
        assert_eq!(rewrite_block(other).unwrap(), other);
        assert_eq!(rewrite_block(b"").unwrap(), b"");
    }

    #[test]
    fn an_authority_that_is_not_to_be_remembered_is_replaced_too() {
        assert_eq!(rewrite_block(b"\x01\x02/x").unwrap(), b"\x01\x09localhost");
        assert_eq!(rewrite_block(b"\x11\x02/x").unwrap(), b"\x11\x09localhost");
    }

    #[test]
    fn a_block_that_ends_early_is_left_alone() {
        for broken in [
            &b"\x41"[..],
            b"\x41\x05ab",
            b"\x40\x02t",
            b"\xff",
            b"\x41\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        ] {
            assert_eq!(rewrite_block(broken), None, "{broken:?}");
            let frame = frame(HEADERS, END_HEADERS, broken);
            assert_eq!(rewrite_frame(frame.clone()), frame);
        }
    }

    #[test]
    fn frames_keep_their_kind_and_state_their_new_length() {
        let long = block(b"%2Ftmp%2Fx.sock");
        assert_eq!(
            rewrite_frame(frame(HEADERS, END_HEADERS, &long)),
            frame(HEADERS, END_HEADERS, &block(b"localhost"))
        );
        let with_priority = |block: &[u8]| {
            frame(
                HEADERS,
                END_HEADERS | PRIORITY,
                &[b"\0\0\0\0\x10", block].concat(),
            )
        };
        assert_eq!(
            rewrite_frame(with_priority(&long)),
            with_priority(&block(b"localhost"))
        );
        let data = frame(0, 0, &long);
        assert_eq!(rewrite_frame(data.clone()), data);
    }

    #[tokio::test]
    async fn a_stream_in_pieces_comes_out_whole() {
        let preface = vec![b'P'; PREFACE];
        let sent = [
            preface.clone(),
            frame(4, 0, b""),
            frame(HEADERS, END_HEADERS, &block(b"%2F")),
        ]
        .concat();
        let expected = [
            preface,
            frame(4, 0, b""),
            frame(HEADERS, END_HEADERS, &block(b"localhost")),
        ]
        .concat();
        let (mut client, server) = tokio::io::duplex(7);
        let sending = async move {
            for piece in sent.chunks(5) {
                client.write_all(piece).await.unwrap();
            }
        };
        let mut read = Vec::new();
        let mut server = Tolerant::new(server);
        let (_, received) = tokio::join!(sending, server.read_to_end(&mut read));
        received.unwrap();
        assert_eq!(read, expected);
    }
}
