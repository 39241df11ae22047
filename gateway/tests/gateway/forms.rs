//! The three URL forms, the origins they give, and our own pages.

use cop_gateway::GatewayConfig;

use crate::client::{NAVIGATION, exchange, get, request};
use crate::double::{BUNDLE, address, answer, name, start, start_with};

#[tokio::test]
async fn all_three_forms_reach_the_program_with_its_own_path() {
    let running = start().await;
    let (own, bare) = (running.own_host(), running.bare_host());
    let by_name = format!("/~{}/hello", address());
    for (host, target, expected) in [
        (&own, "/a/b?x=1&y".to_owned(), "/a/b?x=1&y"),
        (&own, "/".to_owned(), "/"),
        (&bare, format!("{by_name}/a/b?x=1"), "/a/b?x=1"),
        (&bare, format!("{by_name}@3/a%2Fb"), "/a%2Fb"),
        (&bare, by_name.clone(), "/"),
        (&bare, format!("{by_name}?q"), "/?q"),
        (&bare, format!("/b3/{BUNDLE}/x"), "/x"),
    ] {
        let reply = get(running.at(), host, &target, &[]).await;
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (200, "<p>hello</p>"),
            "{host} {target}"
        );
        assert_eq!(String::from_utf8_lossy(&running.latest().target), expected);
    }
    let absolute = format!("GET http://{own}/abs HTTP/1.1\r\nhost: {own}\r\n\r\n");
    assert_eq!(exchange(running.at(), absolute).await.status, 200);
    assert_eq!(running.latest().target, b"/abs");
}

#[tokio::test]
async fn browsers_are_led_to_the_programs_own_origin_where_it_works() {
    let running = start().await;
    let port = running.at().port();
    let by_name = format!("/~{}/hello", address());
    let target = format!("{by_name}/list?page=2");
    let reply = get(running.at(), &running.bare_host(), &target, NAVIGATION).await;
    let own = format!("//hello-{}.localhost:{port}", address());
    assert_eq!(
        (reply.status, reply.header("location")),
        (307, Some(format!("{own}/list?page=2").as_str()))
    );
    let reply = request(
        running.at(),
        "POST",
        &running.bare_host(),
        &by_name,
        NAVIGATION,
    )
    .await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (307, Some(format!("{own}/").as_str()))
    );

    // Not a document, an IP, a pinned release, a pinned bundle: answered where it was asked.
    let bare = running.bare_host();
    let pinned = format!("{by_name}@3/");
    let bundle = format!("/b3/{BUNDLE}/");
    let by_ip = format!("127.0.0.1:{port}");
    let fetch = &["accept: text/html", "sec-fetch-mode: cors"][..];
    for (host, target, lines) in [
        (&bare, &target, fetch),
        (&by_ip, &target, NAVIGATION),
        (&bare, &pinned, NAVIGATION),
        (&bare, &bundle, NAVIGATION),
    ] {
        assert_eq!(
            get(running.at(), host, target, lines).await.status,
            200,
            "{host} {target}"
        );
    }
    // There, a missing slash would break relative links.
    let reply = get(running.at(), &by_ip, &format!("{by_name}?x"), NAVIGATION).await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (307, Some(format!("{by_name}/?x").as_str()))
    );
}

#[tokio::test]
async fn programs_that_share_an_origin_are_sandboxed() {
    let running = start_with(GatewayConfig::default(), |_, _| {
        let mut given = answer("<p>hello</p>");
        for (name, value) in [
            ("content-security-policy", "default-src 'self'"),
            ("access-control-allow-origin", "https://example.org"),
            ("clear-site-data", "\"*\""),
            ("service-worker-allowed", "/"),
            ("strict-transport-security", "max-age=1"),
        ] {
            given.headers.push((name.to_owned(), value.to_owned()));
        }
        given.cookies = vec!["a=1; Domain=localhost; Path=/".to_owned(), "b=2".to_owned()];
        Ok(given)
    })
    .await;
    let bare = running.bare_host();
    for target in [format!("/~{}/hello/", address()), format!("/b3/{BUNDLE}/")] {
        let reply = get(running.at(), &bare, &target, &["cookie: secret=1"]).await;
        assert_eq!(
            reply.all("content-security-policy"),
            [
                "default-src 'self'",
                "sandbox allow-scripts allow-forms allow-popups"
            ]
        );
        assert_eq!(reply.all("access-control-allow-origin"), ["*"]);
        for absent in [
            "set-cookie",
            "clear-site-data",
            "service-worker-allowed",
            "strict-transport-security",
        ] {
            assert_eq!(reply.header(absent), None, "{absent}");
        }
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert!(!running.latest().cookies_visible);
    }
    let reply = get(running.at(), &running.own_host(), "/", &["cookie: own=1"]).await;
    assert_eq!(reply.all("content-security-policy"), ["default-src 'self'"]);
    assert_eq!(
        reply.all("set-cookie"),
        ["a=1; Path=/", "b=2"],
        "no cookie is for a parent domain"
    );
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    assert!(running.latest().cookies_visible);
}

#[tokio::test]
async fn a_sandboxed_page_may_reach_itself() {
    let running = start().await;
    let lines = &[
        "origin: null",
        "access-control-request-method: PUT",
        "access-control-request-headers: content-type",
    ];
    let target = format!("/~{}/hello/x", address());
    let reply = request(
        running.at(),
        "OPTIONS",
        &running.bare_host(),
        &target,
        lines,
    )
    .await;
    assert_eq!(
        (reply.status, reply.header("access-control-allow-methods")),
        (204, Some("PUT"))
    );
    assert_eq!(
        reply.header("access-control-allow-headers"),
        Some("content-type")
    );
    assert_eq!(running.times_asked(), 0);
    // At its own origin the program decides.
    assert_eq!(
        request(running.at(), "OPTIONS", &running.own_host(), "/x", lines)
            .await
            .status,
        200
    );
    assert_eq!(running.latest().method, b"OPTIONS");
}

#[tokio::test]
async fn the_node_and_publishers_have_pages_and_lists() {
    let running = start().await;
    let bare = running.bare_host();
    let publisher_host = format!("{}.localhost:{}", address(), running.at().port());
    let by_path = format!("/~{}/", address());
    for (host, target) in [
        (&bare, "/"),
        (&publisher_host, "/"),
        (&bare, by_path.as_str()),
        (&bare, "/.well-known/coputer/node"),
    ] {
        let page = get(running.at(), host, target, NAVIGATION).await;
        assert_eq!(
            (page.status, page.header("content-type")),
            (200, Some("text/html; charset=utf-8")),
            "{host}{target}"
        );
        let own = format!("href=\"//{}/\"", running.own_host());
        assert!(page.text().contains(&own), "{}", page.text());
        assert!(
            page.header("content-security-policy")
                .expect("a policy")
                .starts_with("default-src 'none'")
        );
        let list = get(running.at(), host, target, &["accept: application/json"]).await;
        let list: serde_json::Value = serde_json::from_slice(&list.body).expect("JSON");
        assert_eq!(list["programs"][0]["name"], "hello");
        assert_eq!(list["programs"][0]["release"], 3);
        assert_eq!(
            list["programs"][0]["paths"]["pinned"],
            format!("/b3/{BUNDLE}/")
        );
    }
    assert_eq!(
        request(running.at(), "POST", &bare, "/", &["content-length: 0"])
            .await
            .code(),
        "bad_request"
    );
}

#[tokio::test]
async fn the_front_page_may_be_a_program() {
    let config = GatewayConfig {
        front: Some((address(), name())),
        ..GatewayConfig::default()
    };
    let running = start_with(config, |_, _| Ok(answer("front"))).await;
    let reply = get(running.at(), &running.bare_host(), "/", NAVIGATION).await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (307, Some(format!("//{}/", running.own_host()).as_str()))
    );
    let by_ip = format!("127.0.0.1:{}", running.at().port());
    let reply = get(running.at(), &by_ip, "/", NAVIGATION).await;
    assert_eq!(
        reply.header("location"),
        Some(format!("//{by_ip}/~{}/hello/", address()).as_str())
    );
    let node = get(running.at(), &running.bare_host(), "/", &[]).await;
    assert_eq!(
        (node.status, node.header("content-type")),
        (200, Some("application/json"))
    );
}

#[tokio::test]
async fn failures_are_listed_on_every_host() {
    let running = start().await;
    for host in [running.bare_host(), running.own_host()] {
        let page = get(
            running.at(),
            &host,
            "/.well-known/coputer/failures",
            NAVIGATION,
        )
        .await;
        assert!(page.text().contains("id=\"no_such_program\""));
    }
    assert_eq!(running.times_asked(), 0);
}

#[tokio::test]
async fn what_was_published_is_handed_out_as_it_is() {
    let running = start().await;
    let own = "/.well-known/coputer";
    let address = address();
    for (path, body, caching) in [
        (
            format!("{own}/releases/{address}/hello"),
            "signed",
            "no-cache",
        ),
        (
            format!("{own}/releases/{address}/hello@3"),
            "signed",
            "immutable",
        ),
        (format!("{own}/bundles/{BUNDLE}"), "archive", "immutable"),
    ] {
        for host in [running.own_host(), running.bare_host()] {
            let reply = get(running.at(), &host, &path, &[]).await;
            assert_eq!((reply.status, reply.text().as_str()), (200, body), "{path}");
            assert_eq!(
                reply.header("content-type"),
                Some("application/octet-stream")
            );
            let cached = reply.header("cache-control").unwrap_or_default().to_owned();
            assert!(cached.contains(caching), "{path}: {cached}");
        }
    }
    for (path, status, code) in [
        (
            format!("{own}/releases/{address}/hello@4"),
            404,
            "no_such_program",
        ),
        (
            format!("{own}/releases/{address}/nothing"),
            404,
            "no_such_program",
        ),
        (
            format!("{own}/releases/{address}/hello@04"),
            400,
            "bad_request",
        ),
        (
            format!("{own}/releases/{address}/hello@1/x"),
            400,
            "bad_request",
        ),
        (format!("{own}/releases/{address}"), 400, "bad_name"),
        (format!("{own}/releases/cop1/hello"), 400, "bad_address"),
        (
            format!("{own}/bundles/{}", cop_runtime::Hash([9; 32])),
            404,
            "no_such_program",
        ),
        (format!("{own}/bundles/abc"), 400, "bad_request"),
        (format!("{own}/bundles"), 404, "no_such_program"),
    ] {
        let reply = get(running.at(), &running.bare_host(), &path, &[]).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (status, code),
            "{path}"
        );
    }
    assert_eq!(running.times_asked(), 0, "no program ran");
}
