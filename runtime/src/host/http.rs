//! `http`: servers outside. Nothing is reachable that the program's manifest does not list, and its node connects to no private
//! address unless its operator said so.
//!
//! What goes out is made here from the program's question, down to host, port and target, so that whoever carries it out reads no
//! URL again: what was compared with the list is what is connected to. The runtime itself opens no connection: [`Outbound`] does.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;

use crate::codec::{CodecError, Reader};
use crate::failure::{Failure, FailureCode};
use crate::host::HostCall;
use crate::host::reply::{Reply, refused};
use crate::transcript::Question;

/// Longest URL, in bytes.
pub const URL_BYTES: usize = 8 << 10;
/// Most bytes of all headers of a request, and of a response.
pub const HEADER_BYTES: usize = 16 << 10;
/// Most bytes of the body of a request.
pub const REQUEST_BYTES: usize = 1 << 20;
/// Most bytes of the body of a response.
pub const RESPONSE_BYTES: usize = 4 << 20;
/// Most origins that a manifest lists.
pub const ORIGINS_MAX: usize = 32;

/// Headers that belong to a connection, or that the node sets.
const OWN_HEADERS: [&str; 13] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Headers of responses that a program is not told: those of the connection, and those that say when and by which way the answer
/// came, which would make two equal answers different.
const UNTOLD_HEADERS: [&str; 19] = [
    "age",
    "alt-svc",
    "cf-ray",
    "connection",
    "content-length",
    "date",
    "expires",
    "keep-alive",
    "nel",
    "proxy-authenticate",
    "report-to",
    "server-timing",
    "set-cookie",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whether it is `https`.
    pub is_tls: bool,
    /// Name or address, in lower case; an IPv6 address stands in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path and query.
    pub target: String,
}

/// A request that may go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// The method, a token.
    pub method: String,
    /// Where it goes.
    pub place: Place,
    /// Lower-case names and printable values; none concerns the connection.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// A reply under way; `Err` says why there is none.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Reply, String>> + Send + 'a>>;

/// Carries requests out. It keeps the limits of time and size, follows no redirect, and connects to private addresses only if the
/// node's operator allows them.
pub trait Outbound: Send + Sync {
    /// Sends one request and reads its reply, header names in lower case.
    fn fetch(&self, fetch: Fetch) -> Fetching<'_>;
}

impl Place {
    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_url(url: &str) -> Result<Place, String> {
        let wrong = |what: &str| format!("`{}` is no URL to ask: {what}", shortened(url));
        if url.len() > URL_BYTES {
            return Err(wrong(&format!("it has more than {URL_BYTES} bytes")));
        }
        let (is_tls, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(wrong("it begins with `https://` or `http://`")),
        };
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong(
                "other characters than visible ASCII are written `%XX`",
            ));
        }
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if target.contains(['#', '\\']) {
            return Err(wrong("neither `#` nor `\\` is sent"));
        }
        let port_at = authority
            .rfind(':')
            .filter(|at| !authority[*at..].contains(']'));
        let (host, port) = match port_at {
            None => (authority, if is_tls { 443 } else { 80 }),
            Some(at) => {
                let digits = &authority[at + 1..];
                let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
                let port = digits
                    .parse::<u16>()
                    .ok()
                    .filter(|port| *port > 0 && is_number);
                (
                    &authority[..at],
                    port.ok_or_else(|| wrong("its port is no number of a port"))?,
                )
            }
        };
        let inner = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let is_host = match inner {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
                !host.is_empty() && host.len() <= 253 && host.bytes().all(allowed)
            }
        };
        if !is_host {
            return Err(wrong(
                "it names no host (letters, digits, `.`, `-`; no user name)",
            ));
        }
        let target = match target.starts_with('/') {
            true => target.to_owned(),
            false => format!("/{target}"),
        };
        Ok(Place {
            is_tls,
            host: host.to_ascii_lowercase(),
            port,
            target,
        })
    }

    /// Whether a program whose manifest lists these origins may ask there.
    ///
    /// # Errors
    /// The refusal of its run, with the line to add.
    pub fn permitted(&self, origins: &[String]) -> Result<(), Failure> {
        let origin = self.origin();
        if origins.contains(&origin) {
            return Ok(());
        }
        let listed: Vec<String> = origins
            .iter()
            .chain([&origin])
            .map(|origin| format!("\"{origin}\""))
            .collect();
        Err(Failure::new(
            FailureCode::Denied,
            "the program may not ask there",
            format!("it asks {origin}, which its cop.toml does not list"),
        )
        .hint(format!(
            "add `http = [{}]` below `[capabilities]` in cop.toml, and publish again",
            listed.join(", ")
        )))
    }

    /// Scheme, host, and the port if it is not the usual one: `https://api.example.org`.
    pub fn origin(&self) -> String {
        let (scheme, usual) = if self.is_tls {
            ("https", 443)
        } else {
            ("http", 80)
        };
        match self.port == usual {
            true => format!("{scheme}://{}", self.host),
            false => format!("{scheme}://{}:{}", self.host, self.port),
        }
    }
}

/// The one writing of an origin that a manifest lists.
///
/// # Errors
/// It is none.
pub fn origin(text: &str) -> Result<String, String> {
    let place = Place::of_url(text)?;
    let origin = place.origin();
    match place.target == "/"
        && (origin == text || origin.eq_ignore_ascii_case(text.trim_end_matches('/')))
    {
        true => Ok(origin),
        false => Err(format!(
            "`{}` is no origin; write `{origin}`",
            shortened(text)
        )),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(100) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Headers as they go out: names in lower case, values trimmed.
///
/// # Errors
/// What is wrong with one of them, or all together.
pub fn sendable_headers<'a>(
    headers: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<(String, String)>, String> {
    let mut sent = Vec::new();
    let mut size = 0;
    for (name, value) in headers {
        size += name.len() + value.len();
        let name = name.to_ascii_lowercase();
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(format!("{name:?} cannot be the name of a header"));
        }
        if OWN_HEADERS.contains(&name.as_str()) {
            return Err(format!("the header `{name}` is the node's to set"));
        }
        if !value
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~' | b'\t'))
        {
            return Err(format!(
                "the value of the header `{name}` must be printable ASCII"
            ));
        }
        sent.push((name, value.trim_matches([' ', '\t']).to_owned()));
    }
    match size > HEADER_BYTES {
        true => Err(format!(
            "the headers have {size} bytes, at most {HEADER_BYTES} are sent"
        )),
        false => Ok(sent),
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

impl Fetch {
    /// The request that a question asks to be made.
    ///
    /// # Errors
    /// What is wrong with it: the program is told that instead of a reply.
    pub fn of(question: &Question) -> Result<Fetch, String> {
        let (method, url, headers, body) = parts(question).map_err(|error| error.to_string())?;
        if method.is_empty() || method.len() > 32 || !method.bytes().all(is_token) {
            return Err("the method is no token".to_owned());
        }
        if method.eq_ignore_ascii_case("CONNECT") || method.eq_ignore_ascii_case("TRACE") {
            return Err(format!("`{method}` is not sent"));
        }
        let place = Place::of_url(url)?;
        if body.len() > REQUEST_BYTES {
            let size = body.len();
            return Err(format!(
                "the body has {size} bytes, at most {REQUEST_BYTES} are sent"
            ));
        }
        let sent = sendable_headers(headers.into_iter())?;
        Ok(Fetch {
            method: method.to_owned(),
            place,
            headers: sent,
            body: Bytes::copy_from_slice(body),
        })
    }
}

type Parts<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, &'a [u8]);

/// Method, URL, headers and body of a question.
fn parts(question: &Question) -> Result<Parts<'_>, CodecError> {
    let mut reader = Reader::new(&question.argument);
    let is_get = question.kind == HostCall::HttpGet;
    let method = if is_get { "GET" } else { reader.text()? };
    let url = reader.text()?;
    let mut headers = Vec::new();
    for _ in 0..reader.bounded_count()? {
        headers.push((reader.text()?, reader.text()?));
    }
    let body = if is_get { b"" } else { reader.bytes()? };
    reader.end()?;
    Ok((method, url, headers, body))
}

/// The URL of a question, as tests name it; `None` if the argument is none.
pub fn described(question: &Question) -> Option<String> {
    parts(question).ok().map(|(_, url, ..)| url.to_owned())
}

/// The answer to a question of a program whose manifest lists these origins.
///
/// # Errors
/// The program may not ask there, or the node reaches nobody: its run is refused.
pub async fn answer(
    outbound: Option<&dyn Outbound>,
    origins: &[String],
    question: &Question,
) -> Result<Vec<u8>, Failure> {
    let fetch = match Fetch::of(question) {
        Ok(fetch) => fetch,
        Err(why) => return Ok(refused(&why)),
    };
    fetch.place.permitted(origins)?;
    let Some(outbound) = outbound else {
        return Err(Failure::new(
            FailureCode::Denied,
            "the node asks nobody outside",
            format!("the program asks {}", fetch.place.origin()),
        ));
    };
    Ok(match outbound.fetch(fetch).await {
        Ok(mut reply) => {
            reply
                .headers
                .retain(|(name, _)| !UNTOLD_HEADERS.contains(&name.as_str()));
            reply.to_answer()
        }
        Err(why) => refused(&why),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Writer;

    #[test]
    fn urls_are_read_in_one_way() {
        for (url, origin, target) in [
            ("https://api.example.org", "https://api.example.org", "/"),
            (
                "https://API.example.org:443/a?b=c",
                "https://api.example.org",
                "/a?b=c",
            ),
            ("http://a:8080?x", "http://a:8080", "/?x"),
            ("http://[::1]:80/", "http://[::1]", "/"),
            ("http://127.1/", "http://127.1", "/"),
        ] {
            let place = Place::of_url(url).unwrap();
            assert_eq!((&*place.origin(), &*place.target), (origin, target));
        }
        for url in [
            "",
            "ftp://a/",
            "HTTPS://a/",
            "https://",
            "https:///x",
            "https://user@a/",
            "https://user:pw@a/",
            "https://a:0/",
            "https://a:70000/",
            "https://a:+1/",
            "https://a:/",
            "https://a/#b",
            "https://a\\@b/",
            "https://a/\\b",
            "https://a b/",
            "https://ä/",
            "https://a/\r\nhost: b",
            "https://[::1/",
            "https://[::1]x/",
            "https://a%2eb/",
            &format!("https://a/{}", "x".repeat(URL_BYTES)),
        ] {
            assert!(Place::of_url(url).is_err(), "{url}");
        }
        assert_eq!(origin("https://A.org/").as_deref(), Ok("https://a.org"));
        assert!(
            origin("https://a.org/x")
                .unwrap_err()
                .contains("write `https://a.org`")
        );
    }

    fn question(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Question {
        let mut writer = Writer::new();
        writer.text(method).text(url).count(headers.len() as u64);
        for (name, value) in headers {
            writer.text(name).text(value);
        }
        writer.bytes(body);
        Question {
            kind: HostCall::HttpSend,
            occurrence: 0,
            argument: writer.finish(),
        }
    }

    #[test]
    fn what_would_change_the_connection_is_not_sent() {
        let url = "https://a.org/";
        let fetch = Fetch::of(&question("POST", url, &[("X-A", " 1 ")], b"b")).unwrap();
        assert_eq!(fetch.headers, [("x-a".to_owned(), "1".to_owned())]);
        for (method, headers, body) in [
            ("", &[][..], &b""[..]),
            ("GET /", &[], b""),
            ("CONNECT", &[], b""),
            ("GET", &[("Host", "b.org")], b""),
            ("GET", &[("transfer-encoding", "chunked")], b""),
            ("GET", &[("a", "b\r\nc: d")], b""),
            ("GET", &[("a b", "c")], b""),
            ("POST", &[], &vec![0; REQUEST_BYTES + 1]),
        ] {
            assert!(
                Fetch::of(&question(method, url, headers, body)).is_err(),
                "{method} {headers:?}"
            );
        }
    }

    #[test]
    fn a_refusal_names_the_line_to_add() {
        let fetch = Fetch::of(&question("GET", "https://b.org/x", &[], b"")).unwrap();
        let origins = ["https://a.org".to_owned()];
        let failure = fetch.place.permitted(&origins).unwrap_err();
        assert_eq!(failure.code, FailureCode::Denied);
        let hint = failure.hint.as_deref().unwrap();
        assert!(
            hint.contains("`http = [\"https://a.org\", \"https://b.org\"]` below `[capabilities]`"),
            "{hint}"
        );
        assert!(fetch.place.permitted(&["https://b.org".to_owned()]).is_ok());
    }
}
