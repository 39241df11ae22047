//! A node that is killed while it publishes, writes and remembers, again and again: what it had acknowledged is there afterwards.
//!
//! `COP_KILLS` says how often; the long run is `COP_KILLS=5000 cargo test --release --test end_to_end killing -- --nocapture`.
//! (A kill leaves what the system has of files in memory as it is; what a power cut does is tried in `runtime/src/store/faults.rs`.)

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cop_runtime::receipt::asked::from_base64url;
use cop_runtime::receipt::{SignedReceipt, node_key};
use cop_runtime::{Bundle, Namespace, PublicKey, SecretKey, local_network};
use coputer::client::NodeClient;
use coputer::packages::Options;
use coputer::project::Project;
use coputer::publish::{Place, build, sign};

use crate::copc::folder_with;
use crate::daemon::{Daemon, run};

/// Kills where nothing else is said.
const KILLS: u32 = 40;
/// Clients that write at the same time.
const WRITERS: u64 = 3;

/// Counts in two keys, which must never differ; `GET` tells them, below any path.
const SOURCE: &str = r#"
import { Kv } from "host/kv"
import { Request, Response } from "std/web"

fn handle(req: Request, mut kv: Kv) -> Response {
    let one = kv.get("one").expect("a store") ?? 0
    let two = kv.get("two").expect("a store") ?? 0
    if req.method == Post {
        kv.set("one", one + 1).expect("a store")
        kv.set("two", two + 1).expect("a store")
        return Response.text("${one + 1} ${two + 1} VARIANT")
    }
    Response.text("${one} ${two} VARIANT")
}
"#;

/// What was acknowledged so far.
#[derive(Default)]
struct Acknowledged {
    count: AtomicU64,
    release: AtomicU64,
    writes: AtomicU64,
    reads: AtomicU64,
    /// Receipts of writes, with the count that each is of.
    receipts: Mutex<Vec<(u64, Vec<u8>)>>,
    is_over: AtomicBool,
}

/// A connection to the node.
struct Connection(BufReader<TcpStream>);

/// What a node answers: status, body, and a receipt where one was asked for.
struct Answer {
    status: u16,
    body: String,
    receipt: Option<Vec<u8>>,
}

impl Connection {
    fn to(address: SocketAddr) -> std::io::Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_nodelay(true)?;
        Ok(Connection(BufReader::new(stream)))
    }

    fn ask(&mut self, method: &str, path: &str) -> std::io::Result<(u16, String)> {
        let answer = self.ask_with(method, path, "")?;
        Ok((answer.status, answer.body))
    }

    /// The same with further lines in the head of the request.
    fn ask_with(&mut self, method: &str, path: &str, lines: &str) -> std::io::Result<Answer> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n{lines}\r\n"
        );
        self.0.get_mut().write_all(request.as_bytes())?;
        let (mut status, mut length, mut receipt) = (0, 0, None);
        for at in 0.. {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let exact = line.trim_end();
            let line = exact.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if line.starts_with("cop-receipt:") {
                let value = exact.split_once(':').map(|(_, value)| value.trim());
                receipt = value.and_then(from_base64url);
            }
            if at == 0 {
                let code = line.split(' ').nth(1).and_then(|code| code.parse().ok());
                status = code.unwrap_or_default();
            }
            if let Some(text) = line.strip_prefix("content-length:") {
                length = text.trim().parse().unwrap_or_default();
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok(Answer {
            status,
            body: String::from_utf8_lossy(&body).into_owned(),
            receipt,
        })
    }
}

/// The count in an answer; both keys must say the same.
fn count(body: &str) -> u64 {
    let mut words = body.split(' ');
    let (one, two) = (words.next(), words.next());
    assert_eq!(one, two, "both keys or none: {body}");
    one.and_then(|one| one.parse().ok())
        .unwrap_or_else(|| panic!("no count: {body}"))
}

fn write(address: SocketAddr, path: &str, acknowledged: &Acknowledged) {
    let Ok(mut connection) = Connection::to(address) else {
        return;
    };
    for at in 0_u64.. {
        if acknowledged.is_over.load(Ordering::Relaxed) {
            return;
        }
        // One answer in four comes with a receipt.
        let lines = match at % 4 {
            0 => "cop-verify: receipt\r\n",
            _ => "",
        };
        match connection.ask_with("POST", path, lines) {
            Ok(answer) if answer.status == 200 => {
                let counted = count(&answer.body);
                acknowledged.count.fetch_max(counted, Ordering::Relaxed);
                acknowledged.writes.fetch_add(1, Ordering::Relaxed);
                assert_eq!(answer.receipt.is_some(), at % 4 == 0);
                let mut receipts = acknowledged.receipts.lock().expect("nobody panicked");
                receipts.extend(answer.receipt.map(|receipt| (counted, receipt)));
            }
            // Refused: nothing was acknowledged.
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// Reads pages that are remembered: what they show must be what was acknowledged before or later.
fn read(address: SocketAddr, path: &str, acknowledged: &Acknowledged) {
    let Ok(mut connection) = Connection::to(address) else {
        return;
    };
    for at in 0_u64.. {
        if acknowledged.is_over.load(Ordering::Relaxed) {
            return;
        }
        let before = acknowledged.count.load(Ordering::Relaxed);
        match connection.ask("GET", &format!("{path}{}", at % 3)) {
            Ok((200, body)) => {
                assert!(
                    count(&body) >= before,
                    "an older state was shown: {body}, {before} was acknowledged"
                );
                acknowledged.reads.fetch_add(1, Ordering::Relaxed);
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// Publishes one release after the other.
fn publish(folder: &Path, key: &SecretKey, bundles: &[Bundle], acknowledged: &Acknowledged) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let namespace = namespace(key);
    runtime.block_on(async {
        let Ok(node) = NodeClient::of_folder(folder, None) else {
            return;
        };
        while !acknowledged.is_over.load(Ordering::Relaxed) {
            let next = node.next_release(&namespace.address, &namespace.name).await;
            let Ok(next) = next else { return };
            let place = Place {
                network: local_network(),
                number: next.next,
                previous: next.previous.map(|hash| hash.parse().expect("a hash")),
            };
            let bundle = &bundles[next.next as usize % bundles.len()];
            let signed = sign(bundle, &namespace.name, place, key).expect("it is signed");
            let published = node.publish(&signed.encode(), &bundle.encode()).await;
            if published.is_err() {
                return;
            }
            acknowledged.release.store(next.next, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
}

/// Receipts of a node that was killed are those of the node that is there now: of its key, and of commits that it has.
fn receipts_verify(node: &PublicKey, acknowledged: &Acknowledged) -> u64 {
    let receipts = std::mem::take(&mut *acknowledged.receipts.lock().expect("nobody panicked"));
    let newest = acknowledged.count.load(Ordering::Relaxed);
    for (counted, bytes) in &receipts {
        let signed = SignedReceipt::decode(bytes).expect("its signature verifies");
        let receipt = signed.receipt();
        assert_eq!(receipt.node, *node, "the node keeps its key");
        let state = receipt.state.expect("it wrote");
        // Each count is one commit, and nothing else writes.
        let made = state.made.map(|made| made.number);
        assert_eq!((state.read.number, made), (counted - 1, Some(*counted)));
        assert!(
            *counted <= newest,
            "a receipt of commit {counted}, {newest} is there"
        );
    }
    receipts.len() as u64
}

fn namespace(key: &SecretKey) -> Namespace {
    Namespace {
        address: key.public().address(),
        name: "count".parse().expect("a name"),
    }
}

fn bundles() -> Vec<Bundle> {
    let variants = (0..3).map(|variant| {
        let source = SOURCE.replace("VARIANT", &format!("{variant}"));
        let folder = folder_with(&[("count.cop", &source)]);
        let project = Project::at(&folder.path().join("count.cop")).expect("a project");
        build(&project, &Options::default())
            .expect("it builds")
            .bundle
    });
    variants.collect()
}

#[test]
fn nothing_acknowledged_is_lost_when_a_node_is_killed() {
    let kills = std::env::var("COP_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"));
    let data = tempfile::tempdir().expect("a folder");
    let key = SecretKey::from_bytes(&[7; 32]).expect("a key");
    let bundles = bundles();
    let namespace = namespace(&key);
    let path = format!("/~{}/{}/", namespace.address, namespace.name);
    let acknowledged = Arc::new(Acknowledged::default());
    let begun = Instant::now();
    let mut seed: u64 = 1;
    let (mut ahead, mut receipts) = (0, 0);
    let mut node_key: Option<PublicKey> = None;
    for kill in 0..=kills {
        let mut node = Daemon::start(data.path());
        let address = node.http();
        if kill > 0 {
            let floor = acknowledged.count.load(Ordering::Relaxed);
            let mut connection = Connection::to(address).expect("it listens");
            let (status, body) = connection.ask("GET", &path).expect("an answer");
            let newest = acknowledged.release.load(Ordering::Relaxed);
            let found = match status {
                200 => count(&body),
                // It was killed before the first release was there.
                404 if newest == 0 => 0,
                _ => panic!("{status}: {body}"),
            };
            assert!(
                found >= floor,
                "kill {kill}: {found} is there, {floor} was acknowledged"
            );
            assert!(
                found <= floor + WRITERS,
                "kill {kill}: {found} is there, {floor} was acknowledged"
            );
            ahead += u64::from(found > floor);
            acknowledged.count.fetch_max(found, Ordering::Relaxed);
            let key = node_key.get_or_insert_with(|| {
                let key = node_key::load_or_create(data.path());
                key.expect("the node's key").public()
            });
            receipts += receipts_verify(key, &acknowledged);
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let client = NodeClient::of_folder(data.path(), None).expect("it runs");
            let next = runtime.block_on(client.next_release(&namespace.address, &namespace.name));
            let there = next.expect("an answer").next - 1;
            assert!(
                (newest..=newest + 1).contains(&there),
                "kill {kill}: release {there}, {newest} was acknowledged"
            );
            acknowledged.release.store(there, Ordering::Relaxed);
        }
        if kill == kills {
            node.interrupt();
            break;
        }
        acknowledged.is_over.store(false, Ordering::Relaxed);
        std::thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| write(address, &path, &acknowledged));
            }
            scope.spawn(|| read(address, &path, &acknowledged));
            scope.spawn(|| publish(data.path(), &key, &bundles, &acknowledged));
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            std::thread::sleep(Duration::from_millis((seed >> 33) % 80));
            node.kill();
            acknowledged.is_over.store(true, Ordering::Relaxed);
        });
        if kill % 50 == 49 {
            sound(data.path());
        }
    }
    sound(data.path());
    let of = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
    eprintln!(
        "{kills} kills in {} s: {} writes, {} reads and {} releases were acknowledged, none is lost, and {receipts} receipts verify; {ahead} times one that was not acknowledged yet was there, too",
        begun.elapsed().as_secs(),
        of(&acknowledged.writes),
        of(&acknowledged.reads),
        of(&acknowledged.release)
    );
    assert!(of(&acknowledged.writes) > 0 && of(&acknowledged.release) > 0);
}

fn sound(folder: &Path) {
    let folder = folder.to_str().expect("text");
    let (status, output, errors) = run(&["fsck", "--data", folder]);
    assert_eq!(status, Some(0), "{output}{errors}");
}
