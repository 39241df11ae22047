//! From a parsed request head to [`Asked`], or to the rule that it breaks.

use std::sync::Arc;
use std::time::Instant;

use cop_runtime::Failure;
use warp::http::{HeaderMap, Method, header};
use warp::path::FullPath;
use warp::{Filter, Rejection};

use crate::asked::{Asked, prefers_page};
use crate::limits::Limits;
use crate::refusal;
use crate::reply::{Reader, Refused};
use crate::serve::{Doubt, Peer};

/// Reads and checks the head of a request.
pub(crate) fn asked(
    limits: Arc<Limits>,
) -> impl Filter<Extract = (Asked,), Error = Rejection> + Clone + Send + Sync + 'static {
    let query = warp::query::raw()
        .map(Some)
        .or(warp::any().map(|| None))
        .unify();
    let peer = warp::ext::get::<Peer>();
    let parts = warp::method()
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(peer);
    let head = parts.map(|method, path: FullPath, query, headers, peer| Head {
        method,
        path: path.as_str().to_owned(),
        query,
        headers,
        peer,
    });
    head.and_then(move |head: Head| {
        let limits = limits.clone();
        async move {
            let page = head
                .headers
                .get(header::ACCEPT)
                .is_some_and(|accept| accept.to_str().is_ok_and(prefers_page));
            head.check(&limits).map_err(|failure| {
                warp::reject::custom(Refused {
                    failure,
                    reader: Reader {
                        page,
                        ..Reader::default()
                    },
                })
            })
        }
    })
}

/// The parts of a head as they were parsed.
struct Head {
    method: Method,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
    peer: Peer,
}

impl Head {
    /// Checks the head against the limits and finds out the host.
    ///
    /// # Errors
    /// The first rule that the head breaks.
    fn check(self, limits: &Limits) -> Result<Asked, Failure> {
        let url = self.path.len() + self.query.as_ref().map_or(0, |query| query.len() + 1);
        if url > limits.url_bytes {
            return Err(refusal::long_url(limits));
        }
        // Of a header line count name, value, `: ` and line end.
        let bytes: usize = self
            .headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 4)
            .sum();
        if bytes > limits.header_bytes || self.headers.len() > limits.header_lines {
            return Err(refusal::large_headers(limits));
        }
        match self.peer.doubt {
            Some(Doubt::TwoLengths) => return Err(refusal::ambiguous_length()),
            Some(Doubt::BareLine) => return Err(refusal::malformed_head()),
            None => {}
        }
        // `CONNECT` would make a tunnel of the connection, `TRACE` would show headers that scripts must not see.
        if !self.path.starts_with('/') || matches!(self.method, Method::CONNECT | Method::TRACE) {
            return Err(refusal::no_path(self.method.as_str()));
        }
        let host = self.host()?;
        let (host, port) = split_port(&host);
        Ok(Asked {
            host: host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase(),
            port: port.to_owned(),
            method: self.method,
            path: self.path,
            query: self.query,
            headers: self.headers,
            peer: self.peer.address,
            secure: self.peer.secure,
            seat: self.peer.seat,
            arrived: Instant::now(),
        })
    }

    fn host(&self) -> Result<String, Failure> {
        let mut named = self.headers.get_all(header::HOST).iter();
        let host = match (named.next(), named.next()) {
            (Some(_), Some(_)) => return Err(refusal::bad_host("it has several `host` headers")),
            (Some(host), None) => Some(
                host.to_str()
                    .map_err(|_| refusal::bad_host("its `host` header is not readable text"))?,
            ),
            (None, _) => None,
        };
        match (host, self.peer.authority.as_deref()) {
            (Some(host), Some(authority)) if !host.eq_ignore_ascii_case(authority) => Err(
                refusal::bad_host("its `host` header and its request line name different hosts"),
            ),
            (Some(host), _) | (None, Some(host)) if is_authority(host) => Ok(host.to_owned()),
            (Some(_), _) | (None, Some(_)) => Err(refusal::bad_host(
                "what its `host` header holds is not a host",
            )),
            (None, None) if self.peer.must_name_host => {
                Err(refusal::bad_host("it has no `host` header"))
            }
            (None, None) => Ok(String::new()),
        }
    }
}

/// True for characters that a host and port may have. It keeps what is later written into links and redirects harmless.
fn is_authority(text: &str) -> bool {
    text.bytes().all(|byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']')
    })
}

/// `host:port` cut before the colon of the port.
fn split_port(host: &str) -> (&str, &str) {
    match host.rfind(':') {
        // The colons inside the brackets of an IPv6 address are its own.
        Some(colon) if !host[colon..].contains(']') => host.split_at(colon),
        _ => (host, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_cut_off() {
        assert_eq!(split_port("localhost:2517"), ("localhost", ":2517"));
        assert_eq!(split_port("[::1]:80"), ("[::1]", ":80"));
        assert_eq!(split_port("[::1]"), ("[::1]", ""));
        assert_eq!(split_port("example.org"), ("example.org", ""));
    }
}
