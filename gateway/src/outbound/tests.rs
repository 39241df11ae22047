use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that takes one connection and gives these bytes, and what it was sent.
async fn server(reply: Vec<u8>) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = vec![0; 4096];
        let count = stream.read(&mut read).await.unwrap();
        let _ = stream.write_all(&reply).await;
        String::from_utf8_lossy(&read[..count]).into_owned()
    });
    (address, task)
}

fn fetch(url: &str) -> Fetch {
    Fetch {
        method: "GET".to_owned(),
        place: Place::of_url(url).unwrap(),
        headers: vec![("x-a".to_owned(), "1".to_owned())],
        body: bytes::Bytes::new(),
    }
}

#[tokio::test]
async fn a_reply_is_what_the_server_said() {
    let said = b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nx-b: 1\r\nX-B: 2\r\ncontent-length: 2\r\n\r\nhi";
    let (address, sent) = server(said.to_vec()).await;
    let client = Client::new(vec![address]).unwrap();
    let reply = client
        .fetch(fetch(&format!("http://{address}/p?q")))
        .await
        .unwrap();
    assert_eq!((reply.status, &reply.body[..]), (302, &b"hi"[..]));
    assert_eq!(reply.cookies, ["a=1", "b=2"]);
    assert!(
        reply
            .headers
            .contains(&("x-b".to_owned(), "1, 2".to_owned()))
    );
    assert!(
        reply
            .headers
            .contains(&("location".to_owned(), "http://10.0.0.1/".to_owned()))
    );
    let sent = sent.await.unwrap();
    assert!(sent.starts_with("GET /p?q HTTP/1.1\r\n"), "{sent}");
    assert!(sent.contains(&format!("host: {address}\r\n")) && sent.contains("x-a: 1\r\n"));
    assert!(sent.contains("user-agent: coputer/"));
}

#[tokio::test]
async fn private_addresses_are_for_the_operator_to_allow() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = Client::new(Vec::new()).unwrap();
    let port = address.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
        "0.0.0.0",
    ] {
        let url = format!("http://{host}:{port}/");
        let why = client.fetch(fetch(&url)).await.unwrap_err();
        assert!(
            why.contains("no public address") || why.contains("not found"),
            "{why}"
        );
    }
    let why = client
        .fetch(fetch(&format!("http://127.0.0.1:{port}/")))
        .await
        .unwrap_err();
    assert!(
        why.contains(&format!("copd start --reach 127.0.0.1:{port}")),
        "{why}"
    );
    // One that is allowed is so with its port alone.
    let client = Client::new(vec![SocketAddr::new(address.ip(), port.wrapping_add(1))]).unwrap();
    assert!(
        client
            .fetch(fetch(&format!("http://127.0.0.1:{port}/")))
            .await
            .is_err()
    );
    let nobody_came = tokio::time::timeout(Duration::from_millis(20), listener.accept()).await;
    assert!(nobody_came.is_err());
}

#[tokio::test]
async fn what_is_too_much_or_too_late_is_an_error() {
    let head = "HTTP/1.1 200 OK\r\n";
    let large = [
        format!("{head}connection: close\r\n\r\n").into_bytes(),
        vec![b'x'; RESPONSE_BYTES + 1],
    ]
    .concat();
    let wide = format!("{head}x: {}\r\n\r\n", "y".repeat(HEADER_BYTES)).into_bytes();
    let short = format!("{head}content-length: 9\r\n\r\nhi").into_bytes();
    let many: String = (0..HEADERS_MAX + 1)
        .map(|n| format!("x{n}: 1\r\n"))
        .collect();
    let many = format!("{head}{many}\r\n").into_bytes();
    for (said, expected) in [
        (large, "more than 4194304 bytes"),
        (wide, "gave no answer"),
        (short, "ended too early"),
        (many, "gave no answer"),
        (b"SSH-2.0-x\r\n".to_vec(), "gave no answer"),
        (Vec::new(), "gave no answer"),
    ] {
        let (address, _sent) = server(said).await;
        let client = Client::new(vec![address]).unwrap();
        let why = client
            .fetch(fetch(&format!("http://{address}/")))
            .await
            .unwrap_err();
        assert!(
            why.contains(expected) || why.contains("have more than"),
            "{why}"
        );
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut client = Client::new(vec![address]).unwrap();
    client.time_max = Duration::from_millis(30);
    let why = client
        .fetch(fetch(&format!("http://{address}/")))
        .await
        .unwrap_err();
    assert!(why.contains("did not answer within"), "{why}");
    drop(listener);
    let client = Client::new(vec![address]).unwrap();
    let why = client
        .fetch(fetch(&format!("http://{address}/")))
        .await
        .unwrap_err();
    assert!(why.contains("cannot connect"), "{why}");
    let why = client
        .fetch(fetch(&format!("https://{address}/")))
        .await
        .unwrap_err();
    assert!(why.contains("cannot connect"), "{why}");
}

/// A server that has no certificate, or one of nobody, is not spoken to.
#[tokio::test]
async fn tls_is_with_whom_it_says() {
    let (address, sent) = server(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let client = Client::new(vec![address]).unwrap();
    let why = client
        .fetch(fetch(&format!("https://{address}/")))
        .await
        .unwrap_err();
    assert!(why.contains("no TLS with"), "{why}");
    assert!(!sent.await.unwrap().contains("x-a"));
}
