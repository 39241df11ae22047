//! The owner's page: three files, the same for everyone. What it shows it asks of the management interface, with the token.

use std::sync::Arc;

use bytes::Bytes;
use warp::http::{HeaderValue, Response, header};
use warp::{Filter, Rejection};

use super::Management;
use super::routes::{Answer, refused};
use crate::asked::Asked;
use crate::{head, own, refusal};

/// Everything is from here, nothing is framed, and no form leads anywhere.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

/// Path, media type, content.
const FILES: [(&str, &str, &str); 3] = [
    (
        "/ui/",
        "text/html; charset=utf-8",
        include_str!("ui/index.html"),
    ),
    (
        "/ui/ui.css",
        "text/css; charset=utf-8",
        include_str!("ui/ui.css"),
    ),
    (
        "/ui/ui.js",
        "text/javascript; charset=utf-8",
        include_str!("ui/ui.js"),
    ),
];

/// The page, for whoever asks this machine by name; no token is needed for it, and it tells nothing of the node.
pub(super) fn routes(
    management: Arc<Management>,
) -> impl Filter<Extract = (Response<Bytes>,), Error = Rejection> + Clone + Send + Sync + 'static {
    warp::get()
        .and(head::asked(Arc::new(management.limits.clone())))
        .and(warp::any().map(move || management.clone()))
        .and_then(show)
}

async fn show(asked: Asked, management: Arc<Management>) -> Answer {
    if !management.is_meant(&asked) {
        return Err(refused(refusal::foreign_host(&asked.host)));
    }
    if matches!(asked.path.as_str(), "/" | "/ui") {
        return Ok(own::redirect("/ui/"));
    }
    let file = FILES.iter().find(|(path, ..)| *path == asked.path);
    let (_, kind, content) = file.ok_or_else(warp::reject::not_found)?;
    let mut response = own::content(kind, *content);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    Ok(response)
}
