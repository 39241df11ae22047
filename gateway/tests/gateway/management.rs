//! The management interface: who may use it, and what it does.

use std::net::SocketAddr;
use std::sync::Arc;

use cop_gateway::journal::{Journal, Kind, Record};
use cop_gateway::management::{Management, Token, publication};
use cop_gateway::{Observer, Server};

use crate::client::{Reply, exchange, get, request};
use crate::double::{address, double, observer};

async fn start() -> (Server, String) {
    observed(observer()).await
}

async fn observed(observer: Arc<Observer>) -> (Server, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let token = Token::load_or_create(&folder.path().join("token")).expect("a token");
    let line = format!("authorization: Bearer {}", token.as_str());
    let any_port = "127.0.0.1:0".parse().expect("an address");
    let server = Management::start(
        any_port,
        token,
        "copd/test",
        "localhost:2517",
        double(),
        None,
        observer,
    )
    .await
    .expect("a free port");
    (server, line)
}

fn json(reply: &Reply) -> serde_json::Value {
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("application/json")),
        "{}",
        reply.text()
    );
    serde_json::from_slice(&reply.body).expect("JSON")
}

#[tokio::test]
async fn the_owner_sees_the_node() {
    let (server, token) = start().await;
    let at = server.address();
    let read = async |target: &str| json(&get(at, "127.0.0.1", target, &[&token]).await);
    let health = read("/v1/health").await;
    assert_eq!(
        (&health["ok"], &health["writable"], &health["programs"]),
        (&true.into(), &true.into(), &1.into())
    );
    let programs = read("/v1/programs").await;
    assert_eq!(
        (
            &programs["programs"][0]["name"],
            &programs["programs"][0]["releases"]
        ),
        (&"hello".into(), &3.into())
    );
    let release = read(&format!("/v1/releases/{}/hello", address())).await;
    assert_eq!(
        (&release["next"], &release["newest"]["release"]),
        (&4.into(), &3.into())
    );
    assert_eq!(release["previous"], release["newest"]["release_hash"]);
    let first = read(&format!("/v1/releases/{}/other", address())).await;
    assert_eq!(
        (&first["next"], &first["previous"]),
        (&1.into(), &serde_json::Value::Null)
    );
    for (target, code) in [
        (format!("/v1/releases/{}x/hello", address()), "bad_address"),
        (format!("/v1/releases/{}/Hello", address()), "bad_name"),
        ("/v1/nothing".to_owned(), "no_such_program"),
        ("/v1/publish".to_owned(), "bad_request"),
    ] {
        assert_eq!(
            get(at, "localhost", &target, &[&token]).await.code(),
            code,
            "{target}"
        );
    }
}

async fn publish(at: SocketAddr, token: &str, body: &[u8]) -> Reply {
    let head = format!(
        "POST /v1/publish HTTP/1.1\r\nhost: localhost\r\n{token}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    exchange(at, bytes).await
}

#[tokio::test]
async fn the_owner_publishes() {
    let (server, token) = start().await;
    let at = server.address();
    let published = json(&publish(at, &token, &publication(b"signed", b"bundle")).await);
    assert_eq!(
        (&published["name"], &published["release"]),
        (&"hello".into(), &4.into())
    );
    assert_eq!(
        published["urls"]["host"],
        format!("http://hello-{}.localhost:2517/", address())
    );
    assert_eq!(
        published["urls"]["path"],
        format!("http://localhost:2517/~{}/hello/", address())
    );
    let refused = publish(at, &token, &publication(b"forged", b"bundle")).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "bad_signature")
    );
    assert_eq!(
        publish(at, &token, b"\xff\xff\xff\xffshort").await.code(),
        "bad_request"
    );
    assert_eq!(publish(at, &token, b"").await.code(), "bad_request");
    let large = request(
        at,
        "POST",
        "localhost",
        "/v1/publish",
        &[&token, "content-length: 40000000"],
    )
    .await;
    assert_eq!((large.status, large.code().as_str()), (413, "too_large"));
}

#[tokio::test]
async fn strangers_are_refused() {
    let (server, token) = start().await;
    let at = server.address();
    for lines in [
        &[][..],
        &["authorization: Bearer 00"],
        &["authorization: Basic eDp5"],
        &[&token.replace("Bearer ", "bearer-")],
    ] {
        assert_eq!(
            get(at, "localhost", "/v1/health", lines).await.code(),
            "denied",
            "{lines:?}"
        );
    }
    // A page of another site whose name was pointed at this machine.
    for host in ["evil.example", "localhost.evil.example", "10.0.0.1"] {
        let reply = get(at, host, "/v1/health", &[&token]).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (403, "denied"),
            "{host}"
        );
    }
    assert_eq!(
        publish(at, "x-none: 1", &publication(b"signed", b"bundle"))
            .await
            .code(),
        "denied"
    );
}

#[tokio::test]
async fn it_listens_on_this_machine_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = Token::load_or_create(&folder.path().join("token")).expect("a token");
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let address = address.parse().expect("an address");
        let started = Management::start(
            address,
            token.clone(),
            "copd/test",
            "localhost",
            double(),
            None,
            observer(),
        )
        .await;
        assert_eq!(
            started.err().map(|error| error.kind()),
            Some(std::io::ErrorKind::InvalidInput),
            "{address}"
        );
    }
}

#[tokio::test]
async fn the_owner_sees_messages_and_has_dead_ones_tried_again() {
    let (server, token) = start().await;
    let at = server.address();
    let target = format!("/v1/messages/{}/hello", address());
    let listed = json(&get(at, "127.0.0.1", &target, &[&token]).await);
    let message = &listed["messages"][0];
    assert_eq!(
        (&message["id"], &message["state"]),
        (&"r-0".into(), &"dead".into())
    );
    assert_eq!(message["next_ms"], serde_json::Value::Null);
    for (id, status) in [("r-0", 200), ("r-1", 400)] {
        let head = format!(
            "POST {target}/retry/{id} HTTP/1.1\r\nhost: 127.0.0.1\r\n{token}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        let reply = exchange(at, head.as_bytes()).await;
        assert_eq!(reply.status, status, "{}", reply.text());
    }
}

#[tokio::test]
async fn what_happens_is_listed_and_followed_from_a_cursor() {
    let journal = Arc::new(Journal::default());
    let observer = Observer::new(journal.clone(), double());
    let (server, token) = observed(observer).await;
    let at = server.address();
    let read = async |target: &str| json(&get(at, "127.0.0.1", target, &[&token]).await);
    journal.record(Record::new(Kind::Started, "one"));
    journal.record(Record::new(Kind::Trapped, "two").program("cop1x/shop"));
    let listed = read("/v1/events").await;
    assert_eq!(
        (&listed["events"][1]["text"], &listed["events"][1]["level"]),
        (&"two".into(), &"warn".into())
    );
    let first = listed["events"][0]["cursor"].as_str().expect("a cursor");
    let after = read(&format!("/v1/events?after={first}")).await;
    assert_eq!(after["events"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&after["cursor"], &after["gap"]),
        (&listed["cursor"], &().into())
    );
    let other = read("/v1/events?after=1-7").await;
    assert_eq!(other["gap"], "the node was started again");
    for (query, count) in [
        ("count=1", 1),
        ("kind=started", 1),
        ("program=shop", 1),
        ("level=error", 0),
    ] {
        let listed = read(&format!("/v1/events?{query}")).await;
        assert_eq!(
            listed["events"].as_array().map(Vec::len),
            Some(count),
            "{query}"
        );
    }
    for query in ["after=x", "kind=x", "level=x"] {
        let refused = get(at, "localhost", &format!("/v1/events?{query}"), &[&token]).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, "bad_request"),
            "{query}"
        );
    }

    // A stream: what was missed, what comes, and its end when the node stops.
    let lines = [
        &token,
        "accept: text/event-stream",
        &format!("last-event-id: {first}"),
    ];
    let stream = async { get(at, "localhost", "/v1/events", &lines).await };
    let happens = async {
        // Until somebody follows.
        while !journal.wants_traffic() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        journal.record(Record::new(Kind::Request, "three\nand more"));
        journal.close();
    };
    let (stream, ()) = tokio::join!(stream, happens);
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    let text = stream.text();
    let kinds = text.lines().filter_map(|line| line.strip_prefix("event:"));
    assert_eq!(kinds.collect::<Vec<_>>(), ["trapped", "request"], "{text}");
    assert!(text.contains("three\\nand more"), "{text}");
    assert!(!journal.wants_traffic());

    // The token stands before all of it.
    for target in ["/v1/events", "/metrics", "/v1/log-level"] {
        assert_eq!(
            get(at, "localhost", target, &[]).await.code(),
            "denied",
            "{target}"
        );
    }
    assert_eq!(read("/v1/log-level").await["level"], "info");
    let changed = request(
        at,
        "POST",
        "localhost",
        "/v1/log-level?level=warn",
        &[&token],
    )
    .await;
    assert_eq!(json(&changed)["level"], "warn");
    let refused = request(
        at,
        "POST",
        "localhost",
        "/v1/log-level?level=loud",
        &[&token],
    )
    .await;
    assert_eq!(refused.code(), "bad_request");
    let metrics = get(at, "localhost", "/metrics", &[&token]).await;
    assert!(
        metrics.text().contains("\ncoputer_programs 1\n"),
        "{}",
        metrics.text()
    );
}

/// Whether a value is of a type of JSON Schema.
fn is_of(value: &serde_json::Value, kind: &serde_json::Value) -> bool {
    match kind.as_str() {
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some("null") => value.is_null(),
        _ => kind
            .as_array()
            .is_some_and(|kinds| kinds.iter().any(|kind| is_of(value, kind))),
    }
}

#[tokio::test]
async fn every_route_is_described_and_answers_as_it_is_described() {
    let (server, token) = start().await;
    let at = server.address();
    let described = json(&get(at, "localhost", "/v1/openapi.json", &[&token]).await);
    let paths = described["paths"].as_object().expect("paths");
    let mut compared = 0;
    for (path, methods) in paths {
        let target = path
            .replace("{address}", &address().to_string())
            .replace("{name}", "hello")
            .replace("{number}", "1")
            .replace("{id}", "r-0")
            .replace("{run}", &"0".repeat(32));
        assert!(!target.contains('{'), "{target}");
        for (method, described) in methods.as_object().expect("methods") {
            let asked = match target.ends_with("/log-level") && method == "post" {
                true => format!("{target}?level=info"),
                false => target.clone(),
            };
            let method = method.to_ascii_uppercase();
            let reply = request(
                at,
                &method,
                "localhost",
                &asked,
                &[&token, "content-length: 0"],
            )
            .await;
            let schema = &described["responses"]["200"]["content"]["application/json"]["schema"];
            if reply.status != 200 {
                let refused = reply.text();
                assert!(
                    !refused.contains("nothing is at this address"),
                    "{method} {path}: {refused}"
                );
                continue;
            }
            let Some(properties) = schema["properties"].as_object() else {
                continue;
            };
            compared += 1;
            let answer = json(&reply);
            for (name, property) in properties {
                let value = answer
                    .get(name)
                    .unwrap_or_else(|| panic!("{path} has no {name}: {answer}"));
                assert!(is_of(value, &property["type"]), "{path}: {name}: {value}");
            }
        }
    }
    assert!(
        paths.len() >= 24 && compared >= 9,
        "{} paths, {compared} compared",
        paths.len()
    );
}
