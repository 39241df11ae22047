//! Requests that cannot be answered, and what is said about them.

use cop_gateway::GatewayConfig;
use cop_runtime::{Failure, FailureCode};

use crate::client::{Client, NAVIGATION, exchange, get};
use crate::double::{address, answer, start, start_with};

#[tokio::test]
async fn a_mistyped_address_is_named_as_such() {
    let running = start().await;
    let right = address().to_string();
    let wrong = format!(
        "{}{}",
        &right[..41],
        if right.ends_with('q') { 'p' } else { 'q' }
    );
    for (host, target) in [
        (format!("hello-{wrong}.localhost"), "/".to_owned()),
        (format!("{wrong}.localhost"), "/".to_owned()),
        ("localhost".to_owned(), format!("/~{wrong}/hello/")),
    ] {
        let reply = get(running.at(), &host, &target, &[]).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (400, "bad_address"),
            "{host}{target}"
        );
        assert!(
            reply.text().contains("checksum")
                && reply.text().contains("copy the whole address again"),
            "{}",
            reply.text()
        );
        let page = get(running.at(), &host, &target, NAVIGATION).await;
        assert_eq!(
            (page.status, page.header("content-type")),
            (400, Some("text/html; charset=utf-8"))
        );
        assert!(page.text().contains("bad_address") && page.text().contains(&wrong));
    }
    assert_eq!(running.times_asked(), 0);
}

#[tokio::test]
async fn an_unknown_name_says_what_was_tried() {
    let running = start().await;
    let host = format!("other-{}.localhost", address());
    let reply = get(running.at(), &host, "/", &[]).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (404, "no_such_program")
    );
    assert!(
        reply.text().contains("\"tried\":[\"local\"]"),
        "{}",
        reply.text()
    );
    let page = get(running.at(), &host, "/", NAVIGATION).await;
    assert!(
        page.text().contains("What was tried") && page.text().contains("<li>this node itself</li>")
    );
    assert_eq!(
        get(running.at(), "localhost", "/nothing", &[]).await.code(),
        "no_such_program"
    );
    assert_eq!(
        get(
            running.at(),
            "localhost",
            &format!("/~{}/No_Name/", address()),
            &[]
        )
        .await
        .code(),
        "bad_name"
    );
}

#[tokio::test]
async fn every_failure_of_the_node_keeps_its_code_and_status() {
    let running = start_with(GatewayConfig::default(), |_, request| {
        let code = String::from_utf8_lossy(&request.target[1..]).into_owned();
        let code = FailureCode::ALL
            .iter()
            .find(|known| known.code() == code)
            .expect("a code");
        Err(
            Failure::new(*code, "a test's failure", "<i>made</i> by the test")
                .hint("try \"again\""),
        )
    })
    .await;
    for code in FailureCode::ALL {
        let json = get(running.at(), &running.own_host(), &format!("/{code}"), &[]).await;
        assert_eq!(
            (json.status, json.code().as_str()),
            (code.http_status(), code.code())
        );
        let retry = matches!(
            code,
            FailureCode::Conflict | FailureCode::Overloaded | FailureCode::Deadline
        );
        assert_eq!(json.header("retry-after").is_some(), retry, "{code}");
        let page = get(
            running.at(),
            &running.own_host(),
            &format!("/{code}"),
            NAVIGATION,
        )
        .await;
        assert_eq!(page.status, code.http_status());
        let text = page.text();
        assert!(
            text.contains(&format!("<code>{code}</code>"))
                && text.contains("&lt;i&gt;made&lt;/i&gt;"),
            "{text}"
        );
        assert!(
            text.contains("Try &quot;again&quot;") && !text.contains("<i>"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn requests_that_hide_another_one_are_refused() {
    let running = start().await;
    let host = running.own_host();
    let hidden = "GET /hidden HTTP/1.1\r\nhost: x\r\n\r\n";
    for lines in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n\r\nabcde",
        "content-length: +5\r\n\r\nabcde",
        "content-length: 5, 5\r\n\r\nabcde",
        "transfer-encoding: gzip\r\n\r\nabcde",
        "transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "x-folded: a\r\n b\r\n\r\n",
        "host: other\r\n\r\n",
    ] {
        let before = running.times_asked();
        let reply = exchange(
            running.at(),
            format!("POST / HTTP/1.1\r\nhost: {host}\r\n{lines}{hidden}"),
        )
        .await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (400, "bad_request"),
            "{lines:?}"
        );
        assert_eq!(running.times_asked(), before, "{lines:?}");
    }
    assert_eq!(
        exchange(running.at(), "GET / HTTP/1.1\r\n\r\n")
            .await
            .code(),
        "bad_request",
        "no host"
    );
    let other = format!("GET http://other/ HTTP/1.1\r\nhost: {host}\r\n\r\n");
    assert_eq!(
        exchange(running.at(), other).await.code(),
        "bad_request",
        "two hosts"
    );
    assert_eq!(
        exchange(
            running.at(),
            "GET / HTTP/1.1\r\nhost: a/b\"><script>\r\n\r\n"
        )
        .await
        .code(),
        "bad_request"
    );
}

#[tokio::test]
async fn it_is_no_proxy() {
    let running = start().await;
    let host = running.own_host();
    for line in [
        format!("CONNECT {host} HTTP/1.1"),
        "CONNECT / HTTP/1.1".to_owned(),
        "TRACE / HTTP/1.1".to_owned(),
        "OPTIONS * HTTP/1.1".to_owned(),
    ] {
        let reply = exchange(running.at(), format!("{line}\r\nhost: {host}\r\n\r\n")).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (400, "bad_request"),
            "{line}"
        );
    }
    assert_eq!(running.times_asked(), 0);
    // An offer to speak something else is declined by answering.
    let lines = &["connection: upgrade", "upgrade: websocket"];
    assert_eq!(get(running.at(), &host, "/", lines).await.status, 200);
}

#[tokio::test]
async fn what_is_not_http_is_told_so() {
    let running = start().await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n"[..],
        b"hello\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
    ] {
        let reply = exchange(running.at(), bytes).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "bad_request"));
        assert_eq!(reply.header("connection"), Some("close"));
    }
    assert_eq!(running.times_asked(), 0);
}

#[tokio::test]
async fn a_defect_costs_one_request_only() {
    let running = start_with(GatewayConfig::default(), |_, request| {
        assert_ne!(request.target, b"/defect", "a test's defect");
        Ok(answer("fine"))
    })
    .await;
    let mut client = Client::connect(running.at()).await;
    for (target, status) in [("/defect", 500), ("/", 200)] {
        client
            .send(format!(
                "GET {target} HTTP/1.1\r\nhost: {}\r\n\r\n",
                running.own_host()
            ))
            .await;
        assert_eq!(client.reply(false).await.expect("a reply").status, status);
    }
}

#[tokio::test]
async fn garbage_never_stops_the_gateway() {
    let running = start().await;
    // xorshift: the same garbage in every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let pieces: [&[u8]; 10] = [
        b"GET / HTTP/1.1\r\n",
        b"POST ",
        b"\r\n",
        b"\r\n\r\n",
        b"host: a\r\n",
        b"content-length: 99\r\n",
        b"transfer-encoding: chunked\r\n",
        b"\x00\xff",
        b"ffffffffffffffff\r\n",
        b": ",
    ];
    for _ in 0..200 {
        let mut bytes = Vec::new();
        for _ in 0..random() % 12 {
            match random() % 3 {
                0 => bytes.push(random() as u8),
                _ => bytes.extend_from_slice(pieces[(random() % 10) as usize]),
            }
        }
        let mut client = Client::connect(running.at()).await;
        client.send(&bytes).await;
    }
    assert_eq!(
        get(running.at(), &running.own_host(), "/", &[])
            .await
            .status,
        200
    );
}
