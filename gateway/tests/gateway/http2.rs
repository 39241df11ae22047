//! HTTP/2 without TLS, by a client that knows it beforehand.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use cop_gateway::{GatewayConfig, Limits};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::Client;
use crate::double::{Running, answer, start, start_limited, start_with};

type Sender = SendRequest<Full<Bytes>>;

/// A connection. The handle ends when the other side closes it.
async fn connect(at: SocketAddr) -> (Sender, tokio::task::JoinHandle<hyper::Result<()>>) {
    let stream = TcpStream::connect(at).await.expect("it listens");
    let (sender, connection) = Builder::new(TokioExecutor::new())
        // What is not read is not sent.
        .initial_stream_window_size(65_535)
        .handshake(TokioIo::new(stream))
        .await
        .expect("HTTP/2");
    (sender, tokio::spawn(connection))
}

fn request(running: &Running, method: Method, path: &str, body: Vec<u8>) -> Request<Full<Bytes>> {
    let uri = format!("http://{}{path}", running.own_host());
    let request = Request::builder().method(method).uri(uri);
    request
        .body(Full::new(Bytes::from(body)))
        .expect("a request")
}

async fn get(sender: &mut Sender, running: &Running, path: &str) -> Response<Bytes> {
    send(sender, request(running, Method::GET, path, Vec::new())).await
}

async fn send(sender: &mut Sender, request: Request<Full<Bytes>>) -> Response<Bytes> {
    let response = sender.send_request(request).await.expect("an answer");
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("its body").to_bytes();
    Response::from_parts(head, body)
}

#[tokio::test]
async fn many_requests_share_a_connection() {
    let running = start_with(GatewayConfig::default(), |_, request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        Ok(answer(&format!(
            "{} {body}",
            String::from_utf8_lossy(&request.target)
        )))
    })
    .await;
    let (mut sender, _connection) = connect(running.at()).await;
    let mut waiting = Vec::new();
    for number in 0..100 {
        let posted = request(
            &running,
            Method::POST,
            &format!("/{number}"),
            b"body".to_vec(),
        );
        waiting.push(sender.send_request(posted));
    }
    for (number, waiting) in waiting.into_iter().enumerate() {
        let response = waiting.await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        let body = response.into_body().collect().await.expect("a body");
        assert_eq!(body.to_bytes(), format!("/{number} body"));
    }
    // HEAD is GET without the body, whose length is told.
    let head = send(
        &mut sender,
        request(&running, Method::HEAD, "/h", Vec::new()),
    )
    .await;
    assert_eq!(
        (head.body().len(), &head.headers()["content-length"]),
        (0, &"3".parse().expect("a value"))
    );
    // Cookies may come in several headers, and are one to the program.
    let mut crumbs = request(&running, Method::GET, "/", Vec::new());
    crumbs
        .headers_mut()
        .append("cookie", "a=1".parse().expect("a value"));
    crumbs
        .headers_mut()
        .append("cookie", "b=2".parse().expect("a value"));
    send(&mut sender, crumbs).await;
    let told = running.latest().headers;
    assert_eq!(told.iter().filter(|(name, _)| name == b"cookie").count(), 2);
}

#[tokio::test]
async fn large_bodies_pass_both_ways() {
    let running = start_with(GatewayConfig::default(), |_, request| {
        let mut given = answer("");
        given.body = request.body;
        Ok(given)
    })
    .await;
    let (mut sender, _connection) = connect(running.at()).await;
    let body: Vec<u8> = (0..5_000_000_u32).map(|n| (n >> 5) as u8).collect();
    let echoed = send(
        &mut sender,
        request(&running, Method::POST, "/", body.clone()),
    )
    .await;
    assert!(echoed.body() == &body);
}

#[tokio::test]
async fn limits_have_the_same_words() {
    let running = start_limited(Limits {
        body_bytes: 100_000,
        ..Limits::default()
    })
    .await;
    let (mut sender, _connection) = connect(running.at()).await;
    let large = request(&running, Method::POST, "/", vec![b'x'; 100_001]);
    let long = request(
        &running,
        Method::GET,
        &format!("/{}", "x".repeat(9000)),
        Vec::new(),
    );
    let mut headers = request(&running, Method::GET, "/", Vec::new());
    headers
        .headers_mut()
        .insert("x-large", "x".repeat(17 << 10).parse().expect("a value"));
    let mut lines = request(&running, Method::GET, "/", Vec::new());
    for line in 0..101 {
        let name = hyper::header::HeaderName::try_from(format!("x-{line}")).expect("a name");
        lines
            .headers_mut()
            .insert(name, "1".parse().expect("a value"));
    }
    let mut two = request(&running, Method::GET, "/", Vec::new());
    two.headers_mut()
        .insert("host", "other".parse().expect("a value"));
    for (request, status, code) in [
        (large, 413, "too_large"),
        (long, 414, "uri_too_long"),
        (headers, 431, "headers_too_large"),
        (lines, 431, "headers_too_large"),
        (two, 400, "bad_request"),
    ] {
        let response = send(&mut sender, request).await;
        let problem: serde_json::Value = serde_json::from_slice(response.body()).expect("JSON");
        assert_eq!(
            (response.status().as_u16(), problem["code"].as_str()),
            (status, Some(code))
        );
    }
    assert_eq!(running.times_asked(), 0);
    assert_eq!(
        get(&mut sender, &running, "/").await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn requests_of_one_client_are_counted_over_all_its_connections() {
    let running = start_limited(Limits {
        connections_per_client: 4,
        ..Limits::default()
    })
    .await;
    let (mut first, _one) = connect(running.at()).await;
    let (mut second, _other) = connect(running.at()).await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        for sender in [&mut first, &mut second] {
            let slow = request(&running, Method::GET, "/slow", Vec::new());
            waiting.push(sender.send_request(slow));
        }
    }
    let mut statuses = Vec::new();
    for waiting in waiting {
        statuses.push(waiting.await.expect("an answer").status().as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 429, 429]);
    assert_eq!(
        get(&mut first, &running, "/").await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_body_that_nobody_has_room_for_is_refused() {
    let limits = Limits {
        held_bytes: 1 << 20,
        held_bytes_per_client: 600 << 10,
        ..Limits::default()
    };
    let config = GatewayConfig {
        limits,
        ..GatewayConfig::default()
    };
    let running = start_with(config, |_, _| Ok(answer(&"x".repeat(500 << 10)))).await;
    let (mut sender, _connection) = connect(running.at()).await;
    // Nobody reads it, so it stays.
    let unread = sender.send_request(request(&running, Method::GET, "/", Vec::new()));
    let unread = unread.await.expect("an answer");
    let (mut other, _connection) = connect(running.at()).await;
    let refused = get(&mut other, &running, "/").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key("retry-after"));
    let posted = request(&running, Method::POST, "/", vec![0; 200 << 10]);
    assert_eq!(
        send(&mut other, posted).await.status(),
        StatusCode::TOO_MANY_REQUESTS
    );
    let body = unread.into_body().collect().await.expect("the body");
    assert_eq!(body.to_bytes().len(), 500 << 10);
    for _ in 0..100 {
        if get(&mut other, &running, "/").await.status() == StatusCode::OK {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the room is never given back");
}

#[tokio::test]
async fn an_answer_that_nobody_reads_ends_the_connection() {
    let limits = Limits {
        answer_stall: Duration::from_millis(300),
        ..Limits::default()
    };
    let config = GatewayConfig {
        limits,
        ..GatewayConfig::default()
    };
    let running = start_with(config, |_, _| Ok(answer(&"x".repeat(1 << 20)))).await;
    let (mut sender, connection) = connect(running.at()).await;
    let unread = sender.send_request(request(&running, Method::GET, "/", Vec::new()));
    let _unread = unread.await.expect("an answer");
    let ended = tokio::time::timeout(Duration::from_secs(20), connection).await;
    assert!(
        ended.is_ok(),
        "a window that is never opened holds the connection"
    );
}

#[tokio::test]
async fn a_header_block_without_end_ends_the_connection() {
    let running = start_limited(Limits {
        header_time: Duration::from_millis(300),
        ..Limits::default()
    })
    .await;
    // One without a word, and one that begins a header block.
    for block in [&b""[..], b"\0\0\x01\x01\0\0\0\0\x01\x82"] {
        let mut stream = TcpStream::connect(running.at()).await.expect("it listens");
        stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
            .await
            .expect("sent");
        stream.write_all(block).await.expect("sent");
        let mut read = Vec::new();
        let ended =
            tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut read)).await;
        assert!(ended.is_ok(), "it waits for ever");
    }
    // A preface byte by byte is as slow as any head.
    let mut client = Client::connect(running.at()).await;
    client.send("PRI * HTTP").await;
    assert_eq!(
        client.reply(false).await.expect("a reply").code(),
        "timeout"
    );
}

#[tokio::test]
async fn stopping_lets_open_requests_finish() {
    let running = start().await;
    let (mut sender, connection) = connect(running.at()).await;
    assert_eq!(
        get(&mut sender, &running, "/").await.status(),
        StatusCode::OK
    );
    let slow = sender.send_request(request(&running, Method::GET, "/slow", Vec::new()));
    while running.times_asked() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let stopping = tokio::spawn(running.server.stop());
    let response = slow.await.expect("an answer");
    let body = response.into_body().collect().await.expect("a body");
    assert_eq!(body.to_bytes(), "<p>hello</p>");
    let ended = tokio::time::timeout(Duration::from_secs(20), connection).await;
    assert!(matches!(ended, Ok(Ok(Ok(())))), "{ended:?}");
    stopping.await.expect("stopped");
}
