//! The body of an answer as hyper takes it: in pieces, with whoever watches told of each.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use cop_runtime::Failure;
use hyper::Response;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, HeaderValue};

use super::clients::{Hold, Seat};
use crate::reply::{self, Reader};

/// Bytes of an answer handed to hyper at once. hyper asks for the next piece when it has room, so a client that reads slowly
/// has its request open until its last piece is taken. Pieces are parts of the answer, not copies; a file of usual size is one, so
/// that it is written at once.
const PIECE: usize = 256 * 1024;

/// Who is told how an answer goes; when it is dropped, the answer was taken to its end, or given up.
pub(crate) trait Taken {
    /// Another piece was taken.
    fn took(&mut self);
}

/// The body of an answer, cut into pieces.
pub(crate) struct Pieces<B, T> {
    body: Option<B>,
    rest: Bytes,
    /// Room in memory, while it is sent.
    _room: Option<Hold>,
    taken: T,
}

impl<B: Body<Data = Bytes>, T: Taken> Pieces<B, T> {
    /// An answer as it is sent. Where there is no room in memory for it, that is the answer. `without_body`: its head is wanted
    /// only, and whoever speaks the protocol would send the body too.
    pub(crate) fn of(
        answer: Response<B>,
        seat: &Seat,
        without_body: bool,
        taken: T,
    ) -> Response<Pieces<B, T>> {
        let (mut head, body) = answer.into_parts();
        let length = body.size_hint().exact();
        if without_body {
            if let Some(length) = length {
                let value = head.headers.entry(CONTENT_LENGTH);
                value.or_insert(HeaderValue::from(length));
            }
            return Response::from_parts(head, Pieces::with(None, Bytes::new(), None, taken));
        }
        // A length that is not known is that of nothing here: all answers are whole before they are sent.
        let length = length.unwrap_or(0).try_into().unwrap_or(usize::MAX);
        match seat.room(length) {
            Ok(room) => {
                Response::from_parts(head, Pieces::with(Some(body), Bytes::new(), room, taken))
            }
            Err(failure) => Pieces::refusal(&failure, taken),
        }
    }

    /// A failure as it is sent.
    pub(crate) fn refusal(failure: &Failure, taken: T) -> Response<Pieces<B, T>> {
        reply::failure(failure, &Reader::default())
            .map(|bytes| Pieces::with(None, bytes, None, taken))
    }

    fn with(body: Option<B>, rest: Bytes, room: Option<Hold>, taken: T) -> Pieces<B, T> {
        Pieces {
            body,
            rest,
            _room: room,
            taken,
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin, T: Taken + Unpin> Body for Pieces<B, T> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.rest.is_empty() {
            let Some(body) = &mut self.body else {
                return Poll::Ready(None);
            };
            match Pin::new(body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return other,
            }
        }
        let length = self.rest.len().min(PIECE);
        self.taken.took();
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let inner = match &self.body {
            Some(body) => body.size_hint(),
            None => SizeHint::with_exact(0),
        };
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}
