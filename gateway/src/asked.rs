//! What the gateway knows of a request before its body is read.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use warp::http::{HeaderMap, HeaderName, Method, header};

use crate::serve::Seat;

/// The head of a request, checked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// Lower case, without port or final dot; empty if an HTTP/1.0 client named none.
    pub(crate) host: String,
    /// As the client wrote it after the host, such as `:2517`; or empty.
    pub(crate) port: String,
    /// As sent.
    pub(crate) path: String,
    /// As sent, without `?`.
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) peer: SocketAddr,
    /// It came over TLS.
    pub(crate) secure: bool,
    /// The client's place, by which what it holds is counted.
    pub(crate) seat: Arc<Seat>,
    pub(crate) arrived: Instant,
}

impl Asked {
    /// True if only the head of the answer is wanted.
    pub(crate) fn is_read(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }

    fn text(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// True if the client would rather have a page than JSON.
    pub(crate) fn wants_page(&self) -> bool {
        self.text(header::ACCEPT).is_some_and(prefers_page)
    }

    /// True if a browser is about to show the answer as a document of its own.
    pub(crate) fn is_document(&self) -> bool {
        match self.text(HeaderName::from_static("sec-fetch-mode")) {
            Some(mode) => mode == "navigate",
            // Not a current browser, or one that thinks this host is not trustworthy: judge by what it would show.
            None => self.is_read() && self.wants_page(),
        }
    }

    /// True if the request comes from this machine and was made for it, so that it may be told what a stranger may not.
    ///
    /// A proxy on this machine is not such a request: it either names a public host or says whom it forwards for.
    pub(crate) fn is_local(&self) -> bool {
        const FORWARDED: [&str; 5] = [
            "forwarded",
            "via",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-real-ip",
        ];
        self.peer.ip().to_canonical().is_loopback()
            && is_local_host(&self.host)
            && !FORWARDED
                .iter()
                .any(|name| self.headers.contains_key(*name))
    }

    /// The first value of a query parameter, decoded.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let query = self.query.as_deref().unwrap_or_default();
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        let (_, value) = pairs.find(|(key, _)| key == name)?;
        Some(value.into_owned())
    }

    /// Path and query as sent.
    pub(crate) fn query_suffix(&self) -> String {
        self.query
            .as_ref()
            .map_or_else(String::new, |query| format!("?{query}"))
    }
}

/// `localhost`, a name below it, or a loopback address. Those cannot be made to point elsewhere by someone's DNS.
pub(crate) fn is_local_host(host: &str) -> bool {
    if host == "localhost" || host.ends_with(".localhost") {
        return true;
    }
    let literal = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    literal
        .parse::<IpAddr>()
        .is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Compares the weights that an `Accept` header gives to pages and to JSON. Wildcards count for JSON: who takes anything is a
/// program more often than a person.
pub(crate) fn prefers_page(accept: &str) -> bool {
    let mut page: f32 = 0.0;
    let mut json: f32 = 0.0;
    for range in accept.split(',') {
        let mut parts = range.split(';');
        let kind = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let weight = parts
            .filter_map(|part| part.trim().strip_prefix("q="))
            .find_map(|weight| weight.parse().ok())
            .unwrap_or(1.0);
        match kind.as_str() {
            "text/html" | "application/xhtml+xml" => page = page.max(weight),
            "application/json" | "application/problem+json" => json = json.max(weight),
            _ => {}
        }
    }
    page > 0.0 && page >= json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_decides_between_page_and_json() {
        let chrome = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        for (accept, page) in [
            (chrome, true),
            ("*/*", false),
            ("", false),
            ("application/json", false),
            ("application/json, text/html;q=0.5", false),
            ("Text/HTML ; q=0.9, application/problem+json;q=0.1", true),
            ("text/html;q=0", false),
        ] {
            assert_eq!(prefers_page(accept), page, "{accept}");
        }
    }

    #[test]
    fn only_names_that_mean_this_machine_are_local() {
        for (host, local) in [
            ("localhost", true),
            ("hello.localhost", true),
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("[::1]", true),
            ("[::ffff:127.0.0.1]", true),
            ("localhost.example.org", false),
            ("127.0.0.1.example.org", false),
            ("10.0.0.1", false),
            ("", false),
        ] {
            assert_eq!(is_local_host(host), local, "{host}");
        }
    }
}
