//! The servers that are measured, each a process of its own on the first core.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cop_runtime::{SecretKey, local_network};
use coputer::client::NodeClient;
use coputer::node_file::NodeFile;
use coputer::packages::Options;
use coputer::project::Project;
use coputer::publish::{Place, build, sign};
use rustix::thread::{CpuSet, sched_setaffinity};

/// A running server; killed when it is dropped.
pub struct Server {
    pub name: &'static str,
    pub at: SocketAddr,
    child: Child,
}

/// A node with the programs of `benches/pages`.
pub struct Copd {
    pub server: Server,
    address: String,
}

/// Keeps this process, and what it starts from now on, on one core.
pub fn stay_on(core: usize) -> Result<(), String> {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores)
        .map_err(|error| format!("this machine has no core {core}: {error}"))
}

/// Starts a process on the first core.
fn start(command: &mut Command) -> Result<Child, String> {
    stay_on(0)?;
    let child = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn();
    stay_on(1)?;
    child.map_err(|error| format!("cannot start {command:?}: {error}"))
}

impl Server {
    /// hyper with one page.
    pub fn reference(page: &str) -> Result<Server, String> {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut child = start(
            Command::new(own)
                .args(["--serve", page])
                .stdout(Stdio::piped()),
        )?;
        let output = child.stdout.take().ok_or("no output")?;
        let mut line = String::new();
        BufReader::new(output)
            .read_line(&mut line)
            .map_err(|error| error.to_string())?;
        let at = line
            .trim()
            .parse()
            .map_err(|_| format!("`{line}` is no address"))?;
        Ok(Server {
            name: "hyper",
            at,
            child,
        })
    }

    /// nginx with one file, where it is installed.
    pub fn nginx(file: &Path) -> Result<Option<Server>, String> {
        let folder = file.parent().ok_or("a file has a folder")?;
        let at = free_address()?;
        let config = format!(
            "daemon off; master_process off; worker_processes 1; pid {0}/nginx.pid; error_log {0}/nginx.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; default_type application/octet-stream;\n\
             open_file_cache max=10; server {{ listen {at}; location / {{ alias {1}; }} }} }}\n",
            folder.display(),
            file.display(),
        );
        let path = folder.join("nginx.conf");
        std::fs::write(&path, config).map_err(|error| error.to_string())?;
        let mut command = Command::new("nginx");
        command
            .arg("-c")
            .arg(&path)
            .arg("-p")
            .arg(folder)
            .stdout(Stdio::null());
        let Ok(child) = start(&mut command) else {
            return Ok(None);
        };
        let server = Server {
            name: "nginx",
            at,
            child,
        };
        server.wait()?;
        Ok(Some(server))
    }

    fn wait(&self) -> Result<(), String> {
        let begun = Instant::now();
        while TcpStream::connect(self.at).is_err() {
            if begun.elapsed() > Duration::from_secs(20) {
                return Err(format!("{} does not start", self.name));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Processor time of all threads that it has.
    pub fn processor_time(&self) -> Result<Duration, String> {
        let failed = |error: std::io::Error| format!("{} is gone: {error}", self.name);
        let mut spent = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id())).map_err(failed)? {
            let path = task.map_err(failed)?.path().join("schedstat");
            // A thread may have ended meanwhile.
            let text = std::fs::read_to_string(path).unwrap_or_default();
            spent += text
                .split(' ')
                .next()
                .and_then(|text| text.parse::<u64>().ok())
                .unwrap_or(0);
        }
        Ok(Duration::from_nanos(spent))
    }

    /// Greatest memory so far, in KiB.
    pub fn peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
            .unwrap_or(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> Result<SocketAddr, String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.local_addr().map_err(|error| error.to_string())
}

impl Copd {
    /// A node on this folder with these settings.
    pub fn start(folder: &Path, settings: &str) -> Result<Copd, String> {
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        std::fs::write(folder.join("node.toml"), settings).map_err(|error| error.to_string())?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_copd"));
        command.args([
            "start",
            "--http=127.0.0.1:0",
            "--management=127.0.0.1:0",
            "--data",
        ]);
        let child = start(command.arg(folder).stdout(Stdio::null()))?;
        let begun = Instant::now();
        let at = loop {
            if let Ok(file) = NodeFile::read(folder) {
                break file.http.parse().map_err(|_| "no address")?;
            }
            if begun.elapsed() > Duration::from_secs(20) {
                return Err("copd does not start".to_owned());
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let server = Server {
            name: "copd",
            at,
            child,
        };
        let key = SecretKey::generate().map_err(|error| error.to_string())?;
        let node = NodeClient::of_folder(folder, None).map_err(|error| error.to_string())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        for page in ["json", "rows", "primes"] {
            runtime.block_on(publish(&node, &key, page, folder))?;
        }
        Ok(Copd {
            server,
            address: key.public().address().to_string(),
        })
    }

    /// The host of a program, as someone else than this machine's owner would ask for it.
    pub fn host(&self, program: &str) -> String {
        format!("{program}-{}.example.org", self.address)
    }
}

async fn publish(
    node: &NodeClient,
    key: &SecretKey,
    page: &str,
    folder: &Path,
) -> Result<(), String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/pages/{page}.cop"));
    let project = folder.join("pages").join(page);
    let io = |error: std::io::Error| error.to_string();
    std::fs::create_dir_all(project.join("assets")).map_err(io)?;
    let mut source = std::fs::read_to_string(source).map_err(io)?;
    if page == "primes" {
        // Some milliseconds for each, so that a client with one core can ask for ten times what a node can answer.
        source = source.replace("20_000", "400_000");
    }
    std::fs::write(project.join("main.cop"), source).map_err(io)?;
    std::fs::write(project.join("cop.toml"), format!("name = \"{page}\"\n")).map_err(io)?;
    std::fs::write(project.join("assets/asset.bin"), crate::reference::asset()).map_err(io)?;
    let project = Project::at(&project).map_err(|error| error.to_string())?;
    let built = build(&project, &Options::default()).map_err(|error| error.to_string())?;
    let place = Place {
        network: local_network(),
        number: 1,
        previous: None,
    };
    let release =
        sign(&built.bundle, &project.name, place, key).map_err(|error| error.to_string())?;
    let published = node
        .publish(&release.encode(), &built.bundle.encode())
        .await;
    published.map(|_| ()).map_err(|error| error.to_string())
}
