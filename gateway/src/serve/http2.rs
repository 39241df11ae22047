//! HTTP/2 on one connection, to its close.
//!
//! hyper speaks it with the service; this drives it within the bounds of [`Limits`](crate::limits::Limits) and those of [`Frames`].

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http2;
use hyper::service::Service as HyperService;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::clients::Hold;
use super::connection::{Connection, Web, prepare};
use super::frames::Frames;
use super::pieces::{Pieces, Taken};
use super::stream::Stream;
use super::watched::WatchedStream;

/// Bytes of an answer, and of a body, that a stream has in buffers; those of a connection's bodies together are 16 times as many.
const WINDOW: u32 = 64 * 1024;
/// Streams that are reset before they were looked at, or that we reset because of their mistakes, until the connection ends.
const RESETS: usize = 64;

/// Serves one connection until it ends.
pub(crate) async fn serve<S, B>(stream: Stream, service: S, connection: Connection)
where
    S: Web<B>,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let limits = connection.limits.clone();
    let mut drain = connection.drain.clone();
    let frames = Arc::new(Frames::new(&limits));
    let unwanted = connection.unwanted({
        let frames = frames.clone();
        move || frames.is_idle()
    });
    let service = Watched {
        inner: service,
        body: PhantomData,
        frames: frames.clone(),
        connection,
    };
    let io = TokioIo::new(WatchedStream::new(stream, frames.clone()));
    // Beyond what is allowed, so that most violations reach our own checks; each header counts 32 bytes more here.
    let list = limits.head_buffer_bytes() + 2 * 32 * limits.header_lines;
    let mut connection = pin!(
        http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(list).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(RESETS)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(16 * WINDOW)
            .max_send_buf_size(WINDOW as usize)
            .serve_connection(io, service)
    );

    let mut alarm = pin!(tokio::time::sleep_until(frames.deadline().0));
    let mut draining = pin!(async move {
        // An error means that the listener is gone, which is as good a reason to stop.
        let _ = drain.wait_for(|told| *told).await;
    });
    let mut unwanted = pin!(unwanted);
    let mut told = false;
    poll_fn(|context| {
        if !told && draining.as_mut().poll(context).is_ready() {
            told = true;
            connection.as_mut().graceful_shutdown();
        }
        if !told && unwanted.as_mut().poll(context).is_ready() {
            told = true;
            connection.as_mut().graceful_shutdown();
        }
        // Whether it ended well or not, nothing is left to be said.
        if connection.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        loop {
            let (deadline, _) = frames.deadline();
            if alarm.deadline() != deadline {
                alarm.as_mut().reset(deadline);
            }
            if alarm.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            if alarm.deadline() == frames.deadline().0 {
                return Poll::Ready(());
            }
        }
    })
    .await;
}

/// The service as hyper sees it.
struct Watched<S, B> {
    inner: S,
    body: PhantomData<fn() -> B>,
    frames: Arc<Frames>,
    connection: Connection,
}

impl<S, B> HyperService<Request<Incoming>> for Watched<S, B>
where
    S: Web<B>,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
{
    type Response = Response<Pieces<B, OpenRequest>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let place = self.connection.seat.request();
        let mut open = OpenRequest {
            id: self.frames.called(),
            frames: self.frames.clone(),
            place: None,
            is_answered: false,
        };
        let is_head = request.method() == Method::HEAD;
        prepare(&mut request, &self.connection, None);
        let mut inner = self.inner.clone();
        let seat = self.connection.seat.clone();
        Box::pin(async move {
            match place {
                Ok(place) => open.place = Some(place),
                Err(failure) => return Ok(Pieces::refusal(&failure, open)),
            }
            let Ok(answer) = inner.call(request).await;
            open.is_answered = true;
            // From here on the client's reading is timed.
            open.took();
            Ok(Pieces::of(answer, &seat, is_head, open))
        })
    }
}

/// A request that is being answered; given back when its answer was taken to its end, or given up.
struct OpenRequest {
    id: u64,
    frames: Arc<Frames>,
    place: Option<Hold>,
    is_answered: bool,
}

impl Taken for OpenRequest {
    fn took(&mut self) {
        self.frames.took(self.id);
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.frames.answered(self.id, self.is_answered);
    }
}
