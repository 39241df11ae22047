//! What a program keeps, as its owner sees it: keys and values, what changed them, and undoing that.

use std::path::Path;

use crate::copc::{Ran, command, ran};
use crate::daemon::Daemon;
use crate::http::send;
use crate::publishing::{home, published, text};

fn state(home: &Path, node: &Path, arguments: &[&str]) -> Ran {
    let mut state = command(home, &[&["state"], arguments].concat());
    state.env("COP_DATA", node);
    ran(state)
}

#[tokio::test]
async fn a_change_is_seen_and_undone() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let node = Daemon::start(data.path());
    let ask = |arguments: &[&str]| state(home.path(), data.path(), arguments);
    let nobody = ask(&["list", "visits"]);
    assert_eq!(nobody.status, Some(1));
    assert!(nobody.errors.contains("copc publish does"), "{nobody:?}");
    let program = published(home.path(), data.path(), &["visits"]);
    let url = text(&program, "/urls/host");
    assert_eq!(ask(&["list", "visits"]).well(), "");
    assert!(
        ask(&["history", "visits"])
            .errors
            .contains("nothing was committed")
    );
    for _ in 0..2 {
        send(node.http(), "POST", url, &[], "").await;
    }
    assert_eq!(ask(&["list", "visits"]).well(), "\"visits\": 2\n");
    let name = format!("{}/visits", text(&program, "/address"));
    assert_eq!(ask(&["list", &name, "vis"]).well(), "\"visits\": 2\n");
    assert_eq!(ask(&["list", &name, "x&y=%"]).well(), "");
    let history = ask(&["history", "visits"]);
    let commits = history.well();
    let lines: Vec<_> = commits.lines().map(str::trim).collect();
    assert!(lines[0].starts_with("commit 2  run "), "{lines:?}");
    assert_eq!(lines[1..3], ["- \"visits\": 1", "+ \"visits\": 2"]);
    assert_eq!(lines[4..], ["+ \"visits\": 1"]);

    let early = ask(&["undo", "visits", "1"]);
    assert!(
        early.errors.contains("changed again since: visits"),
        "{early:?}"
    );
    assert!(ask(&["undo", "visits", "2"]).well().contains("by commit 3"));
    assert_eq!(ask(&["list", "visits"]).well(), "\"visits\": 1\n");
    let page = send(node.http(), "GET", url, &[], "").await;
    assert!(page.body().starts_with("1 visits"), "{}", page.body());
    let unknown = ask(&["undo", "visits", "9", "--json"]);
    assert_eq!(unknown.json()["ok"], false);

    // What is kept is kept over a restart.
    node.interrupt();
    let _node = Daemon::start(data.path());
    let told = ask(&["history", "visits", "--json", "--all"]).json();
    assert_eq!(told["commits"].as_array().map(Vec::len), Some(3));
    assert_eq!(told["commits"][0]["keys"][0]["after"], "1");
}
