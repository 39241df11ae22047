//! `copd demo`, as a browser and a tool see it.

use std::collections::BTreeMap;

use crate::daemon::Daemon;
use crate::http::{get, header, send};

/// The programs of the node, by name: the publisher's address and the bundle's hash.
async fn programs(daemon: &Daemon) -> BTreeMap<String, (String, String)> {
    let list = get(daemon.http(), &daemon.file.url).await;
    let list: serde_json::Value = serde_json::from_str(list.body()).expect("JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let programs = list["programs"].as_array().expect("a list").iter();
    programs
        .map(|program| {
            (
                text(&program["name"]),
                (text(&program["address"]), text(&program["bundle"])),
            )
        })
        .collect()
}

#[tokio::test]
async fn the_demo_serves_every_example_in_three_forms() {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = Daemon::with(folder.path(), &["demo"]);
    let at = daemon.http();
    let port = at.port();
    let programs = programs(&daemon).await;
    for name in [
        "counter",
        "evaluator",
        "guestbook",
        "heap",
        "hello",
        "matrix",
        "system",
        "todos",
        "words",
    ] {
        assert!(programs.contains_key(name), "{name} is not published");
    }
    let (address, bundle) = &programs["hello"];
    let own = format!("http://hello-{address}.localhost:{port}/hello/Ada");
    let by_path = format!("http://localhost:{port}/~{address}/hello/hello/Ada");
    let pinned = format!("http://localhost:{port}/b3/{bundle}/hello/Ada");
    for url in [&own, &by_path, &pinned] {
        let page = get(at, url).await;
        assert_eq!(
            (page.status().as_u16(), header(&page, "content-type")),
            (200, "text/html; charset=utf-8"),
            "{url}"
        );
        assert!(page.body().contains("Hello, Ada!"), "{}", page.body());
        assert_eq!(
            header(&page, "content-security-policy").contains("sandbox"),
            *url != own
        );
    }
    assert_eq!(
        header(&get(at, &pinned).await, "cache-control"),
        "public, max-age=31536000, immutable"
    );

    // The second answer comes from the record of the first run, with the same figures.
    let fresh = format!("http://hello-{address}.localhost:{port}/hello/Grace");
    let (first, second) = (get(at, &fresh).await, get(at, &fresh).await);
    assert_eq!(
        (header(&first, "cop-cache"), header(&second, "cop-cache")),
        ("miss", "hit")
    );
    assert_eq!(header(&first, "cop-fuel"), header(&second, "cop-fuel"));
    assert_ne!(header(&first, "cop-run"), header(&second, "cop-run"));
    let etag = header(&first, "etag");
    assert_eq!(
        send(at, "GET", &fresh, &[("if-none-match", etag)], "")
            .await
            .status()
            .as_u16(),
        304
    );

    let figures = format!(
        "http://hello-{address}.localhost:{port}/.well-known/coputer/run/{}",
        header(&second, "cop-run")
    );
    let figures: serde_json::Value =
        serde_json::from_str(get(at, &figures).await.body()).expect("JSON");
    assert_eq!(
        (&figures["name"], &figures["cache"], &figures["path"]),
        (&"hello".into(), &"hit".into(), &"/hello/Grace".into())
    );

    let head = send(at, "HEAD", &own, &[], "").await;
    assert_eq!((head.status().as_u16(), head.body().as_str()), (200, ""));
    assert_eq!(daemon.interrupt().0, Some(0));
}

#[tokio::test]
async fn browsers_land_on_the_system_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = Daemon::with(folder.path(), &["demo"]);
    let at = daemon.http();
    let navigation = [("accept", "text/html"), ("sec-fetch-mode", "navigate")];
    let front = send(at, "GET", &daemon.file.url, &navigation, "").await;
    assert_eq!(front.status().as_u16(), 307);
    let place = format!("http:{}", header(&front, "location"));
    assert!(place.starts_with("http://system-cop1"), "{place}");
    let page = send(at, "GET", &place, &navigation, "").await;
    assert_eq!(page.status().as_u16(), 200, "{}", page.body());
    assert!(page.body().contains("How this page came to be") && page.body().contains("guestbook"));
}

#[tokio::test]
async fn a_form_reaches_the_guestbook_and_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = Daemon::with(folder.path(), &["demo"]);
    let at = daemon.http();
    let (address, bundle) = programs(&daemon)
        .await
        .remove("guestbook")
        .expect("it is published");
    let url = format!("http://guestbook-{address}.localhost:{}/", at.port());
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let sent = send(
        at,
        "POST",
        &url,
        &form,
        "name=Ada&text=%3Cb%3Ehello%3C%2Fb%3E",
    )
    .await;
    assert_eq!(sent.status().as_u16(), 303, "{}", sent.body());
    assert_eq!(header(&sent, "cache-control"), "no-store");
    let page = get(at, &url).await;
    assert!(
        page.body().contains("&lt;b&gt;hello") && page.body().contains("Ada"),
        "{}",
        page.body()
    );
    // Pinned by its hash, a program has no state.
    let pinned = get(at, &format!("http://localhost:{}/b3/{bundle}/", at.port())).await;
    let problem: serde_json::Value = serde_json::from_str(pinned.body()).expect("problem JSON");
    assert_eq!(
        (pinned.status().as_u16(), &problem["code"]),
        (403, &"denied".into())
    );
}

#[test]
fn its_folder_goes_away_with_it() {
    let scratch = tempfile::tempdir().expect("a folder");
    let daemon = Daemon::in_scratch(scratch.path(), &["demo"]);
    let left = || std::fs::read_dir(scratch.path()).expect("a folder").count();
    assert_eq!(left(), 1);
    let (status, output, errors) = daemon.interrupt();
    assert_eq!((status, errors.as_str()), (Some(0), ""), "{output}");
    assert_eq!(left(), 0, "the folder is still there");
    assert!(output.contains("http://hello-cop1"), "{output}");
}

/// A change drops the pages that showed what was changed, and no other.
#[tokio::test]
async fn a_change_drops_just_the_pages_that_showed_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = Daemon::with(folder.path(), &["demo"]);
    let at = daemon.http();
    let programs = programs(&daemon).await;
    let url = |name: &str, path: &str| {
        let address = &programs[name].0;
        format!("http://localhost:{}/~{address}/{name}{path}", at.port())
    };
    let cached = async |url: String| header(&get(at, &url).await, "cop-cache").to_owned();
    let todos = async || {
        let mut seen = Vec::new();
        for path in ["/todos/1", "/todos/2", "/todos/3", "/todos", "/nothing"] {
            seen.push(cached(url("todos", path)).await);
        }
        seen
    };
    for title in ["one", "two"] {
        let body = format!("{{\"title\": \"{title}\"}}");
        let added = send(at, "POST", &url("todos", "/todos"), &[], &body).await;
        assert_eq!(added.status(), 201, "{}", added.body());
    }
    assert_eq!(todos().await, ["miss"; 5]);
    assert_eq!(todos().await, ["hit"; 5]);
    let done = send(at, "PUT", &url("todos", "/todos/1/done"), &[], "").await;
    assert_eq!(done.status(), 200);
    // The item itself and the list: the other item, the one that is not there, and what shows nothing are as they were.
    assert_eq!(todos().await, ["miss", "hit", "hit", "miss", "hit"]);
    let added = send(
        at,
        "POST",
        &url("todos", "/todos"),
        &[],
        "{\"title\": \"three\"}",
    )
    .await;
    assert_eq!(added.status(), 201);
    assert_eq!(todos().await, ["hit", "hit", "miss", "miss", "hit"]);

    // The guestbook: who signs drops the page, and the other program knows nothing of it.
    assert_eq!(cached(url("guestbook", "/")).await, "miss");
    assert_eq!(cached(url("guestbook", "/")).await, "hit");
    let signed = send(
        at,
        "POST",
        &url("guestbook", "/"),
        &[],
        "name=Ann&text=hello",
    )
    .await;
    assert_eq!(signed.status(), 303);
    assert_eq!(cached(url("guestbook", "/")).await, "miss");
    assert_eq!(cached(url("guestbook", "/")).await, "hit");
    assert_eq!(todos().await, ["hit"; 5]);
}
