//! Files of a program, served without running it.

use cop_gateway::GatewayConfig;

use crate::client::{Reply, get, request};
use crate::double::{BUNDLE, Running, address, answer, start_with};

async fn start() -> Running {
    start_with(GatewayConfig::default(), |_, request| {
        Ok(answer(&format!(
            "ran for {}",
            String::from_utf8_lossy(&request.target)
        )))
    })
    .await
}

/// The headers of these names, in this order.
fn headers<const N: usize>(reply: &Reply, names: [&str; N]) -> [Option<String>; N] {
    names.map(|name| reply.header(name).map(str::to_owned))
}

#[tokio::test]
async fn a_file_needs_no_run() {
    let running = start().await;
    let host = running.own_host();
    for target in [
        "/assets/style%20sheets/a.css",
        "/assets/style%20sheets/%61.css?v=3",
    ] {
        let sheet = get(running.at(), &host, target, &[]).await;
        assert_eq!(
            (sheet.status, sheet.text().as_str()),
            (200, "p { color: green }")
        );
        assert_eq!(
            headers(
                &sheet,
                [
                    "content-type",
                    "cache-control",
                    "accept-ranges",
                    "x-content-type-options",
                    "cop-run"
                ]
            ),
            [
                Some("text/css; charset=utf-8"),
                Some("public, no-cache"),
                Some("bytes"),
                Some("nosniff"),
                None
            ]
            .map(|value| value.map(str::to_owned))
        );
        let tag = sheet.header("etag").expect("a tag");
        let again = get(
            running.at(),
            &host,
            target,
            &[&format!("if-none-match: {tag}")],
        )
        .await;
        assert_eq!((again.status, again.header("etag")), (304, Some(tag)));
        let part = get(
            running.at(),
            &host,
            target,
            &["range: bytes=4-8", &format!("if-range: {tag}")],
        )
        .await;
        assert_eq!((part.status, part.text().as_str()), (206, "color"));
        let head = request(running.at(), "HEAD", &host, target, &[]).await;
        assert_eq!(
            (head.status, head.header("content-length")),
            (200, Some("18"))
        );
    }
    assert_eq!(running.times_asked(), 0);
}

#[tokio::test]
async fn what_is_no_file_is_for_the_program() {
    let running = start().await;
    let host = running.own_host();
    for (method, target) in [
        ("GET", "/assets/"),
        ("GET", "/assets/style%20sheets"),
        ("GET", "/assets/other.css"),
        ("GET", "/assets/%FF"),
        ("GET", "/assets/..%2fpage.html"),
        ("GET", "/Assets/page.html"),
        ("GET", "//assets/page.html"),
        ("POST", "/assets/page.html"),
    ] {
        let lines: &[&str] = if method == "POST" {
            &["content-length: 0"]
        } else {
            &[]
        };
        let reply = request(running.at(), method, &host, target, lines).await;
        assert_eq!(
            reply.text(),
            format!("ran for {target}"),
            "{method} {target}"
        );
    }
}

#[tokio::test]
async fn files_are_sandboxed_where_programs_share_an_origin_and_never_change_by_hash() {
    let running = start().await;
    let by_hash = format!("/b3/{BUNDLE}/assets/page.html");
    let by_name = format!("/~{}/hello/assets/page.html", address());
    for (target, cached) in [
        (by_hash, "public, max-age=31536000, immutable"),
        (by_name, "public, no-cache"),
    ] {
        let page = get(running.at(), &running.bare_host(), &target, &[]).await;
        assert_eq!(
            (page.text().as_str(), page.header("cache-control")),
            ("<p>a page", Some(cached))
        );
        assert!(
            page.header("content-security-policy")
                .is_some_and(|policy| policy.starts_with("sandbox"))
        );
        assert_eq!(page.header("access-control-allow-origin"), Some("*"));
    }
}
