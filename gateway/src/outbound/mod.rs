//! Requests of programs to servers outside.
//!
//! Whom a program may ask its manifest says, and `runtime` has compared; here stands how it is asked, and where nobody may connect to:
//!
//! - The name is resolved once, *all* its addresses must be allowed, and the connection is made to one of these. A name that means
//!   another machine a moment later gains nothing.
//! - Allowed are public addresses ([`address::is_public`]) and those that the operator named.
//! - No redirect is followed, no proxy is used, no connection is kept, nothing is decompressed.
//! - Time, sizes and the number of requests at once are bounded.

pub mod address;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cop_runtime::host::http::{Fetch, Fetching, HEADER_BYTES, Outbound, Place, RESPONSE_BYTES};
use cop_runtime::host::reply::Reply;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderName, HeaderValue, SET_COOKIE, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

/// Longest time from the question to the end of the reply.
const TIME_MAX: Duration = Duration::from_secs(10);
/// Longest time until the connection stands.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Most requests at once; more wait, within their time.
const AT_ONCE: usize = 256;
/// Most headers of a reply.
const HEADERS_MAX: usize = 100;
/// What the node calls itself where the program does not.
const AGENT: &str = concat!("coputer/", env!("CARGO_PKG_VERSION"));

/// Carries requests out, over HTTP/1.1.
pub struct Client {
    tls: TlsConnector,
    allowed: Vec<SocketAddr>,
    at_once: Semaphore,
    time_max: Duration,
}

impl Client {
    /// One that trusts the usual authorities. Besides public addresses it connects to these.
    ///
    /// # Errors
    /// The system's cryptography cannot be used.
    pub fn new(allowed: Vec<SocketAddr>) -> Result<Client, String> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("cannot prepare for TLS: {error}"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Client {
            tls: TlsConnector::from(Arc::new(config)),
            allowed,
            at_once: Semaphore::new(AT_ONCE),
            time_max: TIME_MAX,
        })
    }

    async fn exchange(&self, fetch: Fetch) -> Result<Reply, String> {
        let closed = |_| "the node is stopping".to_owned();
        let _permit = self.at_once.acquire().await.map_err(closed)?;
        let place = &fetch.place;
        let addresses = self.addresses(place).await?;
        let stream = timeout(CONNECT_MAX, connected(&addresses))
            .await
            .map_err(|_| format!("{} took no connection in time", place.host))?
            .map_err(|cause| format!("cannot connect to {}: {cause}", place.host))?;
        if !place.is_tls {
            return spoken(fetch, stream).await;
        }
        let bare = place.host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(bare)
            .map_err(|_| format!("{} can have no certificate", place.host))?;
        let stream = self.tls.connect(name, stream).await;
        let stream = stream.map_err(|cause| format!("no TLS with {}: {cause}", place.host))?;
        spoken(fetch, stream).await
    }

    /// Where to connect to. One address that is not allowed spoils the name: it is not this node's to choose among them.
    async fn addresses(&self, place: &Place) -> Result<Vec<SocketAddr>, String> {
        let host = place.host.trim_matches(['[', ']']);
        let found = lookup_host((host, place.port)).await;
        let found = found.map_err(|cause| format!("{} is not found: {cause}", place.host))?;
        let found: Vec<SocketAddr> = found.take(16).collect();
        let is_allowed = |at: &SocketAddr| address::is_public(at.ip()) || self.allowed.contains(at);
        match found.iter().find(|at| !is_allowed(at)) {
            Some(at) => Err(format!(
                "{} is at {at}, which is no public address; the node's operator may allow it (`copd start --reach {at}`)",
                place.host
            )),
            None if found.is_empty() => Err(format!("{} is not found", place.host)),
            None => Ok(found),
        }
    }
}

impl Outbound for Client {
    fn fetch(&self, fetch: Fetch) -> Fetching<'_> {
        Box::pin(async move {
            let host = fetch.place.host.clone();
            timeout(self.time_max, self.exchange(fetch))
                .await
                .unwrap_or_else(|_| {
                    Err(format!(
                        "{host} did not answer within {} seconds",
                        self.time_max.as_secs()
                    ))
                })
        })
    }
}

async fn connected(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(cause) => last = cause,
        }
    }
    Err(last)
}

/// One request and its reply over a connection that stands.
async fn spoken(
    fetch: Fetch,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<Reply, String> {
    let host = fetch.place.host.clone();
    let failed = |cause: hyper::Error| format!("{host} gave no answer: {cause}");
    let request = request(fetch)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES.max(8 << 10) * 2)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    // Dropped with this future, and with it the connection.
    let mut connection = std::pin::pin!(connection);
    let reply = async { reply(sender.send_request(request).await.map_err(failed)?, &host).await };
    let mut reply = std::pin::pin!(reply);
    let mut is_open = true;
    std::future::poll_fn(|context| {
        if is_open {
            is_open = connection.as_mut().poll(context).is_pending();
        }
        reply.as_mut().poll(context)
    })
    .await
}

fn request(fetch: Fetch) -> Result<Request<Full<bytes::Bytes>>, String> {
    let Fetch {
        method,
        place,
        headers,
        body,
    } = fetch;
    let wrong = |error: hyper::http::Error| error.to_string();
    let method = Method::from_bytes(method.as_bytes()).map_err(|error| error.to_string())?;
    let origin = place.origin();
    let authority = origin
        .split_once("://")
        .map_or("", |(_, authority)| authority);
    let mut request = Request::builder()
        .method(method)
        .uri(&place.target)
        .header(HOST, authority)
        .header("connection", "close")
        .body(Full::new(body))
        .map_err(wrong)?;
    let set = request.headers_mut();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
        let value = HeaderValue::from_str(&value).map_err(|error| error.to_string())?;
        set.insert(name, value);
    }
    set.entry(USER_AGENT)
        .or_insert(HeaderValue::from_static(AGENT));
    Ok(request)
}

async fn reply(response: Response<hyper::body::Incoming>, host: &str) -> Result<Reply, String> {
    let (head, body) = response.into_parts();
    let size: usize = head
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if size > HEADER_BYTES {
        return Err(format!(
            "the headers of {host} have more than {HEADER_BYTES} bytes"
        ));
    }
    let mut reply = Reply {
        status: head.status.as_u16(),
        ..Reply::default()
    };
    for name in head.headers.keys() {
        // A value that is no text is one that a program cannot be told.
        let values = head.headers.get_all(name).iter();
        let values: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
        match *name == SET_COOKIE {
            true => reply
                .cookies
                .extend(values.iter().map(|value| (*value).to_owned())),
            false => reply
                .headers
                .push((name.as_str().to_owned(), values.join(", "))),
        }
    }
    reply.headers.sort();
    let body = Limited::new(body, RESPONSE_BYTES).collect().await;
    let body = body.map_err(|cause| match cause.is::<LengthLimitError>() {
        true => format!("the reply of {host} has more than {RESPONSE_BYTES} bytes"),
        false => format!("the reply of {host} ended too early: {cause}"),
    })?;
    reply.body = body.to_bytes().to_vec();
    Ok(reply)
}

#[cfg(test)]
mod tests;
