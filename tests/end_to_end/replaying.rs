//! Runs of a node done again: with the same program, with another one, from a file.

use std::path::Path;

use serde_json::Value;

use crate::copc::{Ran, command, ran};
use crate::daemon::Daemon;
use crate::http::{get, header, send};
use crate::publishing::{home, published, text};

fn replay(home: &Path, node: &Path, arguments: &[&str]) -> Ran {
    let mut replay = command(home, &[&["replay"], arguments].concat());
    replay
        .env("COP_DATA", node)
        .env("COP_PACKAGES", node.join("packages"));
    ran(replay)
}

#[tokio::test]
async fn a_run_comes_out_as_it_did_and_other_code_is_compared() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let node = Daemon::start(data.path());
    let nothing = replay(home.path(), data.path(), &[]);
    assert!(nothing.well().contains("remembers no runs"), "{nothing:?}");
    let program = published(home.path(), data.path(), &["visits"]);
    let url = text(&program, "/urls/host").to_owned();
    send(node.http(), "POST", &url, &[("cookie", "who=me")], "").await;
    let page = send(node.http(), "GET", &url, &[("cookie", "who=secret")], "").await;
    let run = header(&page, "cop-run").to_owned();

    let listed = replay(home.path(), data.path(), &[]);
    assert_eq!(listed.well().lines().count(), 2, "{listed:?}");
    assert!(listed.output.starts_with(&run), "newest first: {listed:?}");

    let again = replay(home.path(), data.path(), &[&run, "--answers"]);
    assert!(again.well().contains("the same as then"), "{again:?}");
    assert!(again.output.contains("kv.get \"visits\""), "{again:?}");
    assert!(!again.output.contains("secret"), "{again:?}");
    for engine in ["interpreter", "jit"] {
        replay(home.path(), data.path(), &[&run, "--engine", engine]).well();
    }

    // Other code on the same answers: what differs is shown, and that it asks what nobody was asked.
    let source = home.path().join("visits/main.cop");
    let code = std::fs::read_to_string(&source).expect("source");
    std::fs::write(&source, code.replace(" visits, ", " visitors, ")).expect("it is written");
    let other = replay(home.path(), data.path(), &[&run, "--with", "visits"]);
    assert_eq!(other.status, Some(1), "{other:?}");
    assert!(
        other.output.contains("- 1 visits, cookie secret"),
        "{other:?}"
    );
    assert!(
        other.output.contains("+ 1 visitors, cookie secret"),
        "{other:?}"
    );
    std::fs::write(&source, code.replace("\"who\"", "\"whom\"")).expect("it is written");
    let other = replay(home.path(), data.path(), &[&run, "--with", "visits"]);
    assert!(
        other
            .errors
            .contains("`request.cookie \"whom\"` was not asked then"),
        "{other:?}"
    );

    // A file holds what is private only when it is asked for.
    let file = |name: &str| home.path().join(name).display().to_string();
    let (bare, whole) = (file("bare.coprun"), file("whole.coprun"));
    replay(home.path(), data.path(), &[&run, "--save", &bare]).well();
    replay(
        home.path(),
        data.path(),
        &[&run, "--save", &whole, "--with-private"],
    )
    .well();
    node.interrupt();
    let stopped = replay(home.path(), data.path(), &[&run]);
    assert!(stopped.errors.contains("copd start"), "{stopped:?}");
    let told: Value = replay(home.path(), data.path(), &[&whole, "--json"]).json();
    assert_eq!(told["ok"], true, "{told}");
    let private = replay(home.path(), data.path(), &[&bare]);
    assert_eq!(private.status, Some(1));
    assert!(
        private.errors.contains("is private, and was left out"),
        "{private:?}"
    );
    let bytes = std::fs::read(&whole).expect("a file");
    assert!(bytes.windows(6).any(|part| part == b"secret"));
    assert!(
        !std::fs::read(&bare)
            .expect("a file")
            .windows(6)
            .any(|part| part == b"secret")
    );
    std::fs::write(&whole, &bytes[..bytes.len() - 1]).expect("it is written");
    let cut = replay(home.path(), data.path(), &[&whole]);
    assert!(
        cut.errors.contains("is no recorded run: it ends too early"),
        "{cut:?}"
    );
}

#[tokio::test]
async fn a_trap_is_done_again_too() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    std::fs::write(
        home.path().join("trap.cop"),
        "import { Request, Response } from \"std/web\"\n\n\
         fn handle(req: Request) -> Response { Response.text(\"${10 / (req.path.len() - 5)}\") }\n",
    )
    .expect("it is written");
    let node = Daemon::start(data.path());
    let program = published(home.path(), data.path(), &["trap.cop"]);
    let page = get(
        node.http(),
        &format!("{}four", text(&program, "/urls/path")),
    )
    .await;
    let run = header(&page, "cop-run").to_owned();
    let again = replay(home.path(), data.path(), &[&run]);
    assert!(again.well().contains("trapped DivisionByZero"), "{again:?}");
    let unknown = replay(home.path(), data.path(), &[&"0".repeat(32)]);
    assert!(
        unknown.errors.contains("this run is not known"),
        "{unknown:?}"
    );
}

#[tokio::test]
async fn a_run_that_wrote_is_kept_for_its_publisher() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let node = Daemon::start(data.path());
    let program = published(home.path(), data.path(), &["visits"]);
    let url = text(&program, "/urls/host").to_owned();
    let page = send(node.http(), "POST", &url, &[("cookie", "who=secret")], "").await;
    let run = header(&page, "cop-run").to_owned();
    node.interrupt();
    let node = Daemon::start(data.path());
    let stranger = replay(home.path(), data.path(), &[&run]);
    assert_eq!(stranger.status, Some(1), "{stranger:?}");
    assert!(stranger.errors.contains("is private"), "{stranger:?}");
    let mut publisher = command(
        home.path(),
        &["replay", &run, "--with-private", "--answers"],
    );
    publisher
        .env("COP_DATA", data.path())
        .env("COP_PACKAGES", data.path().join("packages"))
        .env("COP_KEY_PASSWORD", "correct horse");
    let publisher = ran(publisher);
    assert!(
        publisher.well().contains("the same as then"),
        "{publisher:?}"
    );
    assert!(publisher.output.contains("secret"), "{publisher:?}");
    node.interrupt();
}

#[tokio::test]
async fn a_program_can_say_that_its_runs_are_not_kept() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let manifest = "name = \"visits\"\n\n[record]\nruns = false\n";
    std::fs::write(home.path().join("visits/cop.toml"), manifest).expect("it is written");
    let node = Daemon::start(data.path());
    let program = published(home.path(), data.path(), &["visits"]);
    let url = text(&program, "/urls/host").to_owned();
    let page = send(node.http(), "POST", &url, &[], "").await;
    let run = header(&page, "cop-run").to_owned();
    replay(home.path(), data.path(), &[&run]).well();
    node.interrupt();
    let _node = Daemon::start(data.path());
    let gone = replay(home.path(), data.path(), &[&run]);
    assert!(gone.errors.contains("this run is not known"), "{gone:?}");
}
