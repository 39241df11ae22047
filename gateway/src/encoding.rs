//! Compressing answers on their way out.
//!
//! Only what is the same for everyone is compressed: an answer that mixes a secret with text of the client's choosing would give
//! the secret away by its length. Clients on this machine get answers as they are, since there is no wire to save.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use warp::http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use crate::asked::Asked;
use crate::caching;

/// Smaller bodies fit into one packet anyway.
const SMALLEST: usize = 1024;
/// Larger bodies are compressed on a thread that may be busy for a while.
const INLINE: usize = 64 * 1024;
/// A good part of the gain for little time.
const LEVEL: u32 = 5;

/// Compresses an answer if that is of use and the client takes it.
pub(crate) async fn apply(asked: &Asked, mut response: Response<Bytes>) -> Response<Bytes> {
    let accept = asked
        .headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|accept| accept.to_str().ok());
    let wanted = accept.is_some_and(takes_gzip) && !asked.headers.contains_key(header::RANGE);
    if !wanted
        || !may_change(
            asked,
            response.status(),
            response.headers(),
            response.body().len(),
        )
    {
        return response;
    }
    let body = response.body().clone();
    let compressed = match body.len() > INLINE {
        true => tokio::task::spawn_blocking(move || gzip(&body))
            .await
            .ok()
            .flatten(),
        false => gzip(&body),
    };
    if let Some(compressed) =
        compressed.filter(|compressed| compressed.len() < response.body().len())
    {
        *response.body_mut() = compressed;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        // Parts are parts of the plain answer.
        headers.remove(header::ACCEPT_RANGES);
        mark_tag(headers);
    }
    response
}

/// Another sequence of bytes has another tag.
fn mark_tag(headers: &mut HeaderMap) {
    let marked = headers
        .get(header::ETAG)
        .and_then(|tag| tag.to_str().ok())
        .map(caching::gzip_tag);
    if let Some(tag) = marked.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        headers.insert(header::ETAG, tag);
    }
}

/// Whether an answer of this kind would be compressed for a client that takes it.
pub(crate) fn may_change(
    asked: &Asked,
    status: StatusCode,
    headers: &HeaderMap,
    length: usize,
) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    status == StatusCode::OK
        && length >= SMALLEST
        && !asked.is_local()
        // Only what is the same for everyone has a tag.
        && headers.contains_key(header::ETAG)
        && !headers.contains_key(header::CONTENT_ENCODING)
        && kind.is_some_and(is_text)
}

/// Media types that shrink. Images, sound and archives are compressed already.
fn is_text(kind: &str) -> bool {
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    kind.starts_with("text/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || matches!(
            kind.as_str(),
            "application/json" | "application/javascript" | "application/xml" | "application/wasm"
        )
}

/// Whether an `Accept-Encoding` names gzip, or anything, with a weight above 0.
fn takes_gzip(accept: &str) -> bool {
    let mut any = false;
    for part in accept.split(',') {
        let mut words = part.split(';').map(str::trim);
        let name = words.next().unwrap_or_default().to_ascii_lowercase();
        let weight: f32 = words
            .filter_map(|word| word.strip_prefix("q="))
            .find_map(|weight| weight.parse().ok())
            .unwrap_or(1.0);
        match name.as_str() {
            "gzip" | "x-gzip" => return weight > 0.0,
            "*" => any = weight > 0.0,
            _ => {}
        }
    }
    any
}

fn gzip(body: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 3), Compression::new(LEVEL));
    encoder.write_all(body).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_encoding_is_read() {
        for (accept, takes) in [
            ("gzip, deflate, br", true),
            ("br", false),
            ("*", true),
            ("gzip;q=0, *", false),
            ("*;q=0.1, br", true),
            ("identity", false),
            ("", false),
        ] {
            assert_eq!(takes_gzip(accept), takes, "{accept}");
        }
    }

    #[test]
    fn text_is_worth_it() {
        for (kind, text) in [
            ("text/html; charset=utf-8", true),
            ("application/JSON", true),
            ("image/svg+xml", true),
            ("image/png", false),
        ] {
            assert_eq!(is_text(kind), text, "{kind}");
        }
    }
}
