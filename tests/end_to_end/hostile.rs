//! What a hostile or unlucky program, publisher or client sends to a node: a clear refusal, and a node that goes on.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use cop_runtime::{Bundle, Hash, SecretKey, SignedRelease, local_network};
use coputer::client::{ClientError, NodeClient};
use coputer::packages::Options;
use coputer::project::Project;
use coputer::publish::{Place, build, sign};
use serde_json::Value;

use crate::daemon::Daemon;
use crate::http::{get, header, send};
use crate::publishing::{home, publish, published, text};

const BOMBS: &str = r#"
import { Kv } from "host/kv"
import { Request, Response } from "std/web"

fn handle(req: Request, mut kv: Kv) -> Response {
    match req.path {
        "/loop" => { while true {} }
        "/grow" => { let mut all = "x"; while true { all = "${all}${all}" } }
        "/deep" => { return Response.text("${down(0)}") }
        "/talk" => { while true { print("again and again and again and again and again and again") } }
        "/big" => { let line = "x".repeat(1_000); return Response.text(line.repeat(17_000)) }
        "/write" => { for n in 0..1_001 { kv.set("k${n}", n).expect("a store") } }
        "/ask" => { for n in 0..10_001 { let found: Int? = kv.get("k${n}").expect("a store"); if found is Some(_) { print("found") } } }
        "/half" => { kv.set("half", 1).expect("a store"); panic("in the middle") }
        "/index" => { return Response.text("${[1][req.path.len()]}") }
        _ => {}
    }
    let half: Int? = kv.get("half").expect("a store")
    Response.text("fine ${half is None}")
}

fn down(n: Int) -> Int { 1 + down(n + 1) }
"#;

/// A node with a program that can go wrong in every way, and the URL of its own host.
fn node_with_bombs(data: &Path) -> (Daemon, String) {
    let home = home();
    let folder = home.path().join("bombs");
    std::fs::create_dir(&folder).expect("made");
    let source = BOMBS.replace("; ", "\n            ");
    std::fs::write(folder.join("main.cop"), source).expect("written");
    std::fs::write(
        folder.join("cop.toml"),
        "name = \"bombs\"\nfuel = 20_000_000\nmemory_mib = 48\n",
    )
    .expect("written");
    let node = Daemon::start(data);
    let told = published(home.path(), data, &["bombs"]);
    (node, text(&told, "/urls/host").to_owned())
}

#[tokio::test]
async fn no_program_takes_the_node_with_it() {
    let data = tempfile::tempdir().expect("a folder");
    let (node, url) = node_with_bombs(data.path());
    let at = node.http();
    for (path, trap) in [
        ("loop", "OutOfFuel"),
        ("grow", "OutOfMemory"),
        ("deep", "StackOverflow"),
        ("talk", "LogLimit"),
        ("big", "ResponseLimit"),
        ("write", "WriteLimit"),
        ("ask", "HostCallLimit"),
        ("half", "Panic"),
        ("index", "IndexOutOfBounds"),
    ] {
        let told = get(at, &format!("{url}{path}")).await;
        assert_eq!(told.status().as_u16(), 500, "{path}: {}", told.body());
        assert_eq!(header(&told, "content-type"), "application/problem+json");
        let problem: Value = serde_json::from_str(told.body()).expect("JSON");
        assert_eq!(
            (&problem["code"], &problem["trap"]),
            (&"trapped".into(), &trap.into()),
            "{path}: {problem}"
        );
        assert_eq!(
            (
                header(&told, "cache-control"),
                header(&told, "cop-run").len()
            ),
            ("no-store", 32)
        );
        let page = send(
            at,
            "GET",
            &format!("{url}{path}"),
            &[("accept", "text/html")],
            "",
        )
        .await;
        assert!(
            page.body().contains(trap) && page.body().contains("<!doctype html>"),
            "{}",
            page.body()
        );
        // On the owner's machine it says where; a response is too large nowhere.
        if trap != "ResponseLimit" {
            let place = text(&problem, "/trap_place");
            assert!(place.contains("main.cop:"), "{path}: {problem}");
        }
        // The program and the node go on, and what was written in the middle is not there.
        assert_eq!(get(at, &url).await.body(), "fine true", "after {path}");
        // The same again is the same outcome.
        let again: Value =
            serde_json::from_str(get(at, &format!("{url}{path}")).await.body()).expect("JSON");
        assert_eq!(
            (&again["trap"], &again["trap_message"]),
            (&problem["trap"], &problem["trap_message"])
        );
    }
    assert_eq!(node.interrupt().0, Some(0));
}

/// Sends raw bytes, and gives the first line of what comes back.
fn status_line(at: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(at).expect("it listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("set");
    // It may hang up as soon as it has seen enough.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while !answer.contains(&b'\n') {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(count) => answer.extend_from_slice(&piece[..count]),
        }
    }
    String::from_utf8_lossy(&answer)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn requests_beyond_the_limits_are_refused_before_any_run() {
    let data = tempfile::tempdir().expect("a folder");
    let (node, url) = node_with_bombs(data.path());
    let at = node.http();
    let host = url
        .strip_prefix("http://")
        .expect("http")
        .trim_end_matches('/')
        .to_owned();
    for (name, request, status) in [
        (
            "a header of 1 MiB",
            format!(
                "GET / HTTP/1.1\r\nhost: {host}\r\nx-long: {}\r\n\r\n",
                "a".repeat(1 << 20)
            ),
            "431",
        ),
        (
            "a thousand headers",
            format!(
                "GET / HTTP/1.1\r\nhost: {host}\r\n{}\r\n",
                "x-one: 1\r\n".repeat(1000)
            ),
            "431",
        ),
        (
            "a URL of 64 KiB",
            format!(
                "GET /{} HTTP/1.1\r\nhost: {host}\r\n\r\n",
                "a".repeat(1 << 16)
            ),
            "414",
        ),
        (
            "a body said to be too large",
            format!("POST / HTTP/1.1\r\nhost: {host}\r\ncontent-length: 99999999999\r\n\r\n"),
            "413",
        ),
        ("no HTTP", "hello there\r\n\r\n".to_owned(), "400"),
        (
            "two lengths",
            format!(
                "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"
            ),
            "400",
        ),
    ] {
        let line = tokio::task::spawn_blocking(move || status_line(at, request.as_bytes()))
            .await
            .expect("answered");
        assert!(
            line.starts_with(&format!("HTTP/1.1 {status} ")),
            "{name}: {line:?}"
        );
    }
    let large = send(at, "POST", &url, &[], &"x".repeat((8 << 20) + 1)).await;
    assert_eq!(large.status().as_u16(), 413, "{}", large.body());
    let just = send(at, "POST", &url, &[], &"x".repeat(8 << 20)).await;
    assert_eq!(just.body(), "fine true");
}

/// A publisher with a program in two releases on a node.
struct Publisher {
    client: NodeClient,
    key: SecretKey,
    bundle: Bundle,
    releases: Vec<SignedRelease>,
}

impl Publisher {
    async fn new(data: &Path) -> Publisher {
        let home = home();
        let project = Project::at(&home.path().join("greet.cop")).expect("a project");
        let mut publisher = Publisher {
            client: NodeClient::of_folder(data, None).expect("it runs"),
            key: SecretKey::from_bytes(&[7; 32]).expect("a key"),
            bundle: build(&project, &Options::default()).expect("built").bundle,
            releases: Vec::new(),
        };
        for _ in 0..2 {
            let release = publisher.next();
            publisher.send(&release).await.expect("stored");
            publisher.releases.push(release);
        }
        publisher
    }

    fn signed(
        &self,
        name: &str,
        number: u64,
        previous: Option<Hash>,
        network: Hash,
    ) -> SignedRelease {
        let place = Place {
            network,
            number,
            previous,
        };
        sign(
            &self.bundle,
            &name.parse().expect("a name"),
            place,
            &self.key,
        )
        .expect("signed")
    }

    fn next(&self) -> SignedRelease {
        let number = self.releases.len() as u64 + 1;
        self.signed(
            "greet",
            number,
            self.releases.last().map(SignedRelease::hash),
            local_network(),
        )
    }

    async fn send(&self, release: &SignedRelease) -> Result<u64, String> {
        self.send_bytes(&release.encode(), &self.bundle.encode())
            .await
    }

    /// The number of the stored release, or the code of the refusal.
    async fn send_bytes(&self, release: &[u8], bundle: &[u8]) -> Result<u64, String> {
        match self.client.publish(release, bundle).await {
            Ok(stored) => Ok(stored.release),
            Err(ClientError::Refused(problem)) => {
                assert!(!problem.title.is_empty() && !problem.detail.is_empty());
                Err(problem.code)
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn refused(code: &str) -> Result<u64, String> {
    Err(code.to_owned())
}

#[tokio::test]
async fn forged_replayed_renumbered_and_renamed_releases_are_refused() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Daemon::start(data.path());
    let publisher = Publisher::new(data.path()).await;
    let before = get(node.http(), &node.file.url).await.into_body();
    let good = publisher.next().encode();
    let bundle = publisher.bundle.encode();

    // One bit anywhere makes another release, which nobody signed.
    for place in 0..good.len() {
        let mut changed = good.clone();
        changed[place] ^= 1;
        let told = publisher.send_bytes(&changed, &bundle).await;
        assert_eq!(told, refused("bad_signature"), "byte {place}");
    }
    let mut renamed = good.clone();
    let at = renamed
        .windows(5)
        .position(|part| part == b"greet")
        .expect("its name");
    renamed[at..at + 5].copy_from_slice(b"other");
    for bytes in [
        &renamed[..],
        &good[..good.len() - 1],
        &[&good[..], b"x"].concat(),
        b"",
        b"copr",
    ] {
        assert_eq!(
            publisher.send_bytes(bytes, &bundle).await,
            refused("bad_signature")
        );
    }
    // Signed well, but out of line.
    let [first, second] = &publisher.releases[..] else {
        panic!("two releases")
    };
    let network = local_network();
    for (told, code) in [
        (publisher.send(first).await, "stale_release"),
        (
            publisher
                .send(&publisher.signed("greet", 4, Some(second.hash()), network))
                .await,
            "stale_release",
        ),
        (
            publisher
                .send(&publisher.signed("greet", 3, Some(first.hash()), network))
                .await,
            "stale_release",
        ),
        (
            publisher
                .send(&publisher.signed("other", 2, Some(first.hash()), network))
                .await,
            "stale_release",
        ),
        (
            publisher
                .send(&publisher.signed("greet", 3, Some(second.hash()), Hash([9; 32])))
                .await,
            "bad_signature",
        ),
    ] {
        assert_eq!(told, refused(code));
    }
    // The key signed two releases with one number, which nobody does by accident: the first one stays.
    let home = home();
    let other = build(
        &Project::at(&home.path().join("visits")).expect("a project"),
        &Options::default(),
    )
    .expect("built")
    .bundle;
    let place = Place {
        network,
        number: 2,
        previous: Some(first.hash()),
    };
    let twice = sign(
        &other,
        &"greet".parse().expect("a name"),
        place,
        &publisher.key,
    )
    .expect("signed");
    let told = publisher.send_bytes(&twice.encode(), &other.encode()).await;
    assert_eq!(told, refused("stale_release"));
    // The newest once more changes nothing and is no mistake: an answer may have been lost.
    assert_eq!(publisher.send(second).await, Ok(2));
    assert_eq!(
        get(node.http(), &node.file.url).await.into_body(),
        before,
        "the store changed"
    );
    assert_eq!(publisher.send_bytes(&good, &bundle).await, Ok(3));
}

#[tokio::test]
async fn garbage_truncated_and_re_encoded_bundles_are_refused() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Daemon::start(data.path());
    let publisher = Publisher::new(data.path()).await;
    let before = get(node.http(), &node.file.url).await.into_body();
    let release = publisher.next().encode();
    let good = publisher.bundle.encode();

    let mut cases: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"copb".to_vec(),
        b"PK\x03\x04 not a bundle".to_vec(),
        vec![0xff; 4096],
        [&good[..], b"x"].concat(),
    ];
    for step in 1..40 {
        cases.push(good[..good.len() * step / 40].to_vec());
        let mut changed = good.clone();
        changed[good.len() * step / 40] ^= 0x10;
        cases.push(changed);
    }
    // The count of files in two bytes instead of one says the same, but is not how it is written.
    cases.push([&good[..5], &[good[5] | 0x80, 0], &good[6..]].concat());
    for (number, bundle) in cases.iter().enumerate() {
        let told = publisher.send_bytes(&release, bundle).await;
        assert_eq!(told, refused("bad_bundle"), "case {number}");
    }
    // A well-formed bundle, but not the one that was signed.
    let home = home();
    let project = Project::at(&home.path().join("visits")).expect("a project");
    let other = build(&project, &Options::default()).expect("built").bundle;
    assert_eq!(
        publisher.send_bytes(&release, &other.encode()).await,
        refused("bad_bundle")
    );
    assert_eq!(
        get(node.http(), &node.file.url).await.into_body(),
        before,
        "the store changed"
    );
    assert_eq!(publisher.send_bytes(&release, &good).await, Ok(3));
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_loses_nothing() {
    let disk = tempfile::tempdir().expect("a folder");
    let Some((node, data)) = Daemon::on_small_disk(disk.path(), 8) else {
        return;
    };
    let home = home();
    let at = node.http();
    let visits = published(home.path(), &data, &["visits"]);
    let url = text(&visits, "/urls/host");
    let page = send(at, "POST", url, &[], "").await;
    assert_eq!(page.body(), "1 visits, cookie none");

    // Large programs until there is no room. A comment is part of the sources, and so of the bundle.
    let refused = (0..20).find_map(|number| {
        let mut source = format!("fn main() {{ print({number}) }}\n");
        while source.len() < 900_000 {
            source.push_str(&format!("// {number} {}\n", source.len()));
        }
        std::fs::write(home.path().join(format!("large{number}.cop")), source).expect("written");
        let told = publish(home.path(), &data, &[&format!("large{number}.cop")]);
        (told.status != Some(0)).then_some(told)
    });
    let refused = refused.expect("the disk is too small for twenty of them");
    refused.refused(1, &["full", "nothing was changed"]);

    // What was there is there, and the node goes on.
    let page = get(at, url).await;
    assert_eq!(page.body(), "1 visits, cookie none");
    let list: Value = serde_json::from_str(get(at, &node.file.url).await.body()).expect("JSON");
    let kept = list["programs"].as_array().expect("a list").len();
    assert!(kept > 1, "{list}");
    assert_eq!(node.interrupt().0, Some(0));
}
