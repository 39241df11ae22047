//! The one place where a failure becomes a reply.
//!
//! Programs and tools get RFC 9457 problem JSON, browsers a page; both say the code, what happened, what was tried, what to
//! change, and the run, if there was one.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use cop_runtime::{Failure, FailureCode};
use serde::Serialize;
use warp::Rejection;
use warp::http::{HeaderValue, Response, StatusCode, header};

use crate::live::Live;
use crate::target::RESERVED;
use crate::{answer, figures, page, refusal};

/// Who reads a reply, and where.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reader {
    /// A page is wanted rather than JSON.
    pub(crate) page: bool,
    /// The reader is on this machine.
    pub(crate) local: bool,
    /// The reply comes from an origin that programs share.
    pub(crate) shared: bool,
    /// This node, as its answers name it.
    pub(crate) node: String,
    /// The program that is being written here.
    pub(crate) live: Option<Arc<Live>>,
}

/// The body of a reply in JSON. `type`, `title`, `status` and `detail` are those of RFC 9457.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tried: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    trap: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trap_message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trap_place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_s: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
}

/// A failure on its way through the filters to [`recover`].
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) failure: Failure,
    pub(crate) reader: Reader,
}

impl warp::reject::Reject for Refused {}

/// Makes every rejection of a filter a reply.
pub(crate) async fn recover(rejection: Rejection) -> Result<Response<Bytes>, Infallible> {
    Ok(match rejection.find::<Refused>() {
        Some(refused) => failure(&refused.failure, &refused.reader),
        // Warp's own rejections: no route of ours has this path, or not with this method.
        None if rejection.is_not_found() => failure(&refusal::no_such_route(), &Reader::default()),
        None => failure(&refusal::wrong_method(), &Reader::default()),
    })
}

/// The reply to a request that failed.
pub(crate) fn failure(failure: &Failure, reader: &Reader) -> Response<Bytes> {
    let status = status(failure.code);
    let mut response = if reader.page {
        let excerpt = |file: &str, line, column| reader.live.as_ref()?.excerpt(file, line, column);
        let mut response = page::response(status, page::problem(failure, reader.local, &excerpt));
        if let Some(live) = &reader.live {
            live.add_script_to_own(&mut response);
        }
        response
    } else {
        let mut response = Response::new(problem(failure, reader.local));
        *response.status_mut() = status;
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if let Some(seconds) = failure.retry_after_s {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if reader.shared {
        answer::open_to_all(headers);
    }
    if let Some(info) = &failure.info {
        figures::set_headers(headers, info, &reader.node, reader.local);
    } else if let Some(run) = failure
        .run
        .and_then(|run| HeaderValue::from_str(&run.to_string()).ok())
    {
        headers.insert("cop-run", run);
    }
    response
}

/// A failure as the bytes of a whole answer, for a connection on which no request could be read.
pub(crate) fn without_request(failure: &Failure) -> Vec<u8> {
    let response = self::failure(failure, &Reader::default());
    let mut bytes = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(
        format!(
            "content-length: {}\r\nconnection: close\r\n\r\n",
            response.body().len()
        )
        .as_bytes(),
    );
    bytes.extend_from_slice(response.body());
    bytes
}

fn status(code: FailureCode) -> StatusCode {
    StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn problem(failure: &Failure, local: bool) -> Bytes {
    let trap = failure.trap.as_ref();
    let place = trap.and_then(|trap| {
        Some(format!(
            "{}:{}:{}",
            trap.file.as_ref()?,
            trap.line?,
            trap.column?
        ))
    });
    let problem = Problem {
        r#type: format!("{RESERVED}failures#{}", failure.code),
        title: &failure.title,
        status: failure.code.http_status(),
        detail: &failure.detail,
        code: failure.code.code(),
        hint: failure.hint.as_deref(),
        tried: &failure.tried,
        trap: trap.map(|trap| trap.name.as_str()),
        trap_message: trap.filter(|_| local).map(|trap| trap.message.as_str()),
        trap_place: place.filter(|_| local),
        retry_after_s: failure.retry_after_s,
        run: failure.run.map(|run| run.to_string()),
    };
    json(&problem)
}

/// A value as JSON. Ours have only text keys and no own serializers, so this cannot fail.
pub(crate) fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value)
        .map(Bytes::from)
        .unwrap_or_else(|_| Bytes::from_static(b"null"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_status_in_both_forms() {
        for code in FailureCode::ALL {
            let failed = Failure::new(*code, "a <title>", "a detail")
                .hint("a hint")
                .tried("somewhere");
            for page in [false, true] {
                let response = failure(
                    &failed,
                    &Reader {
                        page,
                        ..Reader::default()
                    },
                );
                assert_eq!(response.status().as_u16(), code.http_status(), "{code}");
                assert_eq!(response.headers()["x-content-type-options"], "nosniff");
                assert_eq!(response.headers()["cache-control"], "no-store");
                let body = String::from_utf8_lossy(response.body()).into_owned();
                assert!(
                    body.contains(code.code()) && body.contains("somewhere"),
                    "{code}: {body}"
                );
                assert_eq!(body.contains("<title>a &lt;title&gt;</title>"), page);
            }
        }
    }

    #[test]
    fn an_answer_without_a_request_is_whole() {
        let failed = Failure::new(FailureCode::Overloaded, "full", "no room");
        let text = String::from_utf8(without_request(&failed)).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(
            head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
            "{head}"
        );
        assert!(
            head.contains("\r\nretry-after: 1\r\n") && head.ends_with("connection: close"),
            "{head}"
        );
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
    }
}
