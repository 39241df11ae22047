//! `request`: what a program is told of an HTTP request, so that two gateways answer the same bytes alike.
//!
//! Each question is one function from the bytes of the request to a canonical answer; the gateway only hands over bytes.
//!
//! | question | answer |
//! |---|---|
//! | method | upper case; `HEAD` is asked as `GET` |
//! | path | after the program's prefix; dot segments removed, `%XX` of unreserved characters decoded, others in upper case |
//! | `query`, `query_all` | pairs cut at `&` and the first `=`, `+` as space, both sides percent-decoded |
//! | `header` | values trimmed, joined by `, ` (`cookie`: `; `); bytes above 0x7e make it `None` |
//! | `cookie` | first of that name |
//! | `text`, `body` | the body; `text` is `None` unless UTF-8 |
//!
//! A request that has no canonical form is refused before any run ([`RequestView::new`]).

use bytes::Bytes;

use crate::answer::WebRequest;
use crate::codec::{Reader, Writer};
use crate::host::HostCall;

/// Headers that belong to a connection, to the transfer of the body, or to proxies on the way, and those that ask the node for a
/// receipt: no program sees them. So are those that begin with `x-forwarded-`, and those that the `connection` header names.
const HIDDEN_HEADERS: [&str; 20] = [
    "connection",
    "content-length",
    "cop-nonce",
    "cop-salt",
    "cop-verify",
    "expect",
    "forwarded",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "true-client-ip",
    "upgrade",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-real-ip",
];
const FORWARDED_PREFIX: &str = "x-forwarded-";

/// Why a request has no canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRequest(pub String);

/// A request, ready for questions.
#[derive(Clone, Debug)]
pub struct RequestView {
    method: String,
    path: String,
    /// The answer of `request.start`, with which every run begins.
    start: Vec<u8>,
    query: Vec<u8>,
    /// Names in lower case, values as sent, without the hidden ones.
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
    cookies_visible: bool,
}

impl RequestView {
    /// Checks what must be right of every request.
    pub fn new(request: &WebRequest) -> Result<RequestView, BadRequest> {
        let cut = request.target.iter().position(|&byte| byte == b'?');
        let (path, query) = match cut {
            Some(cut) => (&request.target[..cut], &request.target[cut + 1..]),
            None => (&request.target[..], &[][..]),
        };
        let path = canonical_path(path)?;
        check_segments(&path)?;
        let method = canonical_method(&request.method)?;
        let mut start = Writer::new();
        start.text(&method).text(&path);
        Ok(RequestView {
            method,
            path,
            start: start.finish(),
            query: query.to_vec(),
            headers: visible_headers(&request.headers),
            body: request.body.clone(),
            cookies_visible: request.cookies_visible,
        })
    }

    /// The canonical method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The canonical path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The canonical answer of a question of this interface; `None` if its argument is not one.
    pub fn answer(&self, call: HostCall, argument: &[u8]) -> Option<Vec<u8>> {
        if call == HostCall::RequestStart {
            return Some(self.start.clone());
        }
        let mut reader = Reader::new(argument);
        let mut name = || {
            let name = reader.text().ok()?;
            reader.end().ok()?;
            Some(name)
        };
        let mut answer = Writer::new();
        match call {
            HostCall::RequestHeader => answer.optional_text(self.header(name()?).as_deref()),
            HostCall::RequestCookie => answer.optional_text(self.cookie(name()?).as_deref()),
            HostCall::RequestQuery => answer.optional_text(self.query(name()?).as_deref()),
            HostCall::RequestQueryAll => answer.texts(&self.query_all(name()?)),
            HostCall::RequestText => answer.optional_text(std::str::from_utf8(&self.body).ok()),
            HostCall::RequestBody => answer.bytes(&self.body),
            _ => return None,
        };
        Some(answer.finish())
    }

    /// The values of a header, in one text.
    pub fn header(&self, name: &str) -> Option<String> {
        let name = name.to_ascii_lowercase();
        if name == "cookie" && !self.cookies_visible {
            return None;
        }
        let mut values = self
            .headers
            .iter()
            .filter(|(other, _)| *other == name)
            .map(|(_, value)| canonical_value(value))
            .peekable();
        values.peek()?;
        let values: Option<Vec<&str>> = values.collect();
        Some(values?.join(if name == "cookie" { "; " } else { ", " }))
    }

    /// The first cookie of a name.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let all = self.header("cookie")?;
        all.split(';')
            .filter_map(|pair| pair.trim_matches([' ', '\t']).split_once('='))
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value.to_owned())
    }

    /// The first value of a query parameter; `None` also if it is not UTF-8.
    pub fn query(&self, name: &str) -> Option<String> {
        let value = self.query_values(name).next()?;
        String::from_utf8(value).ok()
    }

    /// All values of a query parameter that are UTF-8, in order.
    pub fn query_all(&self, name: &str) -> Vec<String> {
        self.query_values(name)
            .filter_map(|value| String::from_utf8(value).ok())
            .collect()
    }

    fn query_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Vec<u8>> + 'a {
        self.query
            .split(|&byte| byte == b'&')
            .filter(|pair| !pair.is_empty())
            .filter_map(move |pair| {
                let cut = pair.iter().position(|&byte| byte == b'=');
                let (key, value) = match cut {
                    Some(cut) => (&pair[..cut], &pair[cut + 1..]),
                    None => (pair, &[][..]),
                };
                (form_decoded(key) == name.as_bytes()).then(|| form_decoded(value))
            })
    }
}

/// The method in upper case, with `HEAD` as `GET`: a program never knows whether its body is dropped.
pub fn canonical_method(method: &[u8]) -> Result<String, BadRequest> {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    match std::str::from_utf8(method) {
        Ok(text) if !text.is_empty() && method.iter().all(is_token) => {
            Ok(match text.to_ascii_uppercase() {
                head if head == "HEAD" => "GET".to_owned(),
                other => other,
            })
        }
        _ => Err(BadRequest(
            "the method of the request is not a word".to_owned(),
        )),
    }
}

/// The path in its one spelling. It begins with `/`; characters that may stand for themselves do, all others are `%XX`; parts `.`
/// and `..` are gone, however they were written.
pub fn canonical_path(path: &[u8]) -> Result<String, BadRequest> {
    let mut text = String::with_capacity(path.len() + 1);
    if path.first() != Some(&b'/') {
        text.push('/');
    }
    let mut rest = path;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'%' => {
                let decoded = hex_pair(rest).ok_or_else(|| {
                    BadRequest("the path has a `%` without two hexadecimal digits".to_owned())
                })?;
                rest = &rest[2..];
                push_escaped(&mut text, decoded, is_unreserved(decoded));
            }
            _ => push_escaped(&mut text, byte, is_path_character(byte)),
        }
    }
    Ok(without_dot_segments(&text))
}

fn push_escaped(text: &mut String, byte: u8, as_itself: bool) {
    if as_itself {
        text.push(char::from(byte));
    } else {
        text.push_str(&format!("%{byte:02X}"));
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn is_path_character(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@/".contains(&byte)
}

/// As in RFC 3986, section 5.2.4. The path begins with `/`.
fn without_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut parts = path[1..].split('/').peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        match part {
            "." | ".." => {
                if part == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            _ => kept.push(part),
        }
    }
    format!("/{}", kept.join("/"))
}

/// Every part of a canonical path must decode to text without control characters and without another `/`, since programs are
/// given its parts decoded.
fn check_segments(path: &str) -> Result<(), BadRequest> {
    for part in path.split('/') {
        let decoded = percent_decoded(part.as_bytes());
        let text = std::str::from_utf8(&decoded)
            .map_err(|_| BadRequest(format!("the part {part:?} of the path is not UTF-8")))?;
        let is_control = |c: char| matches!(c, '\0'..='\x1f' | '\x7f'..='\u{9f}');
        if text.contains(|c: char| c == '/' || is_control(c)) {
            return Err(BadRequest(format!(
                "the part {part:?} of the path stands for a control character or a `/`"
            )));
        }
    }
    Ok(())
}

/// Decodes every `%XX`; a `%` without two hexadecimal digits stands for itself.
fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match hex_pair(after) {
            Some(value) if byte == b'%' => {
                decoded.push(value);
                rest = &after[2..];
            }
            _ => decoded.push(byte),
        }
    }
    decoded
}

fn form_decoded(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text
        .iter()
        .map(|&byte| if byte == b'+' { b' ' } else { byte })
        .collect();
    percent_decoded(&spaced)
}

fn hex_pair(text: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    match text {
        [high, low, ..] => Some((digit(*high)? * 16 + digit(*low)?) as u8),
        _ => None,
    }
}

fn visible_headers(headers: &[(Vec<u8>, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let lowered = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let named: Vec<String> = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(b"connection"))
        .flat_map(|(_, value)| value.split(|&byte| byte == b','))
        .map(|name| lowered(name.trim_ascii()))
        .collect();
    headers
        .iter()
        .map(|(name, value)| (lowered(name), value))
        .filter(|(name, _)| {
            !HIDDEN_HEADERS.contains(&name.as_str())
                && !name.starts_with(FORWARDED_PREFIX)
                && !named.contains(name)
        })
        .map(|(name, value)| (name, value.clone()))
        .collect()
}

/// One value without the blanks around it; `None` if it has a byte that is not printable ASCII or a tab.
fn canonical_value(value: &[u8]) -> Option<&str> {
    let trimmed = value.trim_ascii();
    let allowed = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t');
    if !trimmed.iter().all(allowed) {
        return None;
    }
    std::str::from_utf8(trimmed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(target: &str, headers: &[(&str, &[u8])]) -> RequestView {
        let mut request = WebRequest::get(target);
        request.headers = headers
            .iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()))
            .collect();
        RequestView::new(&request).unwrap()
    }

    #[test]
    fn paths_have_one_spelling() {
        let check = |path: &str, expected: &str| {
            let canonical = canonical_path(path.as_bytes()).unwrap();
            assert_eq!(canonical, expected);
            assert_eq!(
                canonical_path(canonical.as_bytes()).unwrap(),
                expected,
                "twice"
            );
        };
        check("", "/");
        check("/", "/");
        check("x", "/x");
        check("*", "/*");
        check("/a/./b/../c", "/a/c");
        check("/..", "/");
        check("/../../a", "/a");
        check("/a/..", "/");
        check("/a/b/..", "/a/");
        check("/a/.", "/a/");
        check("/a/%2e%2E/b", "/b");
        check("/a//b/", "/a//b/");
        check("/%7euser/%41", "/~user/A");
        check("/a%2fb%c3%a9", "/a%2Fb%C3%A9");
        check("/é \"<", "/%C3%A9%20%22%3C");
        check("/a:b@c;d=e,f", "/a:b@c;d=e,f");
        for bad in ["/%", "/%4", "/%zz", "/a%2"] {
            assert!(canonical_path(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn segments_that_no_program_could_be_given_are_refused() {
        let refused = |target: &[u8]| {
            let mut request = WebRequest::get("/");
            request.target = target.to_vec();
            RequestView::new(&request).is_err()
        };
        assert!(refused(b"/%ff"));
        assert!(refused(b"/\xff"));
        assert!(refused(b"/a%2Fb"));
        assert!(refused(b"/a%00"));
        assert!(refused(b"/a%0d%0ab"));
        assert!(refused(b"/%c2%85"));
        assert!(refused(b"/%"));
        assert!(!refused(b"/%c3%a9?%ff"));
    }

    #[test]
    fn methods_are_words() {
        assert_eq!(canonical_method(b"get").unwrap(), "GET");
        assert_eq!(canonical_method(b"Head").unwrap(), "GET");
        assert_eq!(canonical_method(b"purge").unwrap(), "PURGE");
        for bad in [&b""[..], b"A B", b"G\xffT", b"GET\n"] {
            assert!(canonical_method(bad).is_err());
        }
    }

    #[test]
    fn queries() {
        let request = view(
            "/?a=1&b=%41+%2B&a=2&c&=d&e=%zz%&f=%ff&f=x&g=h=i&&%61=3&+k=v",
            &[],
        );
        let one = |name: &str| request.query(name);
        assert_eq!(one("a").as_deref(), Some("1"));
        assert_eq!(one("b").as_deref(), Some("A +"));
        assert_eq!(one("c").as_deref(), Some(""));
        assert_eq!(one("").as_deref(), Some("d"));
        assert_eq!(one("e").as_deref(), Some("%zz%"));
        assert_eq!(one("f"), None);
        assert_eq!(one("g").as_deref(), Some("h=i"));
        assert_eq!(one(" k").as_deref(), Some("v"));
        assert_eq!(one("x"), None);
        assert_eq!(request.query_all("a"), ["1", "2", "3"]);
        assert_eq!(request.query_all("f"), ["x"]);
        assert_eq!(view("/", &[]).query("a"), None);
        assert_eq!(view("/?", &[]).query(""), None);
        assert_eq!(view("/?a?b=c", &[]).query("a?b").as_deref(), Some("c"));
    }

    #[test]
    fn headers() {
        let request = view(
            "/",
            &[
                ("Accept", b" text/html "),
                ("accept", b"x/y\t"),
                ("X-Bytes", b"\xe9"),
                ("X-Empty", b""),
                ("Connection", b"close, X-Hop"),
                ("X-Hop", b"1"),
                ("X-Forwarded-For", b"1.2.3.4"),
                ("Forwarded", b"for=1"),
                ("Transfer-Encoding", b"chunked"),
                ("Content-Length", b"3"),
                ("Host", b"here"),
            ],
        );
        assert_eq!(request.header("ACCEPT").as_deref(), Some("text/html, x/y"));
        assert_eq!(request.header("x-bytes"), None);
        assert_eq!(request.header("x-empty").as_deref(), Some(""));
        assert_eq!(request.header("host").as_deref(), Some("here"));
        for hidden in [
            "connection",
            "x-hop",
            "x-forwarded-for",
            "forwarded",
            "transfer-encoding",
            "content-length",
            "absent",
        ] {
            assert_eq!(request.header(hidden), None, "{hidden}");
        }
    }

    #[test]
    fn cookies() {
        let request = view(
            "/",
            &[("Cookie", b"a=1; b=2;c = 3"), ("cookie", b"a=4; d=e=f")],
        );
        assert_eq!(
            request.header("cookie").as_deref(),
            Some("a=1; b=2;c = 3; a=4; d=e=f")
        );
        assert_eq!(request.cookie("a").as_deref(), Some("1"));
        assert_eq!(request.cookie("b").as_deref(), Some("2"));
        assert_eq!(request.cookie("c "), Some(" 3".to_owned()));
        assert_eq!(request.cookie("d").as_deref(), Some("e=f"));
        assert_eq!(request.cookie("A"), None);

        let mut hidden = WebRequest::get("/");
        hidden.headers = vec![(b"Cookie".to_vec(), b"a=1".to_vec())];
        hidden.cookies_visible = false;
        let hidden = RequestView::new(&hidden).unwrap();
        assert_eq!((hidden.cookie("a"), hidden.header("cookie")), (None, None));
    }

    #[test]
    fn answers_are_canonical_leaves() {
        let mut request = WebRequest::get("/p?q=1");
        request.method = b"HEAD".to_vec();
        request.body = Bytes::from_static(b"\xffbody");
        let request = RequestView::new(&request).unwrap();
        let answer = |call, argument: &[u8]| request.answer(call, argument);
        assert_eq!(
            answer(HostCall::RequestStart, b""),
            Some(b"\x03GET\x02/p".to_vec())
        );
        assert_eq!(
            answer(HostCall::RequestQuery, b"\x01q"),
            Some(b"\x01\x011".to_vec())
        );
        assert_eq!(
            answer(HostCall::RequestQueryAll, b"\x01q"),
            Some(b"\x01\x011".to_vec())
        );
        assert_eq!(answer(HostCall::RequestText, b""), Some(vec![0]));
        assert_eq!(
            answer(HostCall::RequestBody, b""),
            Some(b"\x05\xffbody".to_vec())
        );
        assert_eq!(answer(HostCall::RequestQuery, b"q"), None);
        assert_eq!(answer(HostCall::RequestQuery, b"\x01qx"), None);
        assert_eq!(answer(HostCall::KvGet, b"\x01q"), None);
    }
}
