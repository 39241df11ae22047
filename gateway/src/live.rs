//! Live reload, for a node that serves a program while it is being written (`copc dev`).
//!
//! Every page gets a script that asks for the next [`Stage`] of the program and waits for it. A stage with a complaint is shown
//! over the page; one without loads the page again. Nothing of this is there unless [`crate::GatewayConfig::live`] is set.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::watch;
use warp::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use crate::asked::Asked;
use crate::target::RESERVED;
use crate::{own, page};

/// How long a page waits for a stage before it is told that there is none yet.
const PATIENCE: Duration = Duration::from_secs(25);

/// Lines before the one that an excerpt is about.
const LINES_BEFORE: usize = 2;

const SCRIPT: &str = include_str!("live.js");

/// What our own pages may do so that the script works in them.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);

/// What became of a program when it was last looked at.
#[derive(Debug, Default)]
pub struct Stage {
    /// Another for each stage, and after each start of the tool.
    pub number: u64,
    /// Whether there is a release that can be served, be it an older one.
    pub is_served: bool,
    /// Why what was written last is not served, as text for people.
    pub complaint: Option<String>,
    /// Source files by their path in the package, to show where a run trapped.
    pub sources: BTreeMap<String, String>,
}

/// The stage that is shown now.
#[derive(Debug)]
pub struct Live(watch::Sender<Arc<Stage>>);

impl Live {
    /// Begins with a stage.
    pub fn new(stage: Stage) -> Live {
        Live(watch::Sender::new(Arc::new(stage)))
    }

    /// Shows another stage, on all pages that are open.
    pub fn show(&self, stage: Stage) {
        self.0.send_replace(Arc::new(stage));
    }

    fn now(&self) -> Arc<Stage> {
        self.0.borrow().clone()
    }

    /// The first stage that is not number `seen`; this one again if there is none for a while.
    async fn after(&self, seen: Option<u64>) -> Arc<Stage> {
        let mut stages = self.0.subscribe();
        let next = stages.wait_for(|stage| Some(stage.number) != seen);
        match tokio::time::timeout(PATIENCE, next).await {
            Ok(Ok(stage)) => stage.clone(),
            _ => self.now(),
        }
    }

    /// The lines around a place in the source, for people. Lines and columns begin with 1, columns count characters.
    pub fn excerpt(&self, file: &str, line: u32, column: u32) -> Option<String> {
        let stage = self.now();
        let source = stage.sources.get(file)?;
        let line = usize::try_from(line).ok().filter(|line| *line > 0)?;
        let first = line.saturating_sub(LINES_BEFORE).max(1);
        let mut text = String::new();
        let shown = source
            .lines()
            .enumerate()
            .skip(first - 1)
            .take(line + 1 - first);
        for (index, content) in shown {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{:>5} | {content}", index + 1);
        }
        let before = source.lines().nth(line - 1)?.chars();
        let before = before.take(usize::try_from(column).ok()?.saturating_sub(1));
        let indent: String = before
            .map(|letter| if letter == '\t' { '\t' } else { ' ' })
            .collect();
        let _ = writeln!(text, "      | {indent}^");
        Some(text)
    }

    /// Adds the script to a page.
    pub(crate) fn add_script(&self, response: &mut Response<Bytes>) {
        if response.status() == StatusCode::PARTIAL_CONTENT || !is_page(response.headers()) {
            return;
        }
        let number = self.now().number;
        let tag = format!("<script src=\"{RESERVED}live.js?{number}\"></script>");
        let body = response.body();
        let end = find_last(body, b"</body>").unwrap_or(body.len());
        *response.body_mut() = [&body[..end], tag.as_bytes(), &body[end..]].concat().into();
        let headers = response.headers_mut();
        // The page is another in the next stage.
        headers.remove(header::ETAG);
        headers.remove(header::ACCEPT_RANGES);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }

    /// Adds the script to one of our own pages, whose policy would not let it run.
    pub(crate) fn add_script_to_own(&self, response: &mut Response<Bytes>) {
        if is_page(response.headers()) {
            self.add_script(response);
            response
                .headers_mut()
                .insert(header::CONTENT_SECURITY_POLICY, POLICY);
        }
    }

    /// The answer of a program that was never built yet: why; `None` if there is something to serve.
    pub(crate) fn instead(&self, asked: &Asked) -> Option<Response<Bytes>> {
        let stage = self.now();
        let complaint = stage.complaint.as_ref().filter(|_| !stage.is_served)?;
        let mut response = if asked.wants_page() {
            let mut response = own::page(page::complaint(complaint));
            self.add_script_to_own(&mut response);
            response
        } else {
            own::content("text/plain; charset=utf-8", complaint.clone())
        };
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        Some(response)
    }
}

#[derive(Serialize)]
struct StageJson<'a> {
    number: u64,
    complaint: Option<&'a str>,
}

/// The script, which finds the stage of its page in its own URL.
pub(crate) fn script() -> Response<Bytes> {
    own::content("text/javascript; charset=utf-8", SCRIPT)
}

/// The next stage, when there is one: `?after=NUMBER`; the one that is shown now without that.
pub(crate) async fn next(asked: &Asked, live: &Live) -> Response<Bytes> {
    let seen = asked.parameter("after").and_then(|seen| seen.parse().ok());
    let stage = live.after(seen).await;
    own::json(&StageJson {
        number: stage.number,
        complaint: stage.complaint.as_deref(),
    })
}

/// Whether a request would be answered with a page that has the script.
pub(crate) fn is_whole(asked: &Asked) -> bool {
    asked.method != Method::HEAD && !asked.headers.contains_key(header::RANGE)
}

fn is_page(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/html"))
        && !headers.contains_key(header::CONTENT_ENCODING)
}

fn find_last(body: &[u8], part: &[u8]) -> Option<usize> {
    body.windows(part.len())
        .rposition(|window| window.eq_ignore_ascii_case(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(html: &'static str) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from_static(html.as_bytes()));
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/HTML; charset=utf-8"),
        );
        headers.insert(header::ETAG, HeaderValue::from_static("\"1\""));
        response
    }

    fn live() -> Live {
        Live::new(Stage {
            number: 7,
            is_served: true,
            complaint: None,
            sources: [("main.cop".to_owned(), "a\n\tb = 1 / 0\nc\n".to_owned())].into(),
        })
    }

    #[test]
    fn the_script_stands_at_the_end_of_a_page() {
        for (html, expected) in [
            (
                "<body><p>a</body></html>",
                "<body><p>a<script src=\"/.well-known/coputer/live.js?7\"></script></body></html>",
            ),
            (
                "<p>a",
                "<p>a<script src=\"/.well-known/coputer/live.js?7\"></script>",
            ),
        ] {
            let mut response = page(html);
            live().add_script(&mut response);
            assert_eq!(response.body(), expected);
            assert!(!response.headers().contains_key(header::ETAG));
        }
    }

    #[test]
    fn what_is_no_page_stays_as_it_is() {
        let mut text = page("</body>");
        text.headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        let mut packed = page("</body>");
        packed
            .headers_mut()
            .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let mut part = page("</body>");
        *part.status_mut() = StatusCode::PARTIAL_CONTENT;
        for mut response in [text, packed, part] {
            live().add_script(&mut response);
            assert_eq!(response.body(), "</body>");
            assert!(response.headers().contains_key(header::ETAG));
        }
    }

    #[test]
    fn an_excerpt_points_at_its_place() {
        let excerpt = live().excerpt("main.cop", 2, 6);
        assert_eq!(
            excerpt.as_deref(),
            Some("    1 | a\n    2 | \tb = 1 / 0\n      | \t    ^\n")
        );
        for (file, line) in [("other.cop", 1), ("main.cop", 0), ("main.cop", 9)] {
            assert_eq!(live().excerpt(file, line, 1), None);
        }
    }

    #[tokio::test]
    async fn a_page_is_told_of_the_next_stage() {
        let live = Arc::new(live());
        assert_eq!(live.after(None).await.number, 7);
        assert_eq!(live.after(Some(6)).await.number, 7);
        let waiting = tokio::spawn({
            let live = live.clone();
            async move { live.after(Some(7)).await.number }
        });
        tokio::task::yield_now().await;
        live.show(Stage {
            number: 8,
            ..Stage::default()
        });
        assert_eq!(waiting.await.expect("it is told"), 8);
    }
}
