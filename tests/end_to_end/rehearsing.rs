//! What a release would change, tried before it is published; and going back to an older one.

use std::path::Path;

use crate::copc::{Ran, command, ran};
use crate::daemon::Daemon;
use crate::http::{get, send};
use crate::publishing::{PASSWORD, home, publish, published, text};

fn asked(home: &Path, node: &Path, arguments: &[&str]) -> Ran {
    let mut asked = command(home, arguments);
    asked
        .env("COP_DATA", node)
        .env("COP_KEY_PASSWORD", PASSWORD);
    ran(asked)
}

#[tokio::test]
async fn a_release_is_rehearsed_on_what_was_asked_before() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let (home, data) = (home.path(), data.path());
    let node = Daemon::start(data);
    let url = text(&published(home, data, &["visits"]), "/urls/host").to_owned();
    publish(home, data, &["visits", "--rehearse", "5"]).refused(1, &["remembers no run"]);
    send(node.http(), "POST", &url, &[], "").await;
    for _ in 0..3 {
        get(node.http(), &url).await;
    }

    let rehearse = || publish(home, data, &["visits", "--rehearse", "100", "--json"]);
    let same = rehearse().json();
    // The first time it was read, it was read from the store; the others were told the same.
    assert_eq!(
        (&same["runs"], &same["same"], &same["different"]),
        (&4.into(), &4.into(), &2.into()),
        "{same}"
    );
    assert_eq!(same["fuel_before"], same["fuel_after"]);

    let source = home.join("visits/main.cop");
    let code = std::fs::read_to_string(&source).expect("source");
    let changed = |from: &str, to: &str| {
        assert!(code.contains(from), "{from}");
        std::fs::write(&source, code.replace(from, to)).expect("it is written");
        rehearse()
    };
    let body = changed(" visits, ", " visitors, ");
    assert_eq!(
        (body.status, &body.json()["body"]["runs"]),
        (Some(0), &4.into()),
        "{body:?}"
    );
    let question = changed("\"who\"", "\"whom\"");
    assert_eq!(
        (question.status, &question.json()["question"]["runs"]),
        (Some(0), &4.into()),
        "{question:?}"
    );
    let status = changed(
        "Response.text(\"${visits}",
        "if visits == 1 && req.method == Get { return Response.text(\"\").with_status(503) }\n    Response.text(\"${visits}",
    );
    assert_eq!(
        (status.status, &status.json()["status"]["runs"]),
        (Some(1), &3.into()),
        "{status:?}"
    );
    let trap = changed(
        "Response.text(\"${visits}",
        "Response.text(\"${9 / (visits - 1)} ${visits}",
    );
    assert_eq!(
        (trap.status, &trap.json()["trap"]["runs"]),
        (Some(1), &4.into()),
        "{trap:?}"
    );
    let told = publish(home, data, &["visits", "--rehearse", "2"]);
    assert!(told.output.contains("DivisionByZero  GET /"), "{told:?}");
    assert_eq!(
        get(node.http(), &url).await.body(),
        "1 visits, cookie none",
        "nothing was published"
    );
}

/// What is stored under a type that has grown is read; what cannot be read is told before anything is published.
#[tokio::test]
async fn a_release_that_reads_what_is_stored_as_another_type_is_rehearsed() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let (home, data) = (home.path(), data.path());
    let source = home.join("note.cop");
    let code = "import { Kv } from \"host/kv\"\nimport { Request, Response } from \"std/web\"\n\n\
        struct Note { text: String }\n\n\
        fn handle(req: Request, mut kv: Kv) -> Response {\n    \
        if req.method == Post { kv.set(\"note\", Note(text: \"tea\")).expect(\"it is stored\") }\n    \
        let note: Note? = kv.get(\"note\").expect(\"it is read\")\n    \
        Response.text(note.map(|note| note.text) ?? \"nothing\")\n}\n";
    std::fs::write(&source, code).expect("it is written");
    let node = Daemon::start(data);
    let url = text(&published(home, data, &["note.cop"]), "/urls/host").to_owned();
    send(node.http(), "POST", &url, &[], "").await;
    assert_eq!(get(node.http(), &url).await.body(), "tea");

    let rehearse = |fields: &str| {
        let changed = code.replace("{ text: String }", fields);
        let changed = changed.replace("text: \"tea\"", "text: \"tea\", cups: 1");
        std::fs::write(&source, changed).expect("it is written");
        publish(home, data, &["note.cop", "--rehearse", "9", "--json"])
    };
    let grown = rehearse("{ text: String, cups: Int = 1 }").json();
    assert_eq!(grown["question"]["runs"], 0, "{grown}");
    assert_eq!(grown["trap"]["runs"], 0, "{grown}");
    let other = rehearse("{ text: String, cups: Int }");
    assert_eq!(other.status, Some(1), "{other:?}");
    let told = other.json();
    assert_eq!(told["trap"]["runs"], 1, "{told}");
    let what = text(&told, "/trap/examples/0/what");
    for part in ["it reads `note` as another type", "text:String"] {
        assert!(what.contains(part), "{what}");
    }
}

#[tokio::test]
async fn an_older_release_is_published_again() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let (home, data) = (home.path(), data.path());
    let node = Daemon::start(data);
    let first = published(home, data, &["greet.cop"]);
    let url = text(&first, "/urls/host").to_owned();
    asked(home, data, &["rollback", "greet"]).refused(1, &["nothing to go back to"]);
    let source = home.join("greet.cop");
    let code = std::fs::read_to_string(&source).expect("source");
    std::fs::write(&source, code.replace("first", "second")).expect("it is written");
    published(home, data, &["greet.cop"]);
    assert_eq!(get(node.http(), &url).await.body(), "second /");

    let back = asked(home, data, &["rollback", "greet", "--json"]).json();
    assert_eq!(
        (&back["release"], &back["of"], &back["bundle"]),
        (&3.into(), &1.into(), &first["bundle"])
    );
    assert_eq!(get(node.http(), &url).await.body(), "first /");
    let again = asked(home, data, &["rollback", "greet", "--to", "1"]);
    assert!(
        again
            .well()
            .contains("unchanged: release 3 is what release 1 was"),
        "{again:?}"
    );
    asked(home, data, &["rollback", "greet", "--to", "2"]).well();
    assert_eq!(get(node.http(), &url).await.body(), "second /");

    let listed = asked(home, data, &["releases", "greet"]);
    let lines: Vec<&str> = listed.well().lines().collect();
    assert_eq!(lines.len(), 4, "{listed:?}");
    assert!(
        lines[0].contains("   4  ") && lines[0].ends_with("the bundle of release 2"),
        "{listed:?}"
    );
    assert!(lines[1].ends_with("the bundle of release 1"), "{listed:?}");

    asked(home, data, &["rollback", "greet", "--to", "9"])
        .refused(1, &["no release 9", "the newest is 4"]);
    asked(home, data, &["rollback", "nothing"]).refused(1, &["nothing", "copc publish"]);
    asked(home, data, &["key", "new", "other"]).well();
    asked(home, data, &["rollback", "greet", "--key", "other"]).refused(1, &["not yours"]);
}
