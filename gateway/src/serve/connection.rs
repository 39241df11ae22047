//! One connection, from its first byte: is it TLS, which HTTP is spoken, and then that, to its end.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::{Request, Response, Uri, Version};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tower_service::Service;

use super::clients::Seat;
use super::close::say_and_close;
use super::listener::Entry;
use super::stream::Stream;
use super::{Doubt, Peer, http1, http2};
use crate::limits::Limits;
use crate::refusal;

/// A service that answers requests and never fails.
pub(crate) trait Web<B>:
    Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Unpin
    + 'static
{
}

impl<B, S> Web<B> for S where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Unpin
        + 'static
{
}

/// What all that is done on a connection knows of it.
pub(crate) struct Connection {
    pub(crate) address: SocketAddr,
    pub(crate) secure: bool,
    /// Since when a request could have come.
    pub(crate) since: Instant,
    pub(crate) seat: Arc<Seat>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) drain: watch::Receiver<bool>,
    pub(crate) crowded: watch::Receiver<Option<std::time::Instant>>,
}

impl Connection {
    /// Waits until others need the connection more than its client, on which nothing is asked as `is_idle` has it.
    pub(crate) fn unwanted<F: Fn() -> bool>(
        &self,
        is_idle: F,
    ) -> impl Future<Output = ()> + use<F> {
        let mut crowded = self.crowded.clone();
        async move {
            while crowded.changed().await.is_ok() {
                if is_idle() {
                    return;
                }
            }
            std::future::pending().await
        }
    }
}

/// Serves one connection until it ends.
pub(crate) async fn serve<S, B>(
    tcp: TcpStream,
    entry: Arc<Entry>,
    service: S,
    mut connection: Connection,
) where
    S: Web<B>,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut drain = connection.drain.clone();
    let opened = tokio::select! {
        opened = open(tcp, &entry, &mut connection) => opened,
        // Nothing was asked yet.
        _ = drain.wait_for(|told| *told) => None,
    };
    match opened {
        None => {}
        Some((stream, true)) => http2::serve(stream, service, connection).await,
        Some((stream, false)) => http1::serve(stream, service, connection).await,
    }
}

/// What the first record of a TLS connection begins with.
const HANDSHAKE: u8 = 22;

/// Finds out what is spoken: the stream, and whether it is HTTP/2. `None` where there is nothing to be served.
async fn open(
    tcp: TcpStream,
    entry: &Entry,
    connection: &mut Connection,
) -> Option<(Stream, bool)> {
    let limits = connection.limits.clone();
    if let Some(certificates) = &entry.certificates {
        let mut first = [0];
        let peeked = timeout(limits.header_time, tcp.peek(&mut first)).await;
        let count = peeked.ok()?.ok()?;
        if count == 1 && first[0] == HANDSHAKE {
            let accepting = certificates.acceptor().accept(tcp);
            // What rustls has to say against a client it says by itself.
            let tls = timeout(limits.header_time, accepting).await.ok()?.ok()?;
            let is_http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
            connection.secure = true;
            connection.since = Instant::now();
            return Some((Stream::tls(tls), is_http2));
        }
        let is_here = connection.address.ip().to_canonical().is_loopback();
        if count == 0 {
            return None;
        }
        if !(entry.plain_here && is_here) {
            say_and_close(Stream::plain(tcp), &refusal::needs_tls()).await;
            return None;
        }
    }
    let mut stream = Stream::plain(tcp);
    match timeout(limits.header_time, stream.begins_http2()).await {
        Ok(Ok(is_http2)) => Some((stream, is_http2)),
        Err(_) if !stream.seen().is_empty() => {
            say_and_close(stream, &refusal::slow_head(&limits)).await;
            None
        }
        Ok(Err(_)) | Err(_) => None,
    }
}

/// Tells a request who asks.
pub(crate) fn prepare(
    request: &mut Request<Incoming>,
    connection: &Connection,
    doubt: Option<Doubt>,
) {
    let authority = request.uri().authority();
    let peer = Peer {
        address: connection.address,
        secure: connection.secure,
        seat: connection.seat.clone(),
        doubt,
        authority: authority.map(|authority| authority.to_string()),
        must_name_host: request.version() >= Version::HTTP_11,
    };
    request.extensions_mut().insert(peer);
    // `CONNECT host` has no path at all, for which warp has no place. What is no path is refused with the rest.
    if request.uri().path_and_query().is_none() {
        *request.uri_mut() = Uri::from_static("*");
    }
}
