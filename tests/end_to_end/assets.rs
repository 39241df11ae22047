//! Files beside a program: from the folder to the browser.

use std::fs;

use crate::copc::{copc, folder_with};
use crate::daemon::Daemon;
use crate::http::{get, header, send};
use crate::publishing::{home, publish, published, text};

const PROGRAM: &str = "import { Request, Response } from \"std/web\"\n\n\
                       fn handle(req: Request) -> Response { Response.html(\"<link rel=stylesheet href=/assets/page.css>\") }\n";

#[tokio::test]
async fn files_beside_a_program_are_published_with_it() {
    let (home, data) = (home(), tempfile::tempdir().expect("a folder"));
    let project = home.path().join("page");
    fs::create_dir_all(project.join("assets/images")).expect("made");
    let write =
        |path: &str, content: &[u8]| fs::write(project.join(path), content).expect("written");
    write("main.cop", PROGRAM.as_bytes());
    let sheet = "p { color: green }\n".repeat(200);
    write("assets/page.css", sheet.as_bytes());
    write("assets/images/dot.png", b"\x89PNG\r\n");
    write("assets/.hidden", b"secret");

    let node = Daemon::start(data.path());
    let told = published(home.path(), data.path(), &["page"]);
    let url = text(&told, "/urls/host").to_owned();
    let at = |path: &str| format!("{url}assets/{path}");
    let style = get(node.http(), &at("page.css")).await;
    assert_eq!(
        (style.body().as_str(), header(&style, "content-type")),
        (sheet.as_str(), "text/css; charset=utf-8")
    );
    let tag = header(&style, "etag").to_owned();
    let again = send(
        node.http(),
        "GET",
        &at("page.css"),
        &[("if-none-match", &tag)],
        "",
    )
    .await;
    assert_eq!(again.status(), 304);
    assert_eq!(
        header(
            &send(node.http(), "HEAD", &at("images/dot.png"), &[], "").await,
            "content-type"
        ),
        "image/png"
    );
    assert!(
        get(node.http(), &at(".hidden"))
            .await
            .body()
            .starts_with("<link"),
        "the program answers"
    );

    // A changed file is another bundle; by its hash the older one stays.
    let pinned = format!("{}assets/page.css", text(&told, "/urls/pinned"));
    write("assets/page.css", b"p { color: blue }");
    assert_eq!(published(home.path(), data.path(), &["page"])["release"], 2);
    assert_eq!(
        get(node.http(), &at("page.css")).await.body(),
        "p { color: blue }"
    );
    assert_eq!(*get(node.http(), &pinned).await.body(), sheet);

    // What is in the bundle can be built again from it.
    copc(home.path(), &["build", "page", "--output", "page.copb"]).well();
    copc(home.path(), &["check", "page.copb"]).well();

    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/etc/passwd", project.join("assets/link")).expect("made");
        publish(home.path(), data.path(), &["page"]).refused(1, &["assets/link", "it is a link"]);
        fs::remove_file(project.join("assets/link")).expect("removed");
    }
    write("assets/a?b", b"");
    publish(home.path(), data.path(), &["page"])
        .refused(1, &["assets/a?b", "printable ASCII without"]);
}

#[test]
fn a_command_has_no_files() {
    let folder = folder_with(&[("a/main.cop", "fn main() {}\n"), ("a/assets/x", "x")]);
    let with = copc(folder.path(), &["build", "a", "--json"]).json();
    fs::remove_dir_all(folder.path().join("a/assets")).expect("removed");
    assert_eq!(
        with["bundle"],
        copc(folder.path(), &["build", "a", "--json"]).json()["bundle"]
    );
}
