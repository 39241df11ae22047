//! From a program's answer to an HTTP response.
//!
//! A program decides status, headers, cookies and body. The gateway decides what holds the web together: how the connection
//! works, what caches may keep, and that no program reaches into the origin of another.

use bytes::Bytes;
use cop_runtime::WebAnswer;
use warp::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};

use crate::asked::Asked;
use crate::caching::{self, Rule};
use crate::target::Form;
use crate::{encoding, range};

/// What a page that shares its origin with other programs may do: run scripts and send forms, as nobody.
const SANDBOX: HeaderValue =
    HeaderValue::from_static("sandbox allow-scripts allow-forms allow-popups");

/// Headers that belong to the connection or to the gateway. A program's are dropped.
const NEVER: [&str; 16] = [
    "alt-svc",
    "connection",
    "content-length",
    "date",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-accel-redirect",
    "x-sendfile",
];

/// Headers that would act on the whole origin. Where programs share one, they are dropped.
const ORIGIN_WIDE: [&str; 14] = [
    "accept-ch",
    "clear-site-data",
    "critical-ch",
    "expect-ct",
    "nel",
    "origin-agent-cluster",
    "origin-trial",
    "public-key-pins",
    "report-to",
    "reporting-endpoints",
    "service-worker-allowed",
    "set-login",
    "strict-transport-security",
    "www-authenticate",
];

/// Makes the response to `asked` from a program's answer. Figures of the run are not in it yet.
pub(crate) fn response(asked: &Asked, form: Form, answer: &WebAnswer) -> Response<Bytes> {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut headers = own_headers(answer, form);
    if !form.is_shared() {
        append_cookies(&mut headers, answer);
    }
    let rule = caching::rule(answer, form);
    set_caching(&mut headers, answer, rule);
    set_origin(&mut headers, form);
    let mut body = answer.body.clone();
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        body = Bytes::new();
    } else if body.is_empty() && status.as_u16() >= 400 {
        body = Bytes::from(format!("Error {}", status.as_u16()));
        headers
            .entry(header::CONTENT_TYPE)
            .or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
    }
    finish(asked, status, headers, body)
}

/// The response with these headers and this body, or what a client needs of it that has some of it already.
pub(crate) fn finish(
    asked: &Asked,
    status: StatusCode,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response<Bytes> {
    if encoding::may_change(asked, status, &headers, body.len()) {
        caching::add_vary(&mut headers, "accept-encoding");
    }
    if asked.is_read()
        && status == StatusCode::OK
        && let Some(tag) = current_tag(asked, &headers)
    {
        headers.insert(header::ETAG, tag);
        return not_modified(headers);
    }
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    range::apply(asked, &mut response);
    response
}

/// The program's own headers, without those that are not its own to set. A name or value that HTTP cannot carry is left out:
/// a line break in it would let a program write a second response.
fn own_headers(answer: &WebAnswer, form: Form) -> HeaderMap {
    // With room for ours.
    let mut headers = HeaderMap::with_capacity(answer.headers.len() + 16);
    for (name, value) in &answer.headers {
        let name = name.to_ascii_lowercase();
        let dropped = NEVER.contains(&name.as_str())
            || name.starts_with("cop-")
            || name == "set-cookie"
            || (form.is_shared()
                && (ORIGIN_WIDE.contains(&name.as_str()) || name.starts_with("access-control-")));
        if dropped {
            continue;
        }
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value.as_bytes()),
        ) {
            headers.insert(name, value);
        }
    }
    headers
}

fn append_cookies(headers: &mut HeaderMap, answer: &WebAnswer) {
    let from_headers = answer
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
        .map(|(_, line)| line);
    for line in from_headers.chain(&answer.cookies) {
        if let Ok(value) = HeaderValue::from_bytes(host_only(line).as_bytes()) {
            headers.append(header::SET_COOKIE, value);
        }
    }
}

/// A cookie line without its `Domain` attributes: a cookie for a parent domain would be seen by every other program there.
fn host_only(line: &str) -> String {
    let mut parts = line.split(';');
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let attribute = part.split('=').next().unwrap_or_default().trim();
        if !attribute.eq_ignore_ascii_case("domain") {
            kept.push(';');
            kept.push_str(part);
        }
    }
    kept
}

fn set_caching(headers: &mut HeaderMap, answer: &WebAnswer, rule: Rule) {
    let own = |headers: &HeaderMap, name: HeaderName| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let cache_control =
        caching::cache_control(rule, own(headers, header::CACHE_CONTROL).as_deref());
    let vary = caching::vary(answer, own(headers, header::VARY).as_deref());
    if let Ok(value) = HeaderValue::from_str(&cache_control) {
        headers.insert(header::CACHE_CONTROL, value);
    }
    if let Some(value) = vary.and_then(|vary| HeaderValue::from_str(&vary).ok()) {
        headers.insert(header::VARY, value);
    }
    if rule <= Rule::Revalidate && answer.status == 200 && !headers.contains_key(header::ETAG) {
        if let Ok(value) = HeaderValue::from_str(&caching::etag(answer)) {
            headers.insert(header::ETAG, value);
        }
    } else if rule > Rule::Revalidate {
        headers.remove(header::ETAG);
    }
}

/// Keeps programs apart in browsers.
pub(crate) fn set_origin(headers: &mut HeaderMap, form: Form) {
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if form.is_shared() {
        // Appended: of several policies every one holds, so the program's own can only forbid more.
        headers.append(header::CONTENT_SECURITY_POLICY, SANDBOX);
        open_to_all(headers);
    }
}

/// A sandboxed page is of no origin, so to reach itself it must be let in like anyone.
pub(crate) fn open_to_all(headers: &mut HeaderMap) {
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("*"),
    );
    headers.insert("timing-allow-origin", HeaderValue::from_static("*"));
}

/// The answer to a browser that asks whether a sandboxed page may send a request to itself; `None` if it does not ask that.
pub(crate) fn preflight(asked: &Asked, form: Form) -> Option<Response<Bytes>> {
    let method = asked.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
    if asked.method != Method::OPTIONS || !form.is_shared() {
        return None;
    }
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    set_origin(headers, form);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, method.clone());
    if let Some(names) = asked.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Some(response)
}

/// The tag of what the client has, if that is what it would get.
fn current_tag(asked: &Asked, headers: &HeaderMap) -> Option<HeaderValue> {
    let etag = headers.get(header::ETAG)?.to_str().ok()?;
    let given = asked.headers.get_all(header::IF_NONE_MATCH).iter();
    let tag = given
        .filter_map(|given| caching::matched(given.to_str().ok()?, etag))
        .next()?;
    HeaderValue::from_str(&tag).ok()
}

/// 304 keeps what updates a stored answer and drops what describes a body.
fn not_modified(mut headers: HeaderMap) -> Response<Bytes> {
    for name in [
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_LANGUAGE,
        header::CONTENT_RANGE,
    ] {
        headers.remove(name);
    }
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.headers_mut() = headers;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_stays_with_its_host() {
        for (line, kept) in [
            ("a=1", "a=1"),
            (
                "a=1; Path=/; Domain=localhost; Secure",
                "a=1; Path=/; Secure",
            ),
            ("a=1;DOMAIN = .example.org;HttpOnly", "a=1;HttpOnly"),
            ("domain=1; domain", "domain=1"),
        ] {
            assert_eq!(host_only(line), kept);
        }
    }
}
