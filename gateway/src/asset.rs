//! Files of a program, served without running it: below `/assets/`, what the folder `assets` beside its source holds.

use cop_runtime::{Asset, Failure};
use percent_encoding::percent_decode_str;
use warp::http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use bytes::Bytes;

use crate::answer;
use crate::asked::Asked;
use crate::gateway::Gateway;
use crate::target::{Form, ProgramTarget};

/// What the paths of assets begin with.
const PREFIX: &str = "/assets/";

/// The file that a request is for; `None` if that is for the program to answer.
pub(crate) async fn find(
    asked: &Asked,
    target: &ProgramTarget,
    gateway: &Gateway,
) -> Result<Option<Asset>, Failure> {
    let path = target.path.strip_prefix(PREFIX).filter(|_| asked.is_read());
    let Some(path) = path.and_then(|path| percent_decode_str(path).decode_utf8().ok()) else {
        return Ok(None);
    };
    gateway.communication.asset(&target.program, &path).await
}

/// The response with a file.
pub(crate) fn response(asked: &Asked, target: &ProgramTarget, asset: Asset) -> Response<Bytes> {
    let mut headers = HeaderMap::new();
    let mut set = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, &kind(&target.path));
    // Of five bits each.
    let hash = asset.hash.to_string();
    set(header::ETAG, &format!("\"{}\"", &hash[..26]));
    // The same URL by name may be another file in the next release; by hash it never is.
    set(
        header::CACHE_CONTROL,
        match target.form {
            Form::Pinned => "public, max-age=31536000, immutable",
            Form::Host | Form::Path => "public, no-cache",
        },
    );
    answer::set_origin(&mut headers, target.form);
    answer::finish(asked, StatusCode::OK, headers, asset.content)
}

/// The media type of a file, by the end of its name; text is UTF-8.
fn kind(path: &str) -> String {
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let is_text = kind.type_() == mime_guess::mime::TEXT
        || matches!(kind.subtype().as_str(), "javascript" | "json");
    match is_text && kind.get_param("charset").is_none() {
        true => format!("{kind}; charset=utf-8"),
        false => kind.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_name_says_what_a_file_is() {
        for (path, expected) in [
            ("/assets/a.css", "text/css; charset=utf-8"),
            ("/assets/a.js", "text/javascript; charset=utf-8"),
            ("/assets/a.mjs", "application/javascript; charset=utf-8"),
            ("/assets/A.HTML", "text/html; charset=utf-8"),
            ("/assets/a.json", "application/json; charset=utf-8"),
            ("/assets/a.svg", "image/svg+xml"),
            ("/assets/a.woff2", "font/woff2"),
            ("/assets/a.wasm", "application/wasm"),
            ("/assets/a.webp", "image/webp"),
            ("/assets/a.avif", "image/avif"),
            ("/assets/a.webmanifest", "application/manifest+json"),
            ("/assets/a.pdf", "application/pdf"),
            ("/assets/a", "application/octet-stream"),
            ("/assets/.css", "application/octet-stream"),
        ] {
            assert_eq!(kind(path), expected, "{path}");
        }
    }
}
