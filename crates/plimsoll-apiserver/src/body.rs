//! The body of an answer: whole, or arriving in pieces while a watch or a log goes on.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use http_body::{Frame, SizeHint};

/// The body of an answer.
pub struct Body(Inner);

enum Inner {
    Whole(Bytes),
    Pieces(BoxStream<'static, Bytes>),
}

impl Body {
    /// A body that is known as a whole.
    #[must_use]
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self(Inner::Whole(bytes.into()))
    }

    /// A body that arrives in pieces.
    #[must_use]
    pub fn pieces(stream: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        Self(Inner::Pieces(stream.boxed()))
    }

    /// All of it; waits for the end.
    pub async fn bytes(self) -> Bytes {
        match self.0 {
            Inner::Whole(bytes) => bytes,
            Inner::Pieces(pieces) => {
                let all: Vec<Bytes> = pieces.collect().await;
                all.concat().into()
            }
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Inner::Whole(bytes) => f.debug_tuple("Whole").field(bytes).finish(),
            Inner::Pieces(_) => f.debug_tuple("Pieces").finish_non_exhaustive(),
        }
    }
}

/// Its pieces, one after the other.
impl Stream for Body {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match &mut self.0 {
            Inner::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then_some(bytes))
            }
            Inner::Pieces(pieces) => pieces.poll_next_unpin(context),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.poll_next_unpin(context)
            .map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Inner::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Pieces(_) => SizeHint::default(),
        }
    }
}
