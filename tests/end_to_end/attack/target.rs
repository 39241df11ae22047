//! The node that is attacked, and what is seen of it meanwhile.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::daemon::Daemon;
use crate::publishing::{home, published, text};

/// How long anything may take on a machine that has other things to do.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Says what it was asked, and answers as it is told to.
const PROGRAM: &str = r#"import { Request, Response } from "std/web"

fn handle(req: Request) -> Response {
    let name = req.query("name") ?? ""
    let value = req.query("value") ?? ""
    match req.path {
        "/header" => Response.text("sent").with_header(name, value)
        "/cookie" => Response.text("sent").with_cookie(value)
        "/status" => Response.text("sent").with_status(Int.parse(value) ?? 0)
        "/to" => Response.redirect(value)
        "/large" => Response.text("x".repeat(8_000_000))
        _ => Response.text("${req.method.name()} ${req.path} ${req.segments()} ${req.body().len()}")
    }
}
"#;

/// A node with that program.
pub struct Target {
    pub node: Daemon,
    pub at: SocketAddr,
    /// The program's own host.
    pub own: String,
    /// The node's.
    pub bare: String,
    /// The program's path on the node's host, without the last slash.
    pub path: String,
    /// The program's pinned path, likewise.
    pub pinned: String,
    _folders: [tempfile::TempDir; 2],
}

impl Target {
    pub fn new() -> Target {
        let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
        std::fs::write(home.path().join("attacked.cop"), PROGRAM).expect("written");
        std::fs::create_dir_all(home.path().join("files/assets")).expect("made");
        std::fs::write(home.path().join("files/main.cop"), PROGRAM).expect("written");
        std::fs::write(home.path().join("files/cop.toml"), "name = \"files\"\n").expect("written");
        std::fs::write(home.path().join("files/assets/a.txt"), "an asset").expect("written");
        let node = Daemon::start(data.path());
        let told = published(home.path(), data.path(), &["files", "--name", "attacked"]);
        let place = |form: &str| {
            let url = text(&told, form).trim_end_matches('/');
            let url = url.strip_prefix("http://").expect("a URL");
            let (host, path) = url.split_once('/').unwrap_or((url, ""));
            (host.to_owned(), format!("/{path}"))
        };
        let (own, _) = place("/urls/host");
        let (bare, path) = place("/urls/path");
        let (_, pinned) = place("/urls/pinned");
        Target {
            at: node.http(),
            node,
            own,
            bare,
            path,
            pinned,
            _folders: [home, data],
        }
    }

    /// A connection on which nobody waits for ever.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.at).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        stream.set_write_timeout(Some(PATIENCE)).expect("set");
        stream
    }

    /// Begins to look at the node; what is seen stands in the line that [`Seen::print`] prints.
    pub fn watch(&self) -> Watch {
        // From here on the greatest memory is counted anew, where the system can do that.
        let _ = std::fs::write(format!("/proc/{}/clear_refs", self.node.pid()), "5");
        let is_over = Arc::new(AtomicBool::new(false));
        let request = format!(
            "GET /bystander HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            self.own
        );
        let bystander = std::thread::spawn({
            let (is_over, at) = (is_over.clone(), self.at);
            move || {
                let mut waited = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    // A client of another network than the attacker's, who has a share of its own.
                    let answer = from_elsewhere(at, 251).and_then(|mut stream| {
                        stream.write_all(request.as_bytes())?;
                        let mut answer = String::new();
                        stream.read_to_string(&mut answer)?;
                        Ok(answer)
                    });
                    waited.push((begun.elapsed(), answer));
                    std::thread::sleep(Duration::from_millis(20));
                }
                waited
            }
        });
        Watch {
            pid: self.node.pid(),
            is_over,
            bystander,
        }
    }
}

/// A connection from this network of the machine itself: `127.0.NETWORK.1`.
pub fn from_elsewhere(at: SocketAddr, network: u8) -> std::io::Result<TcpStream> {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    if !cfg!(target_os = "linux") {
        return TcpStream::connect(at);
    }
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &SocketAddr::from(([127, 0, network, 1], 0)))?;
    connect(&socket, &at)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// A look at the node that goes on.
pub struct Watch {
    pid: u32,
    is_over: Arc<AtomicBool>,
    bystander: JoinHandle<Vec<(Duration, std::io::Result<String>)>>,
}

impl Watch {
    /// Ends the look, and prints what was seen. `turned_away`: the node may say that it is full.
    pub fn print(self, what: &str, limit: &str, turned_away: bool) {
        self.is_over.store(true, Ordering::Relaxed);
        let waited = self.bystander.join().expect("it does not panic");
        let mut times: Vec<Duration> = waited.iter().map(|(time, _)| *time).collect();
        times.sort_unstable();
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap_or("?");
        println!(
            "{what}: limit {limit}; peak memory {}; a bystander's {} requests took {:?} (median), {:?} (longest)",
            peak.trim(),
            times.len(),
            times[times.len() / 2],
            times[times.len() - 1],
        );
        for (_, answer) in &waited {
            let answer = answer.as_ref().expect("the bystander is answered");
            let is_full = turned_away && answer.starts_with("HTTP/1.1 503 ");
            assert!(
                is_full || answer.starts_with("HTTP/1.1 200 "),
                "{what}: a bystander was told: {answer}"
            );
        }
    }
}
