//! One connection, from its first byte to its close.
//!
//! hyper speaks HTTP/1.1 with the service; this drives it and adds what it leaves out:
//!
//! 1. Deadlines per phase ([`Watch`]): slow heads, idle connections, requests that never end.
//! 2. A proper answer to a head that could not be read, in place of hyper's bare status line.
//! 3. A lingering close: closing a socket with unread bytes resets it, and the client would lose the answer that tells it what
//!    was wrong. So after the last answer we stop writing and read away, for a bounded time, what the client still sends.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::Service as HyperService;
use hyper::{Request, Response, Uri, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower_service::Service;

use cop_runtime::Failure;

use super::Peer;
use super::stream::WatchedStream;
use super::watch::{Phase, Watch};
use crate::limits::Limits;
use crate::{refusal, reply};

/// How long a closing connection reads away what the client still sends.
const LINGER: Duration = Duration::from_secs(2);

/// Why hyper and we parted.
enum End {
    /// hyper is done: closed cleanly, or with an error.
    Finished(hyper::Result<()>),
    /// The phase's deadline passed.
    TooLate(Phase),
}

/// Serves one connection until it ends.
pub(crate) async fn serve<S, B>(
    stream: TcpStream,
    address: SocketAddr,
    service: S,
    limits: &Limits,
    mut drain: watch::Receiver<bool>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Unpin
        + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let watch = Arc::new(Watch::new(limits));
    let service = Watched {
        inner: service,
        watch: watch.clone(),
        address,
    };
    let io = TokioIo::new(WatchedStream::new(stream, watch.clone()));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The exact deadlines are the watch's; this is the backstop.
        .header_read_timeout(limits.keep_alive + limits.header_time)
        .max_buf_size(limits.head_buffer_bytes().max(8192))
        .serve_connection(io, service);

    let end = {
        let mut alarm = pin!(tokio::time::sleep_until(watch.deadline()));
        let mut draining = pin!(async move {
            // An error means that the listener is gone, which is as good a reason to stop.
            let _ = drain.wait_for(|told| *told).await;
        });
        let mut told = false;
        poll_fn(|context| {
            if !told && draining.as_mut().poll(context).is_ready() {
                told = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            if let Poll::Ready(result) = connection.poll_without_shutdown(context) {
                return Poll::Ready(End::Finished(result));
            }
            loop {
                let deadline = watch.deadline();
                if alarm.deadline() != deadline {
                    alarm.as_mut().reset(deadline);
                }
                if alarm.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                if alarm.deadline() == watch.deadline() {
                    return Poll::Ready(End::TooLate(watch.phase()));
                }
            }
        })
        .await
    };

    let stream = connection.into_parts().io.into_inner().into_inner();
    let refusal = match end {
        End::Finished(Ok(())) => None,
        End::Finished(Err(error)) => match head_refusal(&error, &watch, limits) {
            Some(failure) => Some(failure),
            // The client went away, or hyper cut an answer short: nothing can be said any more.
            None => return,
        },
        End::TooLate(Phase::Head { started: true }) => Some(refusal::slow_head(limits)),
        End::TooLate(_) => None,
    };
    match refusal {
        Some(failure) => say_and_close(stream, &failure).await,
        None => linger(stream).await,
    }
}

/// Writes a failure as a whole answer to a stream that hyper does not serve, and closes it.
pub(crate) async fn say_and_close(mut stream: TcpStream, failure: &Failure) {
    let answer = reply::without_request(failure);
    if let Ok(Ok(())) = tokio::time::timeout(LINGER, stream.write_all(&answer)).await {
        linger(stream).await;
    }
}

/// What was wrong with the head, if that is what ended the connection.
fn head_refusal(error: &hyper::Error, watch: &Watch, limits: &Limits) -> Option<Failure> {
    if error.is_parse_version_h2() {
        Some(refusal::wrong_version())
    } else if error.is_parse_too_large() && watch.in_request_line() {
        Some(refusal::long_url(limits))
    } else if error.is_parse_too_large() {
        Some(refusal::large_headers(limits))
    } else if error.is_parse() {
        Some(refusal::malformed_head())
    } else if error.is_timeout() && watch.phase() == (Phase::Head { started: true }) {
        Some(refusal::slow_head(limits))
    } else {
        None
    }
}

/// Ends our side, then reads away what still comes, so that the close does not destroy what we wrote.
async fn linger(mut stream: TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut sink = vec![0; 16 * 1024];
    // Both ends of this wait are fine: the client closed, or it had its time.
    let _ = tokio::time::timeout(LINGER, async {
        while stream.read(&mut sink).await.is_ok_and(|count| count > 0) {}
    })
    .await;
}

/// The service as hyper sees it: reports to the watch, tells the request who asks, and hands the answer's body on in pieces.
struct Watched<S> {
    inner: S,
    watch: Arc<Watch>,
    address: SocketAddr,
}

impl<S, B> HyperService<Request<Incoming>> for Watched<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Unpin + 'static,
{
    type Response = Response<Pieces<B>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let ambiguous_length = self.watch.called();
        let peer = Peer {
            address: self.address,
            ambiguous_length,
            authority: request
                .uri()
                .authority()
                .map(|authority| authority.to_string()),
            must_name_host: request.version() == Version::HTTP_11,
        };
        request.extensions_mut().insert(peer);
        // `CONNECT host` has no path at all, for which warp has no place. What is no path is refused with the rest.
        if request.uri().path_and_query().is_none() {
            *request.uri_mut() = Uri::from_static("*");
        }
        let mut inner = self.inner.clone();
        let watch = self.watch.clone();
        Box::pin(async move {
            let Ok(answer) = inner.call(request).await;
            Ok(answer.map(|body| Pieces {
                body,
                rest: Bytes::new(),
                watch,
            }))
        })
    }
}

/// Bytes of an answer handed to hyper at once. hyper asks for the next piece when it has room, so a client that reads slowly
/// holds no more than this in the buffer of its connection, and the request stays `Busy` until its last piece is taken.
const PIECE: usize = 64 * 1024;

/// The body of an answer, cut into pieces; reports to the watch when all of it is taken, or dropped.
struct Pieces<B> {
    body: B,
    rest: Bytes,
    watch: Arc<Watch>,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Pieces<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.rest.is_empty() {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return other,
            }
        }
        let length = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let inner = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

impl<B> Drop for Pieces<B> {
    fn drop(&mut self) {
        self.watch.answered();
    }
}
