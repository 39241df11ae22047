//! From `copc publish` to a reader of the page: one node, all three URL forms, and what is kept over a restart.

use std::path::Path;

use serde_json::Value;

use crate::copc::{Ran, command, copc, folder_with, ran};
use crate::daemon::Daemon;
use crate::http::{get, header, send};

pub const PASSWORD: &str = "correct horse";

/// An author's home: a key, and two programs.
pub fn home() -> tempfile::TempDir {
    let folder = folder_with(&[
        (
            "visits/main.cop",
            "import { Kv } from \"host/kv\"\nimport { Request, Response } from \"std/web\"\n\n\
             fn handle(req: Request, mut kv: Kv) -> Response {\n    \
             if req.method == Post {\n        let before = kv.get(\"visits\").expect(\"a store\") ?? 0\n        \
             kv.set(\"visits\", before + 1).expect(\"a store\")\n    }\n    \
             let visits = kv.get(\"visits\").expect(\"a store\") ?? 0\n    \
             Response.text(\"${visits} visits, cookie ${req.cookie(\"who\") ?? \"none\"}\")\n}\n",
        ),
        ("visits/cop.toml", "name = \"visits\"\n"),
        (
            "greet.cop",
            "import { Request, Response } from \"std/web\"\n\n\
             fn handle(req: Request) -> Response { Response.text(\"first ${req.path}\") }\n",
        ),
    ]);
    let mut new = command(folder.path(), &["key", "new"]);
    new.env("COP_KEY_PASSWORD", PASSWORD);
    ran(new).well();
    folder
}

/// `copc publish` with the key of this home, to this node.
pub fn publish(home: &Path, node: &Path, arguments: &[&str]) -> Ran {
    let mut publish = command(home, &[&["publish"], arguments].concat());
    publish
        .env("COP_KEY_PASSWORD", PASSWORD)
        .env("COP_DATA", node);
    ran(publish)
}

/// Publishes, and gives what `--json` tells.
pub fn published(home: &Path, node: &Path, arguments: &[&str]) -> Value {
    let told = publish(home, node, &[&["--json"], arguments].concat());
    assert_eq!(told.status, Some(0), "{told:?}");
    told.json()
}

/// A text of a JSON object.
pub fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object
        .pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no {path} in {object}"))
}

#[tokio::test]
async fn a_published_program_is_read_at_all_three_urls() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let node = Daemon::start(data.path());
    let at = node.http();
    let told = publish(home.path(), data.path(), &["greet.cop"]);
    assert!(
        told.well().contains("greet, release 1") && told.output.matches("http://").count() == 3,
        "{told:?}"
    );
    let first = published(home.path(), data.path(), &["greet.cop", "--name", "other"]);
    assert_eq!(
        (&first["release"], &first["name"]),
        (&1.into(), &"other".into())
    );

    for form in ["/urls/host", "/urls/path", "/urls/pinned"] {
        let page = get(at, &format!("{}a/b?c", text(&first, form))).await;
        assert_eq!(
            (page.status().as_u16(), page.body().as_str()),
            (200, "first /a/b"),
            "{form}"
        );
        assert_eq!(header(&page, "x-content-type-options"), "nosniff");
        let sandboxed = header(&page, "content-security-policy").contains("sandbox");
        assert_eq!(sandboxed, form != "/urls/host", "{form}");
    }
    // A browser that opens the path form is sent to the program's own origin.
    let navigation = [
        ("accept", "text/html"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    let sent = send(
        at,
        "GET",
        &format!("{}a?b", text(&first, "/urls/path")),
        &navigation,
        "",
    )
    .await;
    assert_eq!(sent.status().as_u16(), 307);
    let own = text(&first, "/urls/host")
        .strip_prefix("http:")
        .expect("a URL");
    assert!(
        header(&sent, "location").ends_with(&format!("{own}a?b")),
        "{sent:?}"
    );

    // The second release follows the first; the pinned URL of the first still gives the first.
    let source = std::fs::read_to_string(home.path().join("greet.cop")).expect("read");
    std::fs::write(
        home.path().join("greet.cop"),
        source.replace("first", "second"),
    )
    .expect("written");
    let second = published(home.path(), data.path(), &["greet.cop", "--name", "other"]);
    assert_eq!(second["release"], 2);
    assert_eq!(
        get(at, text(&second, "/urls/host")).await.body(),
        "second /"
    );
    assert_eq!(
        get(at, text(&first, "/urls/pinned")).await.body(),
        "first /"
    );
    let pinned_release = text(&second, "/urls/path").replace("/other/", "/other@1/");
    assert_eq!(get(at, &pinned_release).await.body(), "first /");

    let never = get(at, &pinned_release.replace("@1", "@3")).await;
    assert_eq!(never.status().as_u16(), 404);

    // The publisher's page, for tools and for browsers.
    let publisher = format!("{}~{}/", node.file.url, text(&first, "/address"));
    let list: Value = serde_json::from_str(get(at, &publisher).await.body()).expect("JSON");
    let names: Vec<&str> = list["programs"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| text(one, "/name"))
        .collect();
    assert_eq!(names, ["greet", "other"]);
    let page = send(at, "GET", &publisher, &[("accept", "text/html")], "").await;
    assert!(
        header(&page, "content-type").starts_with("text/html") && page.body().contains("greet")
    );
}

#[tokio::test]
async fn state_is_kept_over_a_restart_and_cookies_reach_their_own_origin_only() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let node = Daemon::start(data.path());
    let told = published(home.path(), data.path(), &["visits"]);
    let host = |node: &Daemon| {
        let own = text(&told, "/urls/host");
        let (before, _) = own.rsplit_once(':').expect("a port");
        format!("{before}:{}/", node.http().port())
    };
    let cookie = [("cookie", "a=b; who=Ada")];
    for expected in ["1 visits, cookie Ada", "2 visits, cookie Ada"] {
        let page = send(node.http(), "POST", &host(&node), &cookie, "").await;
        assert_eq!(page.body(), expected);
    }
    let by_path = send(node.http(), "GET", text(&told, "/urls/path"), &cookie, "").await;
    assert_eq!(by_path.body(), "2 visits, cookie none");
    // A bundle alone has no store.
    let pinned = get(node.http(), text(&told, "/urls/pinned")).await;
    assert_eq!(pinned.status().as_u16(), 403);
    assert!(pinned.body().contains("\"denied\""), "{}", pinned.body());
    assert_eq!(node.interrupt().0, Some(0));

    let node = Daemon::start(data.path());
    let page = send(node.http(), "POST", &host(&node), &[], "").await;
    assert_eq!(page.body(), "3 visits, cookie none");
    // A new release goes on with the state of the old one.
    let main = home.path().join("visits/main.cop");
    let changed = std::fs::read_to_string(&main).expect("read") + "\n// The second.\n";
    std::fs::write(&main, changed).expect("written");
    let again = published(home.path(), data.path(), &["visits"]);
    assert_eq!(again["release"], 2);
    assert_eq!(
        get(node.http(), &host(&node)).await.body(),
        "3 visits, cookie none"
    );
    // Another publisher's program of the same name has a state of its own.
    let other = crate::publishing::home();
    let theirs = published(other.path(), data.path(), &["visits"]);
    assert_ne!(theirs["address"], told["address"]);
    assert_eq!(
        get(node.http(), text(&theirs, "/urls/host")).await.body(),
        "0 visits, cookie none"
    );
}

/// What one release stored, the next reads as a type that has grown; and is told where it cannot.
#[tokio::test]
async fn a_new_release_reads_what_the_old_one_stored_by_name() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let node = Daemon::start(data.path());
    let publish = |types: &str, handle: &str| {
        let program = format!(
            "import {{ Kv }} from \"host/kv\"\nimport {{ Request, Response }} from \"std/web\"\n\
             {types}\nfn handle(req: Request, mut kv: Kv) -> Response {{\n    {handle}\n}}\n"
        );
        std::fs::write(home.path().join("notes.cop"), program).expect("it is written");
        let told = published(home.path(), data.path(), &["notes.cop"]);
        text(&told, "/urls/host").to_owned()
    };
    let url = publish(
        "struct Note { title: String, kind: Kind }\nenum Kind { Plain, Loud(Int) }",
        "kv.set(\"note\", [Note(title: \"a\", kind: Loud(3))]).expect(\"it is stored\")\n    Response.text(req.path)",
    );
    assert_eq!(get(node.http(), &url).await.body(), "/");
    let read = "let notes: Result[List[Note]?, String] = kv.get(\"note\")\n    \
                Response.text(match notes { Ok(notes) => \"${notes}\", Err(why) => why })";
    publish(
        "struct Note { stars: Int = 5, kind: Kind, title: String, by: String? }\nenum Kind { Loud(Int), Quiet, Plain }",
        read,
    );
    assert_eq!(
        get(node.http(), &url).await.body(),
        "Some([Note(stars: 5, kind: Loud(3), title: \"a\", by: None)])"
    );
    // The store knows it after a restart, too.
    assert_eq!(node.interrupt().0, Some(0));
    let node = Daemon::start(data.path());
    publish("@ignore_unknown\nstruct Note { title: String? }", read);
    let path = url
        .split_once("//")
        .and_then(|(_, rest)| rest.split_once(':'));
    let url = format!(
        "http://{}:{}/",
        path.expect("a host and a port").0,
        node.http().port()
    );
    assert_eq!(
        get(node.http(), &url).await.body(),
        "Some([Note(title: Some(\"a\"))])"
    );
    publish("struct Note { title: String }", read);
    assert_eq!(
        get(node.http(), &url).await.body(),
        "the value under `note` was stored as another type than the one asked for: \
         the stored field `[].kind` is not in the type, and would be lost when the value is stored again"
    );
}

#[tokio::test]
async fn what_is_not_there_is_told_in_the_readers_form() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Daemon::start(data.path());
    let url = &node.file.url;
    let nobody = cop_runtime::Address::from_bytes([7; 20]).to_string();
    let typo = nobody.replacen("cop1", "cop1q", 1)[..42].to_owned();
    for (path, status, code) in [
        (format!("~{nobody}/nothing/"), 404, "no_such_program"),
        (format!("~{typo}/nothing/"), 400, "bad_address"),
        (format!("~{nobody}/No_Name/"), 400, "bad_name"),
        (format!("b3/{}/", "a".repeat(52)), 404, "no_such_program"),
        ("b3/short/".to_owned(), 400, "bad_request"),
    ] {
        let told = get(node.http(), &format!("{url}{path}")).await;
        assert_eq!(told.status().as_u16(), status, "{path}: {}", told.body());
        assert_eq!(header(&told, "content-type"), "application/problem+json");
        let problem: Value = serde_json::from_str(told.body()).expect("JSON");
        assert_eq!(
            (&problem["code"], &problem["status"]),
            (&code.into(), &status.into()),
            "{path}"
        );
        // Not a document of its own, which would be sent to the program's origin first.
        let kind = [("accept", "text/html"), ("sec-fetch-mode", "cors")];
        let page = send(node.http(), "GET", &format!("{url}{path}"), &kind, "").await;
        assert_eq!(page.status().as_u16(), status);
        assert!(
            header(&page, "content-type").starts_with("text/html") && page.body().contains("<h1"),
            "{path}"
        );
    }
    assert_eq!(get(node.http(), url).await.status().as_u16(), 200);
}

#[tokio::test]
async fn what_answers_no_requests_is_told_so() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let node = Daemon::start(data.path());
    for (name, source, what) in [
        (
            "shapes",
            "pub fn area(side: Int) -> Int { side * side }\n",
            "library",
        ),
        ("hello", "fn main() { print(1) }\n", "command"),
    ] {
        let file = format!("{name}.cop");
        std::fs::write(home.path().join(&file), source).expect("written");
        let told = publish(home.path(), data.path(), &[&file]);
        // A library is for other packages, whose authors are told how.
        let hint = match what {
            "library" => "/shapes@1",
            _ => "a command answers no requests",
        };
        assert!(
            told.well().contains(hint) || told.errors.contains(hint),
            "{told:?}"
        );
        let again = published(home.path(), data.path(), &[&file]);
        assert_eq!(again["kind"], what);
        let answer = get(node.http(), text(&again, "/urls/host")).await;
        assert_eq!(answer.status().as_u16(), 404);
        assert!(answer.body().contains(what), "{}", answer.body());
    }
}

#[test]
fn what_keeps_a_program_from_being_published_is_told() {
    let home = home();
    let at = home.path();
    let data = tempfile::tempdir().expect("a folder");
    // Nobody is there.
    let told = publish(at, data.path(), &["greet.cop"]);
    told.refused(1, &["copd start", "--data"]);
    let node = Daemon::start(data.path());
    // Not a key, a wrong password, several keys.
    publish(at, data.path(), &["greet.cop", "--key", "nobody"])
        .refused(1, &["nobody.copkey", "copc key new"]);
    publish(at, data.path(), &["greet.cop", "--keys", "empty"])
        .refused(1, &["empty", "copc key new"]);
    let mut wrong = command(
        at,
        &["publish", "greet.cop", "--password-file", "visits/cop.toml"],
    );
    wrong.env("COP_DATA", data.path());
    ran(wrong).refused(1, &["password does not open"]);
    let mut without = command(at, &["publish", "greet.cop"]);
    without.env("COP_DATA", data.path());
    ran(without).refused(1, &["--password-file"]);
    // Not a program, not a name, not a node.
    std::fs::copy(at.join("greet.cop"), at.join("Greet_All.cop")).expect("copied");
    publish(at, data.path(), &["Greet_All.cop"]).refused(2, &["--name"]);
    publish(at, data.path(), &["nothing.cop"]).refused(1, &["nothing.cop"]);
    publish(
        at,
        data.path(),
        &["greet.cop", "--node", "http://127.0.0.1:9"],
    )
    .refused(1, &["127.0.0.1:9", "copd start"]);
    publish(at, data.path(), &["greet.cop", "--node", "nowhere"]).refused(1, &["nowhere"]);
    let json = publish(at, data.path(), &["greet.cop", "--json", "--key", "nobody"]);
    assert_eq!((json.status, &json.json()["ok"]), (Some(1), &false.into()));
    assert_eq!(node.interrupt().0, Some(0));
    publish(at, data.path(), &["greet.cop"]).refused(1, &["copd start"]);
    // Nothing of all this was stored.
    let node = Daemon::start(data.path());
    assert_eq!(published(at, data.path(), &["greet.cop"])["release"], 1);
    drop(node);
    assert!(copc(at, &["key", "list"]).well().contains("default"));
}

/// Counters that many add to at once, and values that go by themselves, over real sockets and a restart.
#[tokio::test]
async fn a_store_counts_without_conflict_and_forgets_in_time() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    std::fs::write(
        home.path().join("counter.cop"),
        "import { Kv } from \"host/kv\"\nimport { Request, Response } from \"std/web\"\n\n\
         fn handle(req: Request, mut kv: Kv) -> Response {\n    \
         if req.method == Post {\n        kv.add(\"count\", 1).expect(\"a store\")\n        \
         kv.append(\"log\", \".\").expect(\"a store\")\n        \
         kv.set_for(\"soon\", 1, 2).expect(\"a store\")\n        \
         let _ = kv.compare_and_set(\"first\", None, Some(req.query(\"n\") ?? \"\"))\n    }\n    \
         let count: Int? = kv.get(\"count\").expect(\"a store\")\n    \
         let log: String? = kv.get(\"log\").expect(\"a store\")\n    \
         let soon: Int? = kv.get(\"soon\").expect(\"a store\")\n    \
         Response.text(\"${count} ${(log ?? \"\").len()} ${soon != None}\")\n}\n",
    )
    .expect("written");
    let node = Daemon::start(data.path());
    let told = published(home.path(), data.path(), &["counter.cop"]);
    let url = text(&told, "/urls/host").to_owned();
    let at = node.http();
    let mut posts = Vec::new();
    for n in 0..20 {
        let url = format!("{url}?n={n}");
        posts.push(tokio::spawn(async move {
            send(at, "POST", &url, &[], "").await.status().as_u16()
        }));
    }
    for post in posts {
        assert_eq!(post.await.expect("an answer"), 200);
    }
    assert_eq!(get(at, &url).await.body(), "Some(20) 20 true");
    let (status, _, errors) = node.interrupt();
    assert_eq!(status, Some(0), "{errors}");
    let node = Daemon::start(data.path());
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert_eq!(get(node.http(), &url).await.body(), "Some(20) 20 false");
}
