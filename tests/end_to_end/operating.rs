//! What an operator does: a folder made, a node backed up and restored, the last runs looked at, shells and `man` told.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::copc::{Ran, command, ran};
use crate::daemon::{Daemon, copd, run};
use crate::http::{get, header, send};
use crate::publishing::{home, published, text};

fn path(path: &Path) -> &str {
    path.to_str().expect("a path of the test is text")
}

#[tokio::test]
async fn a_node_is_backed_up_while_it_runs_and_restored_elsewhere() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let file = home.path().join("node.copbackup");
    let there = path(data.path());
    let (status, _, errors) = run(&["backup", path(&file), "--data", there]);
    assert!(
        status == Some(1) && errors.contains("there is no node in"),
        "{errors}"
    );
    let node = Daemon::start(data.path());
    let program = published(home.path(), data.path(), &["visits"]);
    let url = text(&program, "/urls/host");
    for _ in 0..3 {
        send(node.http(), "POST", url, &[], "").await;
    }
    let (status, output, errors) = run(&["backup", path(&file), "--data", there]);
    assert_eq!((status, errors.as_str()), (Some(0), ""), "{output}");
    assert!(
        output.contains("checked") && output.contains("secret key"),
        "{output}"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&file).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let left = fs::read_dir(data.path().join("backups")).expect("a folder");
    assert_eq!(left.count(), 0, "nothing is left in the node's folder");
    let (status, _, errors) = run(&["backup", path(&file), "--data", there]);
    assert!(
        status == Some(1) && errors.contains("is there already"),
        "{errors}"
    );
    // What comes after it is not in it.
    send(node.http(), "POST", url, &[], "").await;
    let (status, _, errors) = run(&["restore", path(&file), "--data", there, "--replace"]);
    assert!(
        status == Some(1) && errors.contains("in use by another node"),
        "{errors}"
    );
    let key = fs::read(data.path().join("node.key")).expect("a key");
    assert_eq!(node.interrupt().0, Some(0));

    let other = home.path().join("other");
    let (status, output, errors) = run(&["restore", path(&file), "--data", path(&other)]);
    assert_eq!((status, errors.as_str()), (Some(0), ""), "{output}");
    let node = Daemon::start(&other);
    let page = get(node.http(), url).await;
    assert!(page.body().starts_with("3 visits"), "{}", page.body());
    assert_eq!(fs::read(other.join("node.key")).expect("a key"), key);
    assert_eq!(node.interrupt().0, Some(0));

    // Over what is there only if that is said, and then it is kept.
    let (status, _, errors) = run(&["restore", path(&file), "--data", there]);
    assert!(
        status == Some(1) && errors.contains("--replace"),
        "{errors}"
    );
    let told = run(&[
        "restore",
        path(&file),
        "--data",
        there,
        "--replace",
        "--json",
    ])
    .1;
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    let kept = Path::new(text(&told, "/kept"));
    assert!(kept.join("store.redb").exists(), "{told}");
    let node = Daemon::start(data.path());
    let page = get(node.http(), url).await;
    assert!(page.body().starts_with("3 visits"), "{}", page.body());
    assert_eq!(node.interrupt().0, Some(0));
    let node = Daemon::start(kept);
    let page = get(node.http(), url).await;
    assert!(page.body().starts_with("4 visits"), "{}", page.body());
    assert_eq!(node.interrupt().0, Some(0));

    // A stopped node, without its key.
    let second = home.path().join("second");
    let arguments = ["backup", path(&second), "--data", there, "--without-key"];
    let (status, output, errors) = run(&arguments);
    assert_eq!((status, errors.as_str()), (Some(0), ""), "{output}");
    assert!(output.contains("node's key is not in it"), "{output}");
    let (status, output, _) = run(&["restore", path(&second), "--check"]);
    assert!(status == Some(0) && output.contains("is whole"), "{output}");

    // What is no backup, and what was one.
    let (status, _, errors) = run(&["restore", path(&home.path().join("greet.cop")), "--check"]);
    assert!(
        status == Some(1) && errors.contains("is no backup of a node"),
        "{errors}"
    );
    let mut content = fs::read(&file).expect("read");
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(&file, content).expect("written");
    let empty = home.path().join("empty");
    let (status, _, errors) = run(&["restore", path(&file), "--data", path(&empty)]);
    assert!(
        status == Some(1) && errors.contains("is damaged") && !empty.exists(),
        "{errors}"
    );
}

#[tokio::test]
async fn the_last_runs_are_listed() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let node = Daemon::start(data.path());
    let program = published(home.path(), data.path(), &["visits"]);
    let url = text(&program, "/urls/host");
    let answer = send(node.http(), "POST", url, &[], "").await;
    let id = header(&answer, "cop-run");
    let there = path(data.path());
    let (status, output, _) = run(&["runs", "--data", there]);
    assert_eq!((status, output.lines().count()), (Some(0), 1), "{output}");
    for part in [id, " 200 ", "visits@1", "POST /"] {
        assert!(output.contains(part), "{part}: {output}");
    }
    for (more, count) in [
        (&["--failed"][..], 0),
        (&["--program", "visits"], 1),
        (&["--program", "other"], 0),
        (&["--count", "1"], 1),
    ] {
        let told = run(&[&["runs", "--json", "--data", there], more].concat()).1;
        let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
        let runs = told["runs"].as_array().map(Vec::len);
        assert_eq!(runs, Some(count), "{more:?}: {told}");
    }
    assert_eq!(run(&["runs", "--count", "0"]).0, Some(2));
}

#[test]
fn a_folder_is_made_with_settings_and_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("node");
    let (status, output, errors) = run(&["init", "--data", path(&data)]);
    assert_eq!((status, errors.as_str()), (Some(0), ""), "{output}");
    assert!(output.contains("copd start --data"), "{output}");
    for name in ["node.toml", "node.key", "token"] {
        assert!(data.join(name).exists(), "{name}");
    }
    let key = fs::read(data.join("node.key")).expect("a key");
    let (status, output, _) = run(&["config", "check", "--data", path(&data)]);
    assert!(status == Some(0) && output.contains("in order"), "{output}");
    let (status, _, errors) = run(&["init", "--data", path(&data)]);
    assert!(
        status == Some(1) && errors.contains("is there already"),
        "{errors}"
    );
    assert_eq!(Daemon::start(&data).interrupt().0, Some(0));
    assert_eq!(fs::read(data.join("node.key")).expect("a key"), key);
    let (status, output, _) = run(&["init", "--systemd", "--data", path(&data)]);
    let line = format!("copd\" start --data \"{}\"", path(&data));
    assert!(status == Some(0) && output.contains(&line), "{output}");
}

/// The commands that a help lists.
fn commands(help: &str) -> Vec<String> {
    let listed = help.split_once("Commands:\n").expect("commands").1;
    let lines = listed.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split_ascii_whitespace().next());
    let names: Vec<String> = names.map(str::to_owned).collect();
    assert!(names.len() > 8, "{help}");
    names
}

fn told(program: Option<&Path>, arguments: &[&str]) -> Ran {
    match program {
        None => Ran::of(copd(arguments).output().expect("copd runs")),
        Some(home) => ran(command(home, arguments)),
    }
}

#[test]
fn shells_and_man_know_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, program) in [("copd", None), ("copc", Some(folder.path()))] {
        let help = told(program, &["--help"]);
        let commands = commands(help.well());
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let script = told(program, &["completions", shell]);
            for command in &commands {
                assert!(
                    script.well().contains(command.as_str()),
                    "{shell}: {command}"
                );
            }
        }
        let pages = folder.path().join("man");
        told(program, &["man", "--to", path(&pages)]).well();
        let main = fs::read_to_string(pages.join(format!("{name}.1"))).expect("a page");
        assert_eq!(told(program, &["man"]).well(), main);
        for command in commands.iter().filter(|command| *command != "help") {
            let page = pages.join(format!("{name}-{command}.1"));
            let page =
                fs::read_to_string(&page).unwrap_or_else(|error| panic!("{page:?}: {error}"));
            assert!(page.contains(".SH NAME"), "{page}");
            assert!(
                main.contains(&format!("{name}-{command}(1)").replace('-', "\\-")),
                "{main}"
            );
        }
        assert_eq!(told(program, &["completions", "sh"]).status, Some(2));
    }
    let at = Path::new("/proc/coputer-man");
    if cfg!(target_os = "linux") {
        let refused = told(None, &["man", "--to", path(at)]);
        refused.refused(1, &["cannot write /proc/coputer-man"]);
    }
}

#[test]
fn the_installer_takes_what_has_the_right_hash_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, prefix) = (folder.path().join("from"), folder.path().join("local"));
    fs::create_dir(&from).expect("made");
    let shell = |script: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).current_dir(&from);
        Ran::of(shell.output().expect("sh runs"))
    };
    let kind = "coputer-$(uname -s | sed 's/Linux/linux/; s/Darwin/macos/')-$(uname -m | sed 's/amd64/x86_64/; s/arm64/aarch64/').tar.gz";
    let packed = shell(&format!(
        "ln -s '{}' copd && ln -s '{}' copc && tar -czhf {kind} copd copc && sha256sum *.tar.gz > SHA256SUMS",
        env!("CARGO_BIN_EXE_copd"),
        env!("CARGO_BIN_EXE_copc")
    ));
    packed.well();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/install.sh");
    let install = |from: &str| {
        shell(&format!(
            "sh '{}' '{from}' '{}'",
            path(&script),
            path(&prefix)
        ))
    };
    let installed = install(path(&from));
    assert!(
        installed.well().contains("installed   copd ") && installed.output.contains("copd init"),
        "{installed:?}"
    );
    for name in [
        "bin/copd",
        "bin/copc",
        "share/man/man1/copd-backup.1",
        "share/man/man1/copc.1",
        "share/bash-completion/completions/copc",
        "share/zsh/site-functions/_copd",
        "share/fish/vendor_completions.d/copd.fish",
    ] {
        assert!(prefix.join(name).is_file(), "{name}");
    }
    fs::remove_dir_all(&prefix).expect("removed");
    install("http://127.0.0.1/x").refused(1, &["only https:// and file://"]);
    install("nowhere").refused(1, &["cannot get nowhere/coputer-"]);
    shell("for file in coputer-*.tar.gz; do printf x >> $file; done").well();
    install(path(&from)).refused(1, &["nothing was installed"]);
    assert!(!prefix.exists());
}
