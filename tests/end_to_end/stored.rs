//! What a program keeps, as its owner sees it: keys and values, what changed them, and undoing that.

use std::path::Path;

use crate::copc::{Ran, command, ran};
use crate::daemon::{Daemon, run};
use crate::http::{header, send};
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

#[tokio::test]
async fn what_is_stored_is_checked() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let folder = data.path().to_str().expect("text");
    let fsck = |more: &[&str]| run(&[&["fsck", "--data", folder], more].concat());
    let (status, _, errors) = fsck(&[]);
    assert_eq!(status, Some(1), "there is nothing yet: {errors}");
    let node = Daemon::start(data.path());
    let program = published(home.path(), data.path(), &["visits"]);
    send(node.http(), "POST", text(&program, "/urls/host"), &[], "").await;
    let (status, _, errors) = fsck(&[]);
    assert_eq!(status, Some(1));
    assert!(errors.contains("in use by another node"), "{errors}");
    node.interrupt();
    let (status, output, _) = fsck(&[]);
    assert_eq!(status, Some(0), "{output}");
    assert!(output.starts_with("sound: "), "{output}");
    let told = fsck(&["--json"]).1;
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(
        (&told["ok"], &told["rows"]["history"]),
        (&true.into(), &1.into())
    );

    // The manifest is text, so it is easily found in the file.
    let path = data.path().join("store.redb");
    let mut content = std::fs::read(&path).expect("it is there");
    let sought = b"fn handle(";
    let at = content
        .windows(sought.len())
        .position(|part| part == sought);
    content[at.expect("the source is stored")] ^= 1;
    std::fs::write(&path, content).expect("it is written");
    let (status, output, errors) = fsck(&[]);
    assert_eq!((status, errors.as_str()), (Some(3), ""), "{output}");
    for part in [
        "damage: ",
        "not what its name says",
        "visits of cop1",
        "publish the program again",
    ] {
        assert!(output.contains(part), "{part}: {output}");
    }
    assert!(
        output
            .trim_end()
            .lines()
            .last()
            .is_some_and(|last| last.starts_with("damaged: "))
    );
}

#[tokio::test]
async fn a_state_is_looked_at_as_it_was_and_carried_on_file() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let node = Daemon::start(data.path());
    let ask = |arguments: &[&str]| state(home.path(), data.path(), arguments);
    let program = published(home.path(), data.path(), &["visits"]);
    let url = text(&program, "/urls/host");
    let mut runs = Vec::new();
    for _ in 0..3 {
        let answer = send(node.http(), "POST", url, &[], "").await;
        runs.push(header(&answer, "cop-run").to_owned());
    }
    assert_eq!(ask(&["at", "visits", "2"]).well(), "\"visits\": 2\n");
    assert_eq!(ask(&["at", "visits", "0"]).well(), "");
    let gone = ask(&["at", "visits", "9"]);
    assert_eq!(gone.status, Some(1));
    assert!(gone.errors.contains("commit 9 is gone"), "{gone:?}");
    let changed = ask(&["diff", "visits", &runs[1]]);
    assert_eq!(
        changed.well().trim_end(),
        "  - \"visits\": 1\n  + \"visits\": 2"
    );
    let between = ask(&["diff", "visits", "0..3", "--json"]).json();
    assert_eq!(between["keys"][0]["after"], "3");
    assert_eq!(ask(&["diff", "visits", "a..b"]).status, Some(2));

    let file = home.path().join("v.copstate");
    let file = file.to_str().expect("text");
    ask(&["export", "visits", file, "--at", "1"]).well();
    let there = ask(&["export", "visits", file]);
    assert!(there.errors.contains("not there yet"), "{there:?}");
    let taken = ask(&["import", "visits", file]);
    assert!(taken.errors.contains("has a state already"), "{taken:?}");
    let imported = ask(&["import", "visits", file, "--replace", "--json"]).json();
    assert_eq!(imported["commit"], 4);
    let root = |at: &str| ask(&["root", "visits", "--at", at, "--json"]).json();
    assert_eq!(root("1")["root"], root("4")["root"]);
    assert_ne!(root("3")["root"], root("4")["root"]);
    assert_eq!(
        (&root("3")["line"], &root("4")["line"]),
        (&"0".into(), &imported["line"])
    );
    let page = send(node.http(), "GET", url, &[], "").await;
    assert!(page.body().starts_with("1 visits"), "{}", page.body());
    std::fs::write(file, "no state").expect("written");
    let none = ask(&["import", "visits", file, "--replace"]);
    assert!(none.errors.contains("it is no exported state"), "{none:?}");
    assert_eq!(ask(&["undo", "visits", "4"]).status, Some(0));
    assert_eq!(ask(&["list", "visits"]).well(), "\"visits\": 3\n");
}

#[tokio::test]
async fn what_a_node_remembers_is_told_and_outlives_it() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let node = Daemon::start(data.path());
    let program = published(home.path(), data.path(), &["greet.cop"]);
    let url = text(&program, "/urls/host");
    for _ in 0..3 {
        send(node.http(), "GET", url, &[], "").await;
    }
    let ask = |arguments: &[&str]| {
        let mut cache = command(home.path(), &[&["cache"], arguments].concat());
        cache.env("COP_DATA", data.path());
        ran(cache)
    };
    let told = ask(&["greet", "--json"]).json();
    let figures = (&told["cache"]["hits"], &told["cache"]["misses"]);
    assert_eq!(figures, (&2.into(), &1.into()));
    assert!(ask(&["greet"]).well().contains("2 of 3 requests"));
    assert_eq!(ask(&["nobody"]).status, Some(1));
    node.interrupt();
    let node = Daemon::start(data.path());
    let page = send(node.http(), "GET", url, &[], "").await;
    assert_eq!(header(&page, "cop-cache"), "hit");
    let told = ask(&["greet", "--json"]).json();
    assert_eq!(told["cache"]["stored_outcomes"], 1);
}
