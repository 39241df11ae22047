//! A `copd` under test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use coputer::node_file::NodeFile;

use crate::skip::skipped;

/// How long a node may take to start or to stop, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Settings that `copd` takes from its environment.
const SETTINGS: [&str; 3] = ["COP_DATA", "COP_HTTP", "COP_MANAGEMENT"];

/// A `copd` with these arguments, its output caught.
pub fn copd(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_copd"));
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // Settings of whoever runs the tests must not reach them.
    for name in SETTINGS {
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

fn on_free_ports(mut command: Command) -> Command {
    command.args(["--http", "127.0.0.1:0", "--management", "127.0.0.1:0"]);
    command
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
        Daemon::spawn(on_free_ports(command), |_| NodeFile::read(data_dir).ok())
    }

    /// `copc dev --keep` of a project on a free port.
    pub fn developing(project: &Path) -> Daemon {
        let mut command = Command::new(env!("CARGO_BIN_EXE_copc"));
        command
            .args(["dev", "--keep", "--http", "127.0.0.1:0"])
            .arg(project)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let data_dir = project.join("build/dev");
        Daemon::spawn(command, |_| NodeFile::read(&data_dir).ok())
    }

    /// `copd start` on a disk of this many MiB at `folder`, with the folder where its files can be seen. `None`, with a line
    /// that says so, where no such disk can be made: it takes a namespace of its own, which not every system gives.
    pub fn on_small_disk(folder: &Path, mib: u32) -> Option<(Daemon, PathBuf)> {
        let folder = folder.to_str().expect("text");
        let script = format!("mount -t tmpfs -o size={mib}m tmpfs \"$0\" && exec \"$@\"");
        let within = |arguments: &[&str]| {
            let mut command = Command::new("unshare");
            command
                .args(["--map-root-user", "--mount", "sh", "-c", &script, folder])
                .args(arguments)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            for name in SETTINGS {
                command.env_remove(name);
            }
            command
        };
        if !within(&["true"])
            .output()
            .is_ok_and(|tried| tried.status.success())
        {
            skipped(
                "a full disk",
                "no small disk can be made here (unshare and mount)",
            );
            return None;
        }
        let node = format!("{folder}/node");
        let command = within(&[env!("CARGO_BIN_EXE_copd"), "start", "--data", &node]);
        // Only the process and its children see that disk; this is the way to it from outside.
        let seen = |pid: u32| PathBuf::from(format!("/proc/{pid}/root{node}"));
        let daemon = Daemon::spawn(on_free_ports(command), |pid| {
            NodeFile::read(&seen(pid)).ok()
        });
        let folder = seen(daemon.pid());
        Some((daemon, folder))
    }

    /// `copd` with these arguments, on free ports and a folder of its own within `scratch`.
    pub fn in_scratch(scratch: &Path, arguments: &[&str]) -> Daemon {
        let mut command = copd(arguments);
        command.env("TMPDIR", scratch);
        Daemon::spawn(on_free_ports(command), |_| {
            let mut folders = std::fs::read_dir(scratch).ok()?;
            folders.find_map(|folder| NodeFile::read(&folder.ok()?.path()).ok())
        })
    }

    fn spawn(mut command: Command, find: impl Fn(u32) -> Option<NodeFile>) -> Daemon {
        let mut child = command.spawn().expect("it runs");
        let begun = Instant::now();
        loop {
            // A node that was killed left its file behind.
            if let Some(file) = find(child.id()).filter(|file| file.pid == child.id()) {
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
