//! HTTP/1.1 on one connection, to its close.
//!
//! hyper speaks it with the service; this drives it and adds what it leaves out:
//!
//! 1. Deadlines per phase ([`Watch`]): slow heads, idle connections, answers that nobody reads, requests that never end.
//! 2. A proper answer to a head that could not be read, in place of hyper's bare status line.
//! 3. A lingering close, see [`super::close`].

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use cop_runtime::Failure;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::Service as HyperService;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};

use super::close::{linger, say_and_close};
use super::connection::{Connection, Web, prepare};
use super::pieces::{Pieces, Taken};
use super::stream::Stream;
use super::watch::{Phase, Watch};
use super::watched::WatchedStream;
use crate::limits::Limits;
use crate::refusal;

/// Why hyper and we parted.
enum End {
    /// hyper is done: closed cleanly, or with an error.
    Finished(hyper::Result<()>),
    /// The phase's deadline passed.
    TooLate(Phase),
}

/// Serves one connection until it ends.
pub(crate) async fn serve<S, B>(stream: Stream, service: S, connection: Connection)
where
    S: Web<B>,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let limits = connection.limits.clone();
    let mut drain = connection.drain.clone();
    let watch = Arc::new(Watch::new(&limits, connection.since));
    let unwanted = connection.unwanted({
        let watch = watch.clone();
        move || watch.phase() == Phase::Idle
    });
    let service = Watched {
        inner: service,
        body: PhantomData,
        watch: watch.clone(),
        connection,
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
        let mut unwanted = pin!(unwanted);
        let mut told = false;
        poll_fn(|context| {
            if !told && draining.as_mut().poll(context).is_ready() {
                told = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            if let Poll::Ready(result) = connection.poll_without_shutdown(context) {
                return Poll::Ready(End::Finished(result));
            }
            if unwanted.as_mut().poll(context).is_ready() {
                return Poll::Ready(End::TooLate(Phase::Idle));
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
        End::Finished(Err(error)) => match head_refusal(&error, &watch, &limits) {
            Some(failure) => Some(failure),
            // The client went away, or hyper cut an answer short: nothing can be said any more.
            None => return,
        },
        End::TooLate(Phase::Head { started: true }) => Some(refusal::slow_head(&limits)),
        End::TooLate(_) => None,
    };
    match refusal {
        Some(failure) => say_and_close(stream, &failure).await,
        None => linger(stream).await,
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

/// The service as hyper sees it: reports to the watch, tells the request who asks, and hands the answer's body on in pieces.
struct Watched<S, B> {
    inner: S,
    body: PhantomData<fn() -> B>,
    watch: Arc<Watch>,
    connection: Connection,
}

impl<S, B> HyperService<Request<Incoming>> for Watched<S, B>
where
    S: Web<B>,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
{
    type Response = Response<Pieces<B, Answering>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let doubt = self.watch.called();
        prepare(&mut request, &self.connection, doubt);
        let mut inner = self.inner.clone();
        let seat = self.connection.seat.clone();
        let taken = Answering(self.watch.clone());
        Box::pin(async move {
            let Ok(mut answer) = inner.call(request).await;
            if doubt.is_some() {
                // What comes next may be part of what was meant.
                let close = HeaderValue::from_static("close");
                answer.headers_mut().insert(CONNECTION, close);
            }
            Ok(Pieces::of(answer, &seat, false, taken))
        })
    }
}

/// The answer that a connection waits for; with its end the connection is idle.
struct Answering(Arc<Watch>);

impl Taken for Answering {
    /// The watch sees the bytes themselves.
    fn took(&mut self) {}
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answered();
    }
}
