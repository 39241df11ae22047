//! Responses that we make ourselves: pages, JSON, redirects.

use bytes::Bytes;
use serde::Serialize;
use warp::http::{HeaderValue, Response, StatusCode, header};

use crate::{page, reply};

/// Content of this media type.
pub(crate) fn content(kind: &'static str, content: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(content.into());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    finish(response)
}

/// A page.
pub(crate) fn page(html: String) -> Response<Bytes> {
    finish(page::response(StatusCode::OK, html))
}

/// A value as JSON.
pub(crate) fn json(value: &impl Serialize) -> Response<Bytes> {
    content("application/json", reply::json(value))
}

/// Sends the client elsewhere. 307 keeps method and body, so a form that was sent here arrives whole.
pub(crate) fn redirect(place: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    finish(response)
}

/// Sends the client elsewhere for good, method and body too.
pub(crate) fn moved(place: &str) -> Response<Bytes> {
    let mut response = redirect(place);
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response
}

/// What we say changes with what is published and with what the reader accepts.
fn finish(mut response: Response<Bytes>) -> Response<Bytes> {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}
