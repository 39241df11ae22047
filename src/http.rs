//! One request to a node, with its bounds.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// How long an answer may take. Storing a large bundle includes verifying it.
const ANSWER_TIME: Duration = Duration::from_secs(60);
/// How long a node may take to let itself be connected to.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Asks nodes over HTTP.
#[derive(Clone)]
pub struct HttpClient(Client<HttpConnector, Full<Bytes>>);

/// What a node answered.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, to its end.
    pub body: Bytes,
}

/// What is asked.
pub struct Ask<'a> {
    /// The method.
    pub method: Method,
    /// The whole URL.
    pub url: &'a str,
    /// The token that lets one in, if one is needed.
    pub bearer: Option<&'a str>,
    /// The body.
    pub body: Vec<u8>,
    /// Longest answer that is read, in bytes.
    pub answer_bytes: usize,
}

impl Default for HttpClient {
    fn default() -> HttpClient {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIME));
        HttpClient(Client::builder(TokioExecutor::new()).build(connector))
    }
}

impl HttpClient {
    /// Asks, and reads the answer to its end.
    ///
    /// # Errors
    /// In words: the URL is none, nobody answers there, or the answer is too long or too late.
    pub async fn ask(&self, ask: Ask<'_>) -> Result<(StatusCode, Bytes), String> {
        let answered = self.ask_with(ask, &[]).await?;
        Ok((answered.status, answered.body))
    }

    /// The same with these headers, and with those of the answer.
    ///
    /// # Errors
    /// As [`HttpClient::ask`], or a header that HTTP cannot carry.
    pub async fn ask_with(
        &self,
        ask: Ask<'_>,
        headers: &[(String, String)],
    ) -> Result<Answered, String> {
        let uri: Uri = ask
            .url
            .parse()
            .map_err(|_| "this is not a URL".to_owned())?;
        let host = uri.authority().map(|authority| authority.to_string());
        let mut request = Request::builder()
            .method(ask.method)
            .uri(on_this_machine(uri));
        let named = headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"));
        if let (Some(host), false) = (host, named) {
            request = request.header(HOST, host);
        }
        for (name, value) in headers {
            let header = HeaderName::from_bytes(name.as_bytes()).ok();
            let header = header.zip(HeaderValue::from_str(value).ok());
            let (name, value) =
                header.ok_or_else(|| format!("`{name}: {value}` is no header of HTTP"))?;
            request = request.header(name, value);
        }
        if let Some(token) = ask.bearer {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request
            .body(Full::new(Bytes::from(ask.body)))
            .map_err(|error| error.to_string())?;
        let answered = tokio::time::timeout(ANSWER_TIME, async {
            let response = self.0.request(request).await;
            let response = response.map_err(|error| cause(&error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ask.answer_bytes);
            let body = body.collect().await.map_err(|error| error.to_string())?;
            Ok(Answered {
                status: head.status,
                headers: head.headers,
                body: body.to_bytes(),
            })
        });
        answered
            .await
            .map_err(|_| format!("no answer within {} s", ANSWER_TIME.as_secs()))?
    }
}

impl HttpClient {
    /// Asks for a stream, and gives the answer once its head is there.
    ///
    /// # Errors
    /// As [`HttpClient::ask`].
    pub async fn stream(
        &self,
        url: &str,
        bearer: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response<Incoming>, String> {
        let mut request = Request::builder()
            .uri(url)
            .header("authorization", format!("Bearer {bearer}"))
            .header("accept", "text/event-stream");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::new(Bytes::new()))
            .map_err(|error| error.to_string())?;
        let answered = tokio::time::timeout(ANSWER_TIME, self.0.request(request)).await;
        let answered = answered.map_err(|_| "no answer in time".to_owned())?;
        answered.map_err(|error| cause(&error))
    }
}

/// Names below `localhost` mean this machine (RFC 6761), whether or not the system's resolver knows it.
fn on_this_machine(uri: Uri) -> Uri {
    let is_here = uri.host().is_some_and(|host| host.ends_with(".localhost"));
    if !is_here {
        return uri;
    }
    let port = uri.port_u16().unwrap_or(80);
    let mut parts = uri.clone().into_parts();
    parts.authority = format!("127.0.0.1:{port}").parse().ok();
    Uri::from_parts(parts).unwrap_or(uri)
}

/// The innermost cause, which is the one that says something: "connection refused".
fn cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
