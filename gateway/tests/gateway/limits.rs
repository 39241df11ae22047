//! Slow clients, large requests, crowds, and stopping.

use std::time::{Duration, Instant};

use cop_gateway::{Gateway, GatewayConfig, Limits};
use cop_net::Communication;

use crate::client::{Client, NAVIGATION, exchange, get};
use crate::double::{answer, start, start_limited, start_with};

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn slow_headers_are_cut_off_in_time() {
    let running = start_limited(Limits {
        header_time: SHORT,
        ..Limits::default()
    })
    .await;
    let begun = Instant::now();
    let mut silent = Client::connect(running.at()).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(Client::connect(running.at()).await);
    }
    // A byte now and then does not buy more time.
    for byte in b"GET / HTTP/1" {
        for client in &mut clients {
            client.send([*byte]).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for client in &mut clients {
        let reply = client.reply(false).await.expect("a reply");
        assert_eq!((reply.status, reply.code().as_str()), (408, "timeout"));
    }
    // Who never said a word is not spoken to.
    assert!(silent.closes_within(Duration::from_secs(2)).await);
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn an_idle_connection_lives_longer_than_a_slow_head() {
    let running = start_limited(Limits {
        header_time: Duration::from_secs(1),
        keep_alive: Duration::from_secs(3),
        ..Limits::default()
    })
    .await;
    let request = format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", running.own_host());
    let mut client = Client::connect(running.at()).await;
    for _ in 0..2 {
        client.send(&request).await;
        assert_eq!(client.reply(false).await.expect("a reply").status, 200);
        tokio::time::sleep(Duration::from_millis(1500)).await;
    }
    assert!(client.closes_within(Duration::from_secs(6)).await);
    // On a kept connection, a slow head is as slow as on a new one.
    let mut client = Client::connect(running.at()).await;
    client.send(&request).await;
    assert_eq!(client.reply(false).await.expect("a reply").status, 200);
    client.send("GET / HT").await;
    assert_eq!(
        client.reply(false).await.expect("a reply").code(),
        "timeout"
    );
}

#[tokio::test]
async fn slow_bodies_are_cut_off_in_time() {
    let limits = Limits {
        body_grace: SHORT,
        body_bytes_per_second: 1000,
        ..Limits::default()
    };
    let running = start_limited(limits).await;
    let mut client = Client::connect(running.at()).await;
    client
        .send(format!(
            "POST / HTTP/1.1\r\nhost: {}\r\ncontent-length: 5000\r\n\r\n",
            running.own_host()
        ))
        .await;
    // 100 bytes in 200 ms is half the least rate.
    for _ in 0..20 {
        client.send([b'x'; 100]).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        if running.times_asked() > 0 {
            break;
        }
    }
    let reply = client.reply(false).await.expect("a reply");
    assert_eq!((reply.status, reply.code().as_str()), (408, "timeout"));
    assert_eq!(running.times_asked(), 0);
}

#[tokio::test]
async fn large_headers_are_refused_with_words() {
    let running = start().await;
    let host = running.own_host();
    let head = |value: usize| {
        format!(
            "GET / HTTP/1.1\r\nhost: {host}\r\nx-large: {}\r\n\r\n",
            "x".repeat(value)
        )
    };
    for size in [17 << 10, 40 << 10, 1 << 20] {
        let reply = exchange(running.at(), head(size)).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (431, "headers_too_large"),
            "{size} bytes"
        );
    }
    assert_eq!(exchange(running.at(), head(15 << 10)).await.status, 200);
    let lines: String = (0..101).map(|line| format!("x-{line}: 1\r\n")).collect();
    let reply = exchange(
        running.at(),
        format!("GET / HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n"),
    )
    .await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (431, "headers_too_large")
    );
    // A browser whose cookies grew too large is told in a page.
    let cookie = format!("cookie: {}", "x".repeat(20 << 10));
    let page = get(running.at(), &host, "/", &[NAVIGATION[0], &cookie]).await;
    assert_eq!(page.status, 431);
    assert!(
        page.text().contains("delete this site&#39;s cookies"),
        "{}",
        page.text()
    );
}

#[tokio::test]
async fn long_urls_are_refused_with_words() {
    let running = start().await;
    let host = running.own_host();
    for size in [9 << 10, 30 << 10, 200 << 10, 1 << 20] {
        let reply = exchange(
            running.at(),
            format!("GET /{} HTTP/1.1\r\nhost: {host}\r\n\r\n", "x".repeat(size)),
        )
        .await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (414, "uri_too_long"),
            "{size} bytes"
        );
    }
    let longest = format!("/{}?{}", "x".repeat(4000), "y".repeat(8192 - 4002));
    assert_eq!(get(running.at(), &host, &longest, &[]).await.status, 200);
    assert_eq!(
        get(running.at(), &host, &format!("{longest}y"), &[])
            .await
            .status,
        414
    );
}

#[tokio::test]
async fn large_bodies_are_refused_with_words() {
    let limits = Limits {
        body_bytes: 100_000,
        ..Limits::default()
    };
    let running = start_limited(limits).await;
    let host = running.own_host();
    // Announced: refused before it is read, and the words arrive though the client sends on.
    let body = vec![b'x'; 1_000_000];
    let mut announced = format!(
        "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    announced.extend_from_slice(&body);
    let reply = exchange(running.at(), &announced).await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "too_large"));
    // In chunks: refused when it grows past the limit.
    let mut chunked =
        format!("POST / HTTP/1.1\r\nhost: {host}\r\ntransfer-encoding: chunked\r\n\r\n")
            .into_bytes();
    for _ in 0..20 {
        chunked.extend_from_slice(format!("{:x}\r\n{}\r\n", 10_000, "x".repeat(10_000)).as_bytes());
    }
    let reply = exchange(running.at(), &chunked).await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "too_large"));
    // A client that asks first never sends it.
    let mut client = Client::connect(running.at()).await;
    client.send(format!("POST / HTTP/1.1\r\nhost: {host}\r\nexpect: 100-continue\r\ncontent-length: 100001\r\n\r\n")).await;
    assert_eq!(client.reply(false).await.expect("a reply").status, 413);
    assert_eq!(running.times_asked(), 0);
    let mut fits =
        format!("POST / HTTP/1.1\r\nhost: {host}\r\ncontent-length: 100000\r\n\r\n").into_bytes();
    fits.extend_from_slice(&body[..100_000]);
    assert_eq!(exchange(running.at(), &fits).await.status, 200);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    for limits in [
        Limits {
            request_time: SHORT,
            ..Limits::default()
        },
        Limits {
            answer_stall: SHORT,
            ..Limits::default()
        },
    ] {
        does_not_read(limits).await;
    }
}

async fn does_not_read(limits: Limits) {
    let config = GatewayConfig {
        limits,
        ..GatewayConfig::default()
    };
    let running = start_with(config, |_, _| Ok(answer(&"x".repeat(16 << 20)))).await;
    let mut client = Client::connect(running.at()).await;
    client
        .send(format!(
            "GET / HTTP/1.1\r\nhost: {}\r\n\r\n",
            running.own_host()
        ))
        .await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let begun = Instant::now();
    running.server.stop().await;
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "the connection is still served"
    );
}

#[tokio::test]
async fn crowds_are_told_to_wait() {
    let running = start_limited(Limits {
        connections_per_client: 3,
        ..Limits::default()
    })
    .await;
    let mut seated = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(running.at()).await;
        client
            .send(format!(
                "GET / HTTP/1.1\r\nhost: {}\r\n\r\n",
                running.own_host()
            ))
            .await;
        assert_eq!(client.reply(false).await.expect("a reply").status, 200);
        seated.push(client);
    }
    let reply = Client::connect(running.at())
        .await
        .reply(false)
        .await
        .expect("a reply");
    assert_eq!((reply.status, reply.code().as_str()), (429, "too_many"));
    assert!(reply.header("retry-after").is_some());
    seated.pop();
    // The seat is free as soon as the gateway sees the close.
    for _ in 0..50 {
        let mut client = Client::connect(running.at()).await;
        client
            .send(format!(
                "GET / HTTP/1.1\r\nhost: {}\r\n\r\n",
                running.own_host()
            ))
            .await;
        if client
            .reply(false)
            .await
            .is_some_and(|reply| reply.status == 200)
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a seat that was given back is never free");
}

#[tokio::test]
async fn who_asks_for_nothing_makes_room() {
    let running = start_limited(Limits {
        connections: 32,
        ..Limits::default()
    })
    .await;
    let request = format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", running.own_host());
    let mut clients = Vec::new();
    let mut refused = 0;
    while clients.len() < 100 {
        let mut client = Client::connect(running.at()).await;
        client.send(&request).await;
        match client.reply(false).await.expect("a reply").status {
            200 => clients.push(client),
            // It takes a moment until those that were told are gone.
            503 if refused < 200 => refused += 1,
            status => panic!("{status} after {} clients", clients.len()),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(clients[0].closes_within(Duration::from_secs(5)).await);
    // Who is being answered stays.
    drop(clients);
    let mut busy = Client::connect(running.at()).await;
    busy.send(request.replace("GET /", "GET /slow")).await;
    let _others = [
        Client::connect(running.at()).await,
        Client::connect(running.at()).await,
    ];
    assert_eq!(busy.reply(false).await.expect("a reply").status, 200);
}

#[tokio::test]
async fn a_full_gateway_says_so() {
    let running = start_limited(Limits {
        connections: 1,
        ..Limits::default()
    })
    .await;
    let _seated = Client::connect(running.at()).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let reply = Client::connect(running.at())
        .await
        .reply(false)
        .await
        .expect("a reply");
    assert_eq!((reply.status, reply.code().as_str()), (503, "overloaded"));
}

#[tokio::test]
async fn stopping_lets_open_requests_finish() {
    let running = start().await;
    let at = running.at();
    let mut idle = Client::connect(at).await;
    idle.send(format!(
        "GET / HTTP/1.1\r\nhost: {}\r\n\r\n",
        running.own_host()
    ))
    .await;
    assert_eq!(idle.reply(false).await.expect("a reply").status, 200);
    let mut busy = Client::connect(at).await;
    busy.send(format!(
        "GET /slow HTTP/1.1\r\nhost: {}\r\n\r\n",
        running.own_host()
    ))
    .await;
    while running.times_asked() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let begun = Instant::now();
    let stopping = tokio::spawn(running.server.stop());
    let reply = busy.reply(false).await.expect("a reply");
    assert_eq!(
        (reply.status, reply.header("connection")),
        (200, Some("close"))
    );
    assert!(idle.closes_within(Duration::from_secs(1)).await);
    drop((idle, busy));
    stopping.await.expect("stops");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(
        tokio::net::TcpStream::connect(at).await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test]
async fn a_port_in_use_is_an_error() {
    let running = start().await;
    let second = Gateway::start(
        running.at(),
        GatewayConfig::default(),
        Communication::without_own(),
    )
    .await;
    assert_eq!(
        second.err().map(|error| error.kind()),
        Some(std::io::ErrorKind::AddrInUse)
    );
}

#[tokio::test]
async fn without_an_execution_system_nothing_is_reachable() {
    let any_port = "127.0.0.1:0".parse().expect("an address");
    let server = Gateway::start(
        any_port,
        GatewayConfig::default(),
        Communication::without_own(),
    )
    .await
    .expect("a free port");
    let host = format!("hello-{}.localhost", crate::double::address());
    assert_eq!(
        get(server.address(), &host, "/", &[]).await.code(),
        "unreachable"
    );
}
