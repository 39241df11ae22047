//! Compressing answers on their way out.
//!
//! Only what is the same for everyone is compressed: an answer that mixes a secret with text of the client's choosing would give
//! the secret away by its length. Such an answer has an `ETag`, so what came of compressing it is kept under that and not done
//! again. Clients on this machine get answers as they are, since there is no wire to save.

use std::collections::{HashMap, VecDeque};
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use warp::http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use crate::asked::Asked;
use crate::caching;

/// Smaller bodies fit into one packet anyway.
const SMALLEST: usize = 1024;
/// Larger bodies are compressed on a thread that may be busy for a while.
const INLINE: usize = 32 * 1024;
/// A good part of the gain for little time.
const GZIP_LEVEL: u32 = 5;
/// About as fast as that, and smaller.
const BROTLI_LEVEL: u32 = 5;
/// Base-2 logarithm of how far back brotli looks: all of most pages.
const BROTLI_WINDOW: u32 = 20;
/// Memory for compressed bodies, in bytes.
const KEPT_BYTES: usize = 16 << 20;
/// Larger ones are made each time.
const KEPT_BYTES_EACH: usize = 1 << 20;

/// A way of compressing that clients may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Coding {
    Brotli,
    Gzip,
}

impl Coding {
    /// The better first.
    pub(crate) const ALL: [Coding; 2] = [Coding::Brotli, Coding::Gzip];

    /// As `Accept-Encoding` and `Content-Encoding` have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Gzip => "gzip",
        }
    }

    fn compress(self, body: &[u8]) -> Option<Bytes> {
        let room = Vec::with_capacity(body.len() / 3);
        match self {
            Coding::Gzip => {
                let mut encoder = GzEncoder::new(room, Compression::new(GZIP_LEVEL));
                encoder.write_all(body).ok()?;
                encoder.finish().ok().map(Bytes::from)
            }
            Coding::Brotli => {
                let mut encoder =
                    brotli::CompressorWriter::new(room, 4096, BROTLI_LEVEL, BROTLI_WINDOW);
                encoder.write_all(body).ok()?;
                Some(Bytes::from(encoder.into_inner()))
            }
        }
    }
}

/// Compressed bodies by the tag of the answer as it is sent; the oldest goes first.
#[derive(Debug, Default)]
pub(crate) struct Compressed(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    bodies: HashMap<HeaderValue, Bytes>,
    order: VecDeque<HeaderValue>,
    bytes: usize,
}

impl Compressed {
    fn get(&self, tag: &HeaderValue) -> Option<Bytes> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bodies.get(tag).cloned()
    }

    fn keep(&self, tag: &HeaderValue, body: &Bytes) {
        if body.len() > KEPT_BYTES_EACH {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.bodies.insert(tag.clone(), body.clone()).is_none() {
            kept.order.push_back(tag.clone());
            kept.bytes += tag.len() + body.len();
        }
        while kept.bytes > KEPT_BYTES {
            let Some(oldest) = kept.order.pop_front() else {
                break;
            };
            if let Some(body) = kept.bodies.remove(&oldest) {
                kept.bytes -= oldest.len() + body.len();
            }
        }
    }
}

/// Compresses an answer if that is of use and the client takes it.
pub(crate) async fn apply(
    asked: &Asked,
    mut response: Response<Bytes>,
    compressed: &Compressed,
) -> Response<Bytes> {
    let accept = asked
        .headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|accept| accept.to_str().ok());
    let Some(coding) = accept.and_then(chosen) else {
        return response;
    };
    if asked.headers.contains_key(header::RANGE)
        || !may_change(
            asked,
            response.status(),
            response.headers(),
            response.body().len(),
        )
    {
        return response;
    }
    let Some(tag) = coded_tag(response.headers(), coding) else {
        return response;
    };
    let body = response.body().clone();
    let shorter = match compressed.get(&tag) {
        Some(known) => Some(known),
        None => {
            let made = match body.len() > INLINE {
                true => tokio::task::spawn_blocking(move || coding.compress(&body))
                    .await
                    .ok()
                    .flatten(),
                false => coding.compress(&body),
            };
            // What does not get shorter is remembered too, as what it is.
            let made = made.map(|made| match made.len() < response.body().len() {
                true => made,
                false => Bytes::new(),
            });
            if let Some(made) = &made {
                compressed.keep(&tag, made);
            }
            made
        }
    };
    if let Some(shorter) = shorter.filter(|shorter| !shorter.is_empty()) {
        *response.body_mut() = shorter;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_ENCODING,
            HeaderValue::from_static(coding.name()),
        );
        // Parts are parts of the plain answer.
        headers.remove(header::ACCEPT_RANGES);
        // Another sequence of bytes has another tag.
        headers.insert(header::ETAG, tag);
    }
    response
}

fn coded_tag(headers: &HeaderMap, coding: Coding) -> Option<HeaderValue> {
    let tag = headers.get(header::ETAG)?.to_str().ok()?;
    HeaderValue::from_str(&caching::coded_tag(tag, coding)).ok()
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
            "application/json"
                | "application/javascript"
                | "application/xml"
                | "application/wasm"
                | "font/ttf"
                | "font/otf"
                | "image/bmp"
                | "image/x-icon"
        )
}

/// The coding that an `Accept-Encoding` gives the most weight; of equal ones the better, and none with weight 0.
fn chosen(accept: &str) -> Option<Coding> {
    let mut weights: [Option<f32>; 2] = [None; 2];
    let mut any = None;
    for part in accept.split(',') {
        let mut words = part.split(';').map(str::trim);
        let name = words.next().unwrap_or_default().to_ascii_lowercase();
        let weight: f32 = words
            .filter_map(|word| word.strip_prefix("q="))
            .find_map(|weight| weight.parse().ok())
            .unwrap_or(1.0);
        match name.as_str() {
            "br" => weights[0] = Some(weight),
            "gzip" | "x-gzip" => weights[1] = Some(weight),
            "*" => any = Some(weight),
            _ => {}
        }
    }
    let [brotli, gzip] = weights.map(|weight| weight.or(any).unwrap_or(0.0));
    match (brotli > 0.0, gzip > 0.0) {
        (true, _) if brotli >= gzip => Some(Coding::Brotli),
        (_, true) => Some(Coding::Gzip),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_encoding_is_read() {
        let (brotli, gzip) = (Some(Coding::Brotli), Some(Coding::Gzip));
        for (accept, expected) in [
            ("gzip, deflate, br", brotli),
            ("gzip, deflate", gzip),
            ("br;q=0.5, gzip", gzip),
            ("br;q=0, gzip;q=0.1", gzip),
            ("*", brotli),
            ("br;q=0, *", gzip),
            ("gzip;q=0, *", brotli),
            ("gzip;q=0, *;q=0", None),
            ("identity", None),
            ("", None),
        ] {
            assert_eq!(chosen(accept), expected, "{accept}");
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

    #[test]
    fn both_codings_give_back_what_they_were_given() {
        use std::io::Read;
        let body = "a page with words, and again a page with words\n".repeat(99);
        let [brotli, gzip] =
            Coding::ALL.map(|coding| coding.compress(body.as_bytes()).expect("compressed"));
        let mut text = String::new();
        flate2::read::GzDecoder::new(&gzip[..])
            .read_to_string(&mut text)
            .expect("gzip");
        assert_eq!(text, body);
        let mut text = String::new();
        brotli::Decompressor::new(&brotli[..], 4096)
            .read_to_string(&mut text)
            .expect("brotli");
        assert_eq!(text, body);
        assert!(brotli.len() < 200 && gzip.len() < 200);
    }

    #[test]
    fn the_oldest_makes_room() {
        let compressed = Compressed::default();
        let body = Bytes::from(vec![0; KEPT_BYTES_EACH]);
        let tags: Vec<HeaderValue> = (0..20u32).map(HeaderValue::from).collect();
        for tag in &tags {
            compressed.keep(tag, &body);
            compressed.keep(tag, &body);
        }
        let kept = tags
            .iter()
            .filter(|tag| compressed.get(tag).is_some())
            .count();
        assert_eq!(kept, 15);
        assert!(compressed.get(&tags[19]).is_some());
        compressed.keep(
            &HeaderValue::from_static("large"),
            &Bytes::from(vec![0; KEPT_BYTES_EACH + 1]),
        );
        assert!(compressed.get(&HeaderValue::from_static("large")).is_none());
    }
}
