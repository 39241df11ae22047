//! `copc dev`: a program is served while it is being written.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hyper::Response;

use crate::browser::Browser;
use crate::daemon::Daemon;
use crate::http::{get, header, send};

/// How long a change may take to be seen, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that counts in its store and says a word.
const PROGRAM: &str = r#"
import { Kv } from "host/kv"
import { Request, Response } from "std/web"

fn handle(req: Request, mut kv: Kv) -> Response {
    let count: Int = kv.get("count").expect("the store answers") ?? 0
    match req.path {
        "/count" => {
            kv.set("count", count + 1).expect("the store accepts")
            Response.text("${count + 1}")
        }
        "/trap" => Response.text("${1 / count.min(0)}")
        _ => Response.html("<!doctype html><title>t</title><p>WORD")
    }
}
"#;

fn project(word: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("words");
    fs::create_dir(&project).expect("made");
    write(&project, word);
    (folder, project)
}

fn write(project: &Path, word: &str) {
    fs::write(project.join("main.cop"), PROGRAM.replace("WORD", word)).expect("written");
}

/// Asks until the answer is as expected.
async fn until(
    daemon: &Daemon,
    url: &str,
    is: impl Fn(&Response<String>) -> bool,
) -> Response<String> {
    let begun = Instant::now();
    loop {
        let answer = get(daemon.http(), url).await;
        if is(&answer) {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "not so after all: {answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn each_change_is_served_and_what_was_stored_stays() {
    let (_folder, project) = project("one");
    let daemon = Daemon::developing(&project);
    let page = "http://localhost/";
    let first = get(daemon.http(), page).await;
    assert!(
        first
            .body()
            .contains("<p>one<script src=\"/.well-known/coputer/live.js?"),
        "{first:?}"
    );
    assert_eq!(header(&first, "cache-control"), "no-store");
    let count = get(daemon.http(), "http://localhost/count").await;
    assert_eq!(
        (count.body().as_str(), header(&count, "content-type")),
        ("1", "text/plain; charset=utf-8")
    );

    write(&project, "two");
    until(&daemon, page, |answer| answer.body().contains("<p>two")).await;
    let count = get(daemon.http(), "http://127.0.0.1/count").await;
    assert_eq!(count.body(), "2", "state outlives a change");

    // What cannot be built is told, and the version before is served.
    write(&project, "three\") + (\"");
    let live = "http://localhost/.well-known/coputer/live";
    let told = until(&daemon, live, |answer| answer.body().contains("error[E")).await;
    assert!(told.body().contains("words/main.cop:13"), "{told:?}");
    assert!(get(daemon.http(), page).await.body().contains("<p>two"));

    let trap = send(
        daemon.http(),
        "GET",
        "http://localhost/trap",
        &[("accept", "text/html")],
        "",
    )
    .await;
    assert_eq!(trap.status(), 500);
    assert!(
        trap.body()
            .contains("   12 |         &quot;/trap&quot; =&gt;")
            && trap.body().contains("live.js"),
        "{trap:?}"
    );

    let (status, output, errors) = daemon.interrupt();
    assert_eq!(status, Some(0), "{errors}");
    for expected in [
        "built  release 1 in ",
        "built  release 2 in ",
        "200  GET /count",
        "DivisionByZero",
        "copc replay ",
    ] {
        assert!(output.contains(expected), "{expected}: {output}");
    }
    assert!(errors.contains("error[E"), "{errors}");

    // The next time, with the mistake still in it: what was kept is served until it is mended.
    let daemon = Daemon::developing(&project);
    let plain = get(daemon.http(), page).await;
    assert_eq!(
        (plain.status().as_u16(), header(&plain, "content-type")),
        (500, "text/plain; charset=utf-8")
    );
    assert!(plain.body().contains("error[E"), "{plain:?}");
    write(&project, "four");
    until(&daemon, page, |answer| answer.body().contains("<p>four")).await;
    assert_eq!(
        get(daemon.http(), "http://localhost/count").await.body(),
        "3"
    );
}

#[test]
fn open_pages_follow() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let (_folder, project) = project("one");
    let daemon = Daemon::developing(&project);
    browser.open(&daemon.file.url);
    browser.wait_for("document.body?.innerText === 'one'");
    write(&project, "two");
    browser.wait_for("document.body?.innerText === 'two'");
    let overlay =
        "document.querySelector('#coputer-live')?.shadowRoot.textContent.includes('main.cop:13')";
    write(&project, "three\") + (\"");
    browser.wait_for(overlay);
    browser.picture();
    write(&project, "four");
    browser.wait_for(
        "document.body?.innerText === 'four' && document.querySelector('#coputer-live') === null",
    );

    // A page that a trap made follows too.
    browser.open(&format!("{}trap", daemon.file.url));
    browser.wait_for("document.body?.innerText.includes('DivisionByZero')");
    fs::write(
        project.join("main.cop"),
        PROGRAM.replace("1 / count.min(0)", "whole"),
    )
    .expect("written");
    browser.wait_for(&overlay.replace(":13", ":12"));
    fs::write(
        project.join("main.cop"),
        PROGRAM.replace("1 / count.min(0)", "7"),
    )
    .expect("written");
    browser.wait_for("document.body?.innerText === '7'");
}
