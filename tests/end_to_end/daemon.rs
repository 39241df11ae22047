//! A `copd` under test.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use coputer::node_file::NodeFile;

/// How long a node may take to start or to stop, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A `copd` with these arguments, its output caught.
pub fn copd(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_copd"));
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // Settings of whoever runs the tests must not reach them.
    for name in ["COP_DATA", "COP_HTTP", "COP_MANAGEMENT"] {
        command.env_remove(name);
    }
    command
}

/// Runs a `copd` that is expected to end by itself; its exit status, output and errors.
pub fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    text(copd(arguments).output().expect("copd runs"))
}

fn text(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A node that is running; killed if the test ends without stopping it.
pub struct Daemon {
    child: Option<Child>,
    pub file: NodeFile,
}

impl Daemon {
    /// `copd start` on free ports and this folder.
    pub fn start(data_dir: &Path) -> Daemon {
        Daemon::with(data_dir, &["start"])
    }

    /// `copd` with these arguments, on free ports and this folder.
    pub fn with(data_dir: &Path, arguments: &[&str]) -> Daemon {
        let mut command = copd(arguments);
        command.arg("--data").arg(data_dir);
        Daemon::spawn(command, || NodeFile::read(data_dir).ok())
    }

    /// `copd` with these arguments, on free ports and a folder of its own within `scratch`.
    pub fn in_scratch(scratch: &Path, arguments: &[&str]) -> Daemon {
        let mut command = copd(arguments);
        command.env("TMPDIR", scratch);
        Daemon::spawn(command, || {
            let mut folders = std::fs::read_dir(scratch).ok()?;
            folders.find_map(|folder| NodeFile::read(&folder.ok()?.path()).ok())
        })
    }

    fn spawn(mut command: Command, find: impl Fn() -> Option<NodeFile>) -> Daemon {
        command.args(["--http", "127.0.0.1:0", "--management", "127.0.0.1:0"]);
        let mut child = command.spawn().expect("copd runs");
        let begun = Instant::now();
        loop {
            // A node that was killed left its file behind.
            if let Some(file) = find().filter(|file| file.pid == child.id()) {
                return Daemon {
                    child: Some(child),
                    file,
                };
            }
            if child.try_wait().expect("its state").is_some() || begun.elapsed() > PATIENCE {
                // It may have ended by itself.
                let _ = child.kill();
                panic!(
                    "copd did not start: {:?}",
                    child.wait_with_output().map(text)
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where the gateway listens.
    pub fn http(&self) -> std::net::SocketAddr {
        self.file.http.parse().expect("an address")
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Sends the signal of Ctrl-C and waits for the end.
    pub fn interrupt(mut self) -> (Option<i32>, String, String) {
        let child = self.child.take().expect("it runs");
        let sent = Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(sent.success());
        text(child.wait_with_output().expect("it ends"))
    }

    /// Ends it as a power cut would: it is told nothing.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}
