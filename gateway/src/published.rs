//! What was published, as it was published: signed releases and the archives of bundles, for whoever builds upon them.
//!
//! Nobody needs to trust a node for these: a release carries its signature, and a bundle is named by its hash.

use std::str::FromStr;

use bytes::Bytes;
use cop_net::Communication;
use cop_runtime::{Failure, FailureCode, Hash};
use warp::http::{HeaderValue, Response, header};

use crate::{refusal, target};

/// A signed release: `ADDRESS/NAME` is the newest, `ADDRESS/NAME@NUMBER` that with the number.
pub(crate) fn release(
    communication: &Communication,
    which: &str,
) -> Result<Response<Bytes>, Failure> {
    let (address, name) = which.split_once('/').unwrap_or((which, ""));
    let address = target::read_address(address)?;
    let (name, number) = target::read_release(name)?;
    let found = communication.signed_release(&address, &name, number)?;
    let bytes = found.ok_or_else(|| match number {
        None => absent(format!(
            "{address} has published nothing named `{name}` here"
        )),
        Some(number) => absent(format!(
            "release {number} of `{name}` by {address} is not here"
        )),
    })?;
    // A number is bound to one release; which is the newest changes.
    Ok(handed_out(bytes, number.is_some()))
}

/// The archive of a bundle.
pub(crate) async fn bundle(
    communication: &Communication,
    hash: &str,
) -> Result<Response<Bytes>, Failure> {
    let hash = Hash::from_str(hash).map_err(|error| refusal::bad_hash(hash, &error.to_string()))?;
    let found = communication.bundle(&hash).await?;
    let bytes = found.ok_or_else(|| absent(format!("no bundle {hash} is stored here")))?;
    Ok(handed_out(bytes, true))
}

fn absent(detail: String) -> Failure {
    let title = "this was not published here";
    Failure::new(FailureCode::NoSuchProgram, title, detail)
        .hint("ask another node, or have it published here with `copc publish`")
}

/// Bytes for a tool. What never changes may be kept for ever.
fn handed_out(bytes: Bytes, for_ever: bool) -> Response<Bytes> {
    let mut response = Response::new(bytes);
    let headers = response.headers_mut();
    let caching = if for_ever {
        "public, max-age=31536000, immutable"
    } else {
        "public, no-cache"
    };
    for (name, value) in [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, caching),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
