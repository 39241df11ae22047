//! Parts of an answer: `Range` and `If-Range`, so that media can be sought in and downloads resumed.
//!
//! Only an answer with an `ETag` has parts: without one, two requests for halves might get halves of different things. One range
//! is served; a request for several is answered whole, as the rules allow.

use bytes::Bytes;
use warp::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use crate::asked::Asked;

/// What a `Range` header asks of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// Everything, or something that we do not serve in parts.
    Whole,
    /// Bytes from `first` to `last`, both included and within the body.
    Part { first: usize, last: usize },
    /// Nothing that the body has.
    Outside,
}

/// Cuts a whole answer down to the part that was asked for.
pub(crate) fn apply(asked: &Asked, response: &mut Response<Bytes>) {
    let has_parts = response.status() == StatusCode::OK
        && asked.is_read()
        && response.headers().contains_key(header::ETAG)
        && !response.headers().contains_key(header::ACCEPT_RANGES);
    if !has_parts {
        return;
    }
    response
        .headers_mut()
        .insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let length = response.body().len();
    let wanted = match asked
        .headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok())
    {
        Some(range)
            if asked.method == Method::GET && is_same(&asked.headers, response.headers()) =>
        {
            read(range, length)
        }
        _ => Wanted::Whole,
    };
    match wanted {
        Wanted::Whole => {}
        Wanted::Part { first, last } => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            *response.body_mut() = response.body().slice(first..=last);
            set_range(
                response.headers_mut(),
                &format!("bytes {first}-{last}/{length}"),
            );
        }
        Wanted::Outside => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            *response.body_mut() = Bytes::new();
            response.headers_mut().remove(header::CONTENT_TYPE);
            set_range(response.headers_mut(), &format!("bytes */{length}"));
        }
    }
}

fn set_range(headers: &mut HeaderMap, range: &str) {
    if let Ok(range) = HeaderValue::from_str(range) {
        headers.insert(header::CONTENT_RANGE, range);
    }
}

/// False if the client has part of something else: `If-Range` names another tag, a weak one, or a date (we send none).
fn is_same(asked: &HeaderMap, answer: &HeaderMap) -> bool {
    let Some(condition) = asked.get(header::IF_RANGE) else {
        return true;
    };
    !condition.as_bytes().starts_with(b"W/") && Some(condition) == answer.get(header::ETAG)
}

fn read(range: &str, length: usize) -> Wanted {
    let Some((first, last)) = range
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return Wanted::Whole;
    };
    let number =
        |text: &str| match text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => None,
            // A number beyond all bodies is beyond this one.
            false => Some(text.parse::<usize>().unwrap_or(usize::MAX)),
        };
    match (number(first.trim()), number(last.trim())) {
        (Some(first), Some(last)) if last < first => Wanted::Whole,
        (Some(first), _)
            if first >= length && (number(last.trim()).is_some() || last.trim().is_empty()) =>
        {
            Wanted::Outside
        }
        (Some(first), Some(last)) => Wanted::Part {
            first,
            last: last.min(length - 1),
        },
        (Some(first), None) if last.trim().is_empty() => Wanted::Part {
            first,
            last: length - 1,
        },
        // The last so many bytes.
        (None, Some(count)) if first.trim().is_empty() => match count.min(length) {
            0 => Wanted::Outside,
            count => Wanted::Part {
                first: length - count,
                last: length - 1,
            },
        },
        _ => Wanted::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_read() {
        let part = |first, last| Wanted::Part { first, last };
        for (range, length, expected) in [
            ("bytes=0-0", 10, part(0, 0)),
            ("bytes=2-4", 10, part(2, 4)),
            ("bytes=2-", 10, part(2, 9)),
            ("bytes=2-999999999999999999999999", 10, part(2, 9)),
            ("bytes=-3", 10, part(7, 9)),
            ("bytes=-30", 10, part(0, 9)),
            ("bytes=10-", 10, Wanted::Outside),
            ("bytes=10-20", 10, Wanted::Outside),
            ("bytes=-0", 10, Wanted::Outside),
            ("bytes=0-", 0, Wanted::Outside),
            ("bytes=-5", 0, Wanted::Outside),
            ("bytes=4-2", 10, Wanted::Whole),
            ("bytes=0-1,3-4", 10, Wanted::Whole),
            ("bytes=99-1,3-4", 10, Wanted::Whole),
            ("bytes=-", 10, Wanted::Whole),
            ("bytes=a-b", 10, Wanted::Whole),
            ("lines=1-2", 10, Wanted::Whole),
            ("", 10, Wanted::Whole),
        ] {
            assert_eq!(read(range, length), expected, "{range} of {length}");
        }
    }
}
