//! Starting and stopping a node, and what keeps it from starting.

use std::net::TcpListener;
use std::path::Path;

use coputer::client::{ClientError, NodeClient};
use coputer::node_file::NodeFile;

use crate::daemon::{Daemon, run};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of the test is text")
}

#[tokio::test]
async fn a_node_starts_is_found_and_stops() {
    let folder = folder();
    let daemon = Daemon::start(folder.path());
    assert_eq!(daemon.file.pid, daemon.pid());
    let client = NodeClient::of_folder(folder.path(), None).expect("it is found");
    let address = cop_runtime::Address::from_bytes([1; 20]);
    let name = "hello".parse().expect("a name");
    let next = client
        .next_release(&address, &name)
        .await
        .expect("an answer");
    assert_eq!((next.next, next.previous), (1, None));
    let refused = client
        .publish(b"not a release", b"not a bundle")
        .await
        .expect_err("refused");
    assert!(matches!(refused, ClientError::Refused(_)), "{refused}");

    let (status, output, errors) = daemon.interrupt();
    assert_eq!(status, Some(0), "{errors}");
    let logged: Vec<serde_json::Value> = errors
        .lines()
        .map(|line| serde_json::from_str(line).expect("no terminal: JSON"))
        .collect();
    let kinds: Vec<_> = logged.iter().map(|line| &line["kind"]).collect();
    assert_eq!(kinds, ["started", "publish_refused", "stopping"]);
    assert!(output.contains("Ctrl-C stops it."), "{output}");
    assert!(
        NodeFile::read(folder.path()).is_err(),
        "the file goes with the node"
    );
    assert!(matches!(
        NodeClient::of_folder(folder.path(), None),
        Err(ClientError::NotRunning(_))
    ));
    // And again, on what it left behind.
    assert_eq!(Daemon::start(folder.path()).interrupt().0, Some(0));
}

#[test]
fn a_port_in_use_is_named_with_its_flag() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = holder.local_addr().expect("its address").to_string();
    let (first, second) = (folder(), folder());
    for (folder, http, management, flag) in [
        (&first, taken.as_str(), "127.0.0.1:0", "--http"),
        (&second, "127.0.0.1:0", taken.as_str(), "--management"),
    ] {
        let (status, _, errors) = run(&[
            "start",
            "--data",
            text(folder.path()),
            "--http",
            http,
            "--management",
            management,
        ]);
        assert_eq!(status, Some(1), "{errors}");
        assert!(
            errors.contains(&taken) && errors.contains("in use") && errors.contains(flag),
            "{errors}"
        );
    }
}

#[test]
fn management_is_for_this_machine_only() {
    let folder = folder();
    let (status, _, errors) = run(&[
        "start",
        "--data",
        text(folder.path()),
        "--http",
        "127.0.0.1:0",
        "--management",
        "0.0.0.0:0",
    ]);
    assert_eq!(status, Some(1));
    assert!(errors.contains("this machine only"), "{errors}");
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let folder = folder();
    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder").expect("written");
    let inside = file.join("node");
    for path in [&file, &inside] {
        let (status, _, errors) = run(&[
            "start",
            "--data",
            text(path),
            "--http",
            "127.0.0.1:0",
            "--management",
            "127.0.0.1:0",
        ]);
        assert_eq!(status, Some(1), "{errors}");
        assert!(
            errors.starts_with("error: ") && errors.contains(text(path)),
            "{errors}"
        );
    }
    assert_eq!(
        std::fs::read_to_string(&file).expect("still there"),
        "not a folder"
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    // No file can be made there, whoever asks.
    let path = Path::new("/proc/coputer-node");
    if cfg!(target_os = "linux") {
        let (status, _, errors) = run(&[
            "start",
            "--data",
            text(path),
            "--http",
            "127.0.0.1:0",
            "--management",
            "127.0.0.1:0",
        ]);
        assert_eq!(status, Some(1), "{errors}");
        assert!(
            errors.starts_with("error: ") && errors.contains(text(path)),
            "{errors}"
        );
    }
}

#[test]
fn a_second_node_on_the_same_folder_is_refused_with_the_first_ones_process() {
    let folder = folder();
    let first = Daemon::start(folder.path());
    let (status, _, errors) = run(&[
        "start",
        "--data",
        text(folder.path()),
        "--http",
        "127.0.0.1:0",
        "--management",
        "127.0.0.1:0",
    ]);
    assert_eq!(status, Some(1), "{errors}");
    assert!(
        errors.contains(&first.pid().to_string()) && errors.contains(text(folder.path())),
        "{errors}"
    );
    // The first one does not notice.
    assert_eq!(
        NodeFile::read(folder.path()).expect("still there").pid,
        first.pid()
    );
    assert_eq!(first.interrupt().0, Some(0));
}

#[test]
fn wrong_usage_has_a_status_of_its_own_and_help_teaches() {
    for arguments in [
        &["start", "--http", "nowhere"][..],
        &["start", "--nothing"],
        &["nothing"],
        &["start", "extra"],
    ] {
        let (status, _, errors) = run(arguments);
        assert_eq!(status, Some(2), "{arguments:?}: {errors}");
        assert!(errors.contains("--help"), "{errors}");
    }
    let (status, output, _) = run(&["--help"]);
    assert_eq!(status, Some(0));
    assert!(
        output.contains("copd demo") && output.contains("Exit status"),
        "{output}"
    );
}
