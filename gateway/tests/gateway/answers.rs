//! What a program's answer becomes: headers, caches, conditions, figures.

use std::io::Read;

use cop_gateway::GatewayConfig;
use cop_runtime::{Cache, Failure, FailureCode, TrapReport, WebAnswer};

use crate::client::{Client, NAVIGATION, Reply, exchange, get, request};
use crate::double::{BUNDLE, PROGRAM, RUN, Running, address, answer, info, start, start_with};

/// A gateway whose program's answer is changed by `change`.
async fn start_changed(change: impl Fn(&mut WebAnswer) + Send + Sync + 'static) -> Running {
    start_with(GatewayConfig::default(), move |_, _| {
        let mut given = answer("<p>hello</p>");
        change(&mut given);
        Ok(given)
    })
    .await
}

async fn own(running: &Running, lines: &[&str]) -> Reply {
    get(running.at(), &running.own_host(), "/", lines).await
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let running = start().await;
    let full = own(&running, &[]).await;
    let head = request(running.at(), "HEAD", &running.own_host(), "/", &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    for name in ["content-length", "content-type", "etag", "cache-control"] {
        assert_eq!(head.header(name), full.header(name), "{name}");
    }
    assert_eq!(running.latest().method, b"HEAD", "the runtime makes it GET");
}

#[tokio::test]
async fn caches_are_told_what_the_answer_depended_on() {
    type Change = fn(&mut WebAnswer);
    let cases: [(Change, &str, bool, Option<&str>); 11] = [
        (|_| {}, "public, no-cache", true, None),
        (
            |a| a.info.depends.state = true,
            "public, no-cache",
            true,
            None,
        ),
        (
            |a| a.info.depends.headers = vec!["host".to_owned()],
            "public, no-cache",
            true,
            None,
        ),
        (
            |a| a.info.depends.headers = vec!["accept".to_owned(), "accept-language".to_owned()],
            "public, no-cache",
            true,
            Some("accept, accept-language"),
        ),
        (
            |a| a.info.depends.headers = vec!["user-agent".to_owned()],
            "private, no-cache",
            false,
            None,
        ),
        (
            |a| a.info.depends.cookies = true,
            "private, no-cache",
            false,
            None,
        ),
        (
            |a| a.info.depends.body = true,
            "private, no-cache",
            false,
            None,
        ),
        (
            |a| a.info.depends.unrepeatable = true,
            "no-store",
            false,
            None,
        ),
        (|a| a.info.wrote = true, "no-store", false, None),
        (
            |a| a.cookies = vec!["a=1".to_owned()],
            "no-store",
            false,
            None,
        ),
        (
            |a| {
                a.headers
                    .push(("cache-control".to_owned(), "public, max-age=60".to_owned()))
            },
            "public, max-age=60",
            true,
            None,
        ),
    ];
    for (change, cache_control, etag, vary) in cases {
        let running = start_changed(change).await;
        let reply = own(&running, &[]).await;
        assert_eq!(reply.all("cache-control"), [cache_control]);
        assert_eq!(reply.header("etag").is_some(), etag, "{cache_control}");
        assert_eq!(reply.header("vary"), vary);
    }
    let running = start().await;
    let pinned = get(
        running.at(),
        &running.bare_host(),
        &format!("/b3/{BUNDLE}/"),
        &[],
    )
    .await;
    assert_eq!(
        pinned.header("cache-control"),
        Some("public, max-age=31536000, immutable")
    );
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
    let running = start().await;
    let etag = own(&running, &[])
        .await
        .header("etag")
        .expect("a tag")
        .to_owned();
    for condition in [
        format!("if-none-match: {etag}"),
        format!("if-none-match: \"x\", W/{etag}"),
        "if-none-match: *".to_owned(),
    ] {
        let reply = own(&running, &[&condition]).await;
        assert_eq!((reply.status, reply.body.len()), (304, 0), "{condition}");
        assert_eq!(reply.header("etag"), Some(etag.as_str()));
        assert_eq!(reply.header("content-type"), None);
        assert!(reply.header("cop-run").is_some());
    }
    assert_eq!(
        own(&running, &["if-none-match: \"other\""]).await.status,
        200
    );
    let post = request(
        running.at(),
        "POST",
        &running.own_host(),
        "/",
        &["content-length: 0", "if-none-match: *"],
    )
    .await;
    assert_eq!(post.status, 200);
}

#[tokio::test]
async fn a_program_cannot_reach_the_connection_through_its_headers() {
    let running = start_changed(|answer| {
        for (name, value) in [
            ("connection", "close"),
            ("transfer-encoding", "chunked"),
            ("content-length", "3"),
            ("keep-alive", "timeout=1"),
            ("upgrade", "h2c"),
            ("alt-svc", "h3=\":443\""),
            ("cop-run", "forged"),
            ("x-split", "a\r\nset-cookie: stolen=1"),
            ("x bad", "name"),
            ("x-fine", "täst"),
        ] {
            answer.headers.push((name.to_owned(), value.to_owned()));
        }
        answer.cookies = vec![
            "a=1".to_owned(),
            "b=2\r\nx-injected: 1".to_owned(),
            "c=3".to_owned(),
        ];
    })
    .await;
    let reply = own(&running, &[]).await;
    assert_eq!(reply.text(), "<p>hello</p>");
    assert_eq!(reply.all("content-length"), ["12"]);
    for absent in [
        "connection",
        "transfer-encoding",
        "keep-alive",
        "upgrade",
        "alt-svc",
        "x-split",
        "x-injected",
    ] {
        assert_eq!(reply.header(absent), None, "{absent}");
    }
    assert_eq!(reply.all("cop-run"), [RUN.to_string()]);
    assert_eq!(reply.all("set-cookie"), ["a=1", "c=3"]);
    assert_eq!(reply.header("x-fine"), Some("täst"));
}

#[tokio::test]
async fn bodies_follow_the_status() {
    for (status, body, expected) in [
        (404, "", "Error 404"),
        (500, "own words", "own words"),
        (204, "dropped", ""),
        (304, "dropped", ""),
    ] {
        let running = start_changed(move |answer| {
            answer.status = status;
            answer.body = body.into();
        })
        .await;
        let reply = own(&running, &[]).await;
        assert_eq!((reply.status, reply.text().as_str()), (status, expected));
    }
}

#[tokio::test]
async fn a_large_body_arrives_whole() {
    let running = start_changed(|answer| answer.body = vec![b'x'; 3_000_001].into()).await;
    let mut client = Client::connect(running.at()).await;
    for _ in 0..2 {
        client
            .send(format!(
                "GET / HTTP/1.1\r\nhost: {}\r\n\r\n",
                running.own_host()
            ))
            .await;
        let reply = client.reply(false).await.expect("a reply");
        assert_eq!(reply.body.len(), 3_000_001);
    }
}

#[tokio::test]
async fn this_machine_is_told_what_a_run_cost_and_strangers_are_not() {
    let running = start_changed(|answer| answer.info.cache = Cache::Hit).await;
    let reply = own(&running, &[]).await;
    for (name, value) in [
        ("cop-run", RUN.to_string()),
        ("cop-program", PROGRAM.to_string()),
        ("cop-release", format!("{}/hello@3", address())),
        ("cop-cache", "hit".to_owned()),
        ("cop-fuel", "1234".to_owned()),
        ("cop-memory", "4096".to_owned()),
        ("cop-time", "42".to_owned()),
    ] {
        assert_eq!(reply.header(name), Some(value.as_str()));
    }
    let timing = format!("cop-run;desc=\"{RUN}\", cop-time;dur=0.042");
    assert_eq!(reply.all("server-timing"), [timing]);
    assert!(
        reply
            .header("cop-node")
            .expect("a node")
            .starts_with("copd/")
    );

    let path = format!("/.well-known/coputer/run/{RUN}");
    for host in [running.own_host(), running.bare_host()] {
        let figures = get(running.at(), &host, &path, &[]).await;
        assert_eq!(figures.header("access-control-allow-origin"), Some("*"));
        let figures: serde_json::Value = serde_json::from_slice(&figures.body).expect("JSON");
        assert_eq!(
            (&figures["run"], &figures["cache"]),
            (&RUN.to_string().into(), &"hit".into())
        );
        assert_eq!(
            (&figures["fuel_used"], &figures["release"]),
            (&1234.into(), &3.into())
        );
    }
    let unknown = format!("/.well-known/coputer/run/{}", "0".repeat(32));
    assert_eq!(
        get(running.at(), &running.bare_host(), &unknown, &[])
            .await
            .code(),
        "no_such_program"
    );
    assert_eq!(
        get(
            running.at(),
            &running.bare_host(),
            "/.well-known/coputer/run/x",
            &[]
        )
        .await
        .code(),
        "bad_request"
    );

    // A public name, or a proxy that says for whom it asks: not this machine.
    let public = format!("hello-{}.example.org", address());
    for (host, lines) in [
        (&public, &[][..]),
        (&running.own_host(), &["x-forwarded-for: 192.0.2.1"][..]),
    ] {
        let reply = get(running.at(), host, "/", lines).await;
        assert_eq!(reply.header("cop-run"), Some(RUN.to_string().as_str()));
        for absent in [
            "cop-cache",
            "cop-fuel",
            "cop-memory",
            "cop-time",
            "cop-node",
        ] {
            assert_eq!(reply.header(absent), None, "{absent}");
        }
        assert_eq!(get(running.at(), host, &path, lines).await.code(), "denied");
    }
}

#[tokio::test]
async fn a_trap_is_told_with_its_run() {
    let running = start_with(GatewayConfig::default(), |_, _| {
        let mut failure = Failure::new(
            FailureCode::Trapped,
            "the program stopped",
            "index 3 of a list of 2",
        );
        failure.run = Some(RUN);
        failure.info = Some(info());
        failure.trap = Some(TrapReport {
            name: "IndexOutOfBounds".to_owned(),
            message: "index 3 of a <list> of 2".to_owned(),
            file: Some("main.cop".to_owned()),
            line: Some(7),
            column: Some(3),
            backtrace: vec!["handle".to_owned()],
        });
        Err(failure)
    })
    .await;
    let reply = own(&running, &[]).await;
    assert_eq!((reply.status, reply.code().as_str()), (500, "trapped"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("cop-fuel"), Some("1234"));
    let problem: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(
        (&problem["trap"], &problem["run"]),
        (&"IndexOutOfBounds".into(), &RUN.to_string().into())
    );
    assert_eq!(problem["trap_place"], "main.cop:7:3");

    let page = own(&running, NAVIGATION).await;
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(page.text().contains("IndexOutOfBounds") && page.text().contains("main.cop:7:3"));
    assert!(page.text().contains("a &lt;list&gt; of 2") && page.text().contains(&RUN.to_string()));

    let stranger = get(
        running.at(),
        &format!("hello-{}.example.org", address()),
        "/",
        &[],
    )
    .await;
    let problem: serde_json::Value = serde_json::from_slice(&stranger.body).expect("JSON");
    assert_eq!(
        (&problem["trap"], &problem["trap_place"]),
        (&"IndexOutOfBounds".into(), &serde_json::Value::Null)
    );
}

#[tokio::test]
async fn the_body_and_headers_reach_the_program_as_sent() {
    let running = start().await;
    let host = running.own_host();
    let chunked = format!(
        "PUT /x HTTP/1.1\r\nhost: {host}\r\nX-Two: 1\r\nx-two: 2\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    );
    assert_eq!(exchange(running.at(), chunked).await.status, 200);
    let asked = running.latest();
    assert_eq!(
        (asked.method.as_slice(), asked.body.as_ref()),
        (&b"PUT"[..], &b"abcde"[..])
    );
    let twice: Vec<_> = asked
        .headers
        .iter()
        .filter(|(name, _)| name == b"x-two")
        .map(|(_, value)| value.as_slice())
        .collect();
    assert_eq!(twice, [b"1", b"2"]);

    let mut client = Client::connect(running.at()).await;
    client
        .send(format!(
            "POST / HTTP/1.1\r\nhost: {host}\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
        ))
        .await;
    assert_eq!(client.reply(false).await.expect("a reply").status, 100);
    client.send("ok").await;
    assert_eq!(client.reply(false).await.expect("a reply").status, 200);
    assert_eq!(running.latest().body.as_ref(), b"ok");
}

#[tokio::test]
async fn parts_of_an_answer_can_be_asked_for() {
    let running = start().await;
    let whole = own(&running, &[]).await;
    let etag = whole.header("etag").expect("a tag").to_owned();
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let part = own(
        &running,
        &["range: bytes=3-7", &format!("if-range: {etag}")],
    )
    .await;
    assert_eq!((part.status, part.text().as_str()), (206, "hello"));
    assert_eq!(part.header("content-range"), Some("bytes 3-7/12"));
    assert_eq!(part.header("content-length"), Some("5"));
    let outside = own(&running, &["range: bytes=12-"]).await;
    assert_eq!(
        (outside.status, outside.header("content-range")),
        (416, Some("bytes */12"))
    );
    // What the client has is of another answer.
    assert_eq!(
        own(&running, &["range: bytes=3-7", "if-range: \"other\""])
            .await
            .status,
        200
    );
    // Two runs need not agree: no parts.
    let running = start_changed(|answer| answer.info.depends.unrepeatable = true).await;
    let whole = own(&running, &["range: bytes=3-7"]).await;
    assert_eq!((whole.status, whole.header("accept-ranges")), (200, None));
}

#[tokio::test]
async fn what_is_public_is_compressed_for_clients_elsewhere() {
    let text = "all work and no play ".repeat(10_000);
    let body = text.clone();
    let running = start_with(GatewayConfig::default(), move |_, request| {
        let mut given = answer(&body);
        given.info.depends.cookies = request.target == b"/personal";
        Ok(given)
    })
    .await;
    let host = format!("hello-{}.example.org", address());
    let gzip = "accept-encoding: gzip, br;q=0.5";
    let brotli = "accept-encoding: gzip, deflate, br";
    let plain = get(running.at(), &host, "/", &[]).await;
    assert_eq!(
        (plain.header("content-encoding"), plain.text().len()),
        (None, text.len())
    );
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    let packed = get(running.at(), &host, "/", &[gzip]).await;
    assert_eq!(
        (packed.header("content-encoding"), packed.header("vary")),
        (Some("gzip"), Some("accept-encoding"))
    );
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(packed.body.as_slice())
        .read_to_string(&mut unpacked)
        .expect("gzip");
    assert!(unpacked == text && packed.body.len() < 2000);
    // Each form has a tag of its own, and either is current. What was packed once is given again.
    for _ in 0..2 {
        let packed = get(running.at(), &host, "/", &[brotli]).await;
        assert_eq!(packed.header("content-encoding"), Some("br"));
        let mut unpacked = String::new();
        brotli::Decompressor::new(packed.body.as_slice(), 4096)
            .read_to_string(&mut unpacked)
            .expect("brotli");
        assert!(unpacked == text && packed.body.len() < 2000);
        assert!(
            packed
                .header("etag")
                .is_some_and(|tag| tag.ends_with("-br\""))
        );
    }
    let (first, second) = (
        plain.header("etag").expect("a tag"),
        packed.header("etag").expect("a tag"),
    );
    assert_ne!(first, second);
    for tag in [first, second] {
        let reply = get(
            running.at(),
            &host,
            "/",
            &[gzip, &format!("if-none-match: {tag}")],
        )
        .await;
        assert_eq!((reply.status, reply.header("etag")), (304, Some(tag)));
    }
    // An answer for one person, a part, and this machine: as it is.
    for (host, target, line) in [
        (&host, "/personal", "x-a: 1"),
        (&host, "/", "range: bytes=0-9"),
        (&running.own_host(), "/", "x-a: 1"),
    ] {
        assert_eq!(
            get(running.at(), host, target, &[gzip, line])
                .await
                .header("content-encoding"),
            None,
            "{target} {line}"
        );
    }
}
