//! Packages of others: beside a program, published on a node, in the cache; and nodes and files that lie about them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;

use cop_runtime::{Address, Bundle, SecretKey};
use coputer::packages::Options;
use coputer::project::{Project, ROOT};
use coputer::publish::{Place, build, sign};

use crate::copc::{Ran, command, copc, folder_with, ran};
use crate::daemon::Daemon;
use crate::http::get;
use crate::publishing::text;

const PASSWORD: &str = "correct horse";

/// `copc` in this folder with a key's password and a node.
fn with_node(home: &Path, node: &Path, arguments: &[&str]) -> Ran {
    let mut command = command(home, arguments);
    command
        .env("COP_KEY_PASSWORD", PASSWORD)
        .env("COP_DATA", node);
    ran(command)
}

/// An author's home with a key and these files; and the author's address.
fn author(files: &[(&str, &str)]) -> (tempfile::TempDir, String) {
    let home = folder_with(files);
    let mut new = command(home.path(), &["key", "new"]);
    new.env("COP_KEY_PASSWORD", PASSWORD);
    ran(new).well();
    let listed = copc(home.path(), &["key", "list"]);
    let address = listed
        .well()
        .split(' ')
        .next()
        .expect("an address")
        .to_owned();
    (home, address)
}

/// A library in three files, of which two are offered.
const SHAPES: &[(&str, &str)] = &[
    (
        "shapes/cop.toml",
        "name = \"shapes\"\noffers = [\"round\"]\n",
    ),
    (
        "shapes/main.cop",
        "import { square } from \"./inner\"\npub import { Named } from \"./inner\"\n\n\
         pub struct Shape { side: Int }\n\n\
         pub fn area(shape: Shape) -> Int { square(shape.side) }\n\n\
         pub fn both[T](one: T, f: fn(T) -> T) -> List[T] { [one, f(one)] }\n\n\
         pub const unit: Shape = Shape(side: 1)\n",
    ),
    (
        "shapes/inner.cop",
        "pub fn square(n: Int) -> Int { n * n }\n\npub trait Named { fn name(self) -> String }\n",
    ),
    (
        "shapes/round.cop",
        "pub fn round(radius: Int) -> Int {\n    if radius < 0 { panic(\"no such circle\") }\n    radius * 3\n}\n",
    ),
];

/// A web program that uses it.
fn drawing(dependency: &str) -> Vec<(String, String)> {
    let settings =
        format!("name = \"drawing\"\n\n[dependencies]\nshapes = \"{dependency}\" # theirs\n");
    let main = "import { Named, Shape, area, both, unit } from \"shapes\"\nimport { round } from \"shapes/round\"\n\
                import { Request, Response } from \"std/web\"\n\n\
                impl Named for Shape2 { fn name(self) -> String { \"mine\" } }\nstruct Shape2 { side: Int }\n\n\
                fn handle(req: Request) -> Response {\n    \
                let all = both(3, |n| n + 1)\n    \
                Response.text(\"${area(Shape(side: 4))} ${round(2)} ${all} ${unit.side} ${Shape2(side: 1).name()}\")\n}\n\n\
                test \"areas\" { assert_eq(area(Shape(side: 2)), 4) }\n";
    vec![
        ("drawing/cop.toml".to_owned(), settings),
        ("drawing/main.cop".to_owned(), main.to_owned()),
    ]
}

const DRAWN: &str = "16 6 [3, 4] 1 mine";

fn write(folder: &Path, files: &[(String, String)]) {
    for (path, text) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }
}

fn lock(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("cop.lock")).expect("a lock file")
}

#[tokio::test]
async fn what_one_publishes_another_uses() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Daemon::start(data.path());
    let (ada, address) = author(SHAPES);
    let published = with_node(ada.path(), data.path(), &["publish", "shapes"]);
    let add = format!("copc add {address}/shapes@1");
    assert!(published.well().contains(&add), "{published:?}");

    let (bob, _) = author(&[]);
    let home = bob.path();
    let package = format!("{address}/shapes@1");
    write(home, &drawing("../nowhere"));
    let settings = home.join("drawing/cop.toml");
    with_node(home, data.path(), &["check", "drawing"])
        .refused(1, &["E0806", "there is no package at `../nowhere`"]);
    // Without a number, the newest; a line that is there is changed where it stands.
    let added = with_node(
        home,
        data.path(),
        &["add", &format!("{address}/shapes"), "--to", "drawing"],
    );
    assert!(added.well().contains(&package), "{added:?}");
    let edited = std::fs::read_to_string(&settings).expect("read");
    assert_eq!(
        edited,
        format!("name = \"drawing\"\n\n[dependencies]\nshapes = \"{package}\" # theirs\n")
    );
    with_node(home, data.path(), &["test", "drawing"]).well();
    let locked = lock(&home.join("drawing"));
    assert!(
        locked.contains(&format!("name = \"{package}\"\nbundle = \"")),
        "{locked}"
    );
    let built = json(home, data.path(), &["build", "drawing", "--json"]);
    assert_eq!(built["name"], "drawing");
    assert_eq!(built["packages"][0]["name"], package.as_str());
    assert_eq!(text(&built, "/packages/0/bundle").len(), 52);

    // Served by the node, which knows nothing of packages.
    let told = with_node(home, data.path(), &["publish", "drawing", "--json"]).json();
    assert_eq!(told["release"], 1);
    assert_eq!(
        get(node.http(), text(&told, "/urls/host")).await.body(),
        DRAWN
    );
    // What has not changed is not released again; what has, is.
    let again = with_node(home, data.path(), &["publish", "drawing", "--json"]).json();
    assert_eq!(
        (&again["release"], &again["new"]),
        (&1.into(), &false.into())
    );
    assert_eq!(again["urls"], told["urls"]);
    let unchanged = with_node(home, data.path(), &["publish", "drawing"]);
    assert!(
        unchanged.well().contains("unchanged: drawing, release 1"),
        "{unchanged:?}"
    );

    // The bundle is all that is needed, with the cache: anywhere, without a node.
    assert_eq!(node.interrupt().0, Some(0));
    let bundle = "drawing/build/drawing.copb";
    let run = with_node(home, data.path(), &["run", bundle]);
    assert!(run.well().contains(DRAWN), "{run:?}");
    assert!(
        with_node(home, data.path(), &["disasm", bundle])
            .well()
            .contains("handle")
    );
    let checked = with_node(home, data.path(), &["check", bundle]);
    assert!(checked.well().contains("this very bundle"), "{checked:?}");
    for flags in [
        &["--offline"][..],
        &["--locked"],
        &["--offline", "--locked"],
        &[],
    ] {
        let run = with_node(home, data.path(), &[&["run", "drawing"], flags].concat());
        assert!(run.well().contains(DRAWN), "{run:?}");
    }
    assert_eq!(lock(&home.join("drawing")), locked, "nothing changes it");

    // Somebody else's machine has no cache.
    let clean = folder_with(&[]);
    write(clean.path(), &drawing(&package));
    with_node(clean.path(), data.path(), &["run", "drawing"]).refused(
        1,
        &[
            "E0806",
            "no node runs on",
            "copd start",
            "--node",
            "drawing/cop.toml:4:10",
        ],
    );
    with_node(clean.path(), data.path(), &["run", "drawing", "--offline"])
        .refused(1, &["E0806", "`--offline` lets nobody be asked"]);
    let node = Daemon::start(data.path());
    let elsewhere = folder_with(&[]);
    let at = node.file.url.clone();
    let run = with_node(
        clean.path(),
        elsewhere.path(),
        &["run", "drawing", "--node", &at],
    );
    assert!(run.well().contains(DRAWN), "{run:?}");
    assert_eq!(lock(&clean.path().join("drawing")), locked);
}

#[test]
fn what_a_program_is_made_of_goes_on_with_it() {
    let (first, second) = (tempfile::tempdir(), tempfile::tempdir());
    let (first, second) = (first.expect("a folder"), second.expect("a folder"));
    let old = Daemon::start(first.path());
    let (ada, address) = author(SHAPES);
    with_node(ada.path(), first.path(), &["publish", "shapes"]).well();
    let round = ada.path().join("shapes/round.cop");
    std::fs::write(&round, "pub fn round(radius: Int) -> Int { radius * 3 }\n").expect("written");
    with_node(ada.path(), first.path(), &["publish", "shapes"]).well();
    let package = format!("{address}/shapes@2");
    let (bob, _) = author(&[]);
    write(bob.path(), &drawing(&package));
    with_node(bob.path(), first.path(), &["check", "drawing"]).well();
    assert_eq!(old.interrupt().0, Some(0));

    // A node without them gets them from whom has them all, and serves the program in any case.
    let _new = Daemon::start(second.path());
    let lacking = with_node(bob.path(), second.path(), &["publish", "drawing"]);
    lacking.well();
    let noted = format!("the node lacks {package}");
    assert!(
        lacking.errors.contains(&noted) && lacking.errors.contains("release 1"),
        "{lacking:?}"
    );
    write(ada.path(), &drawing(&package));
    let given = json(ada.path(), second.path(), &["publish", "drawing", "--json"]);
    assert_eq!(given["handed_on"], serde_json::json!([package]));
    let again = json(bob.path(), second.path(), &["publish", "drawing", "--json"]);
    assert_eq!(again["handed_on"], serde_json::json!([]));
    let clean = folder_with(&[]);
    write(clean.path(), &drawing(&package));
    let run = with_node(clean.path(), second.path(), &["run", "drawing"]);
    assert!(run.well().contains(DRAWN), "{run:?}");
}

#[test]
fn a_dependency_goes_as_it_came() {
    let home = folder_with(SHAPES);
    copc(home.path(), &["new", "uses"]).well();
    let settings = home.path().join("uses/cop.toml");
    let old = std::fs::read_to_string(&settings).expect("read");
    copc(home.path(), &["add", "../shapes", "--to", "uses"]).well();
    assert!(lock(&home.path().join("uses")).contains("../shapes"));
    copc(home.path(), &["remove", "shape", "--from", "uses"])
        .refused(1, &["has no dependency `shape`; it has shapes"]);
    copc(home.path(), &["remove", "shapes", "--from", "uses"]).well();
    assert_eq!(std::fs::read_to_string(&settings).expect("read"), old);
    assert!(!lock(&home.path().join("uses")).contains("shapes"));

    copc(home.path(), &["add", "../shapes", "--to", "uses"]).well();
    let main = "import { area } from \"shapes\"\n\nfn main() { print(area) }\n";
    std::fs::write(home.path().join("uses/main.cop"), main).expect("written");
    let removed = copc(home.path(), &["remove", "shapes", "--from", "uses"]);
    removed.well();
    assert!(removed.errors.contains("still imports it"), "{removed:?}");
}

fn json(home: &Path, node: &Path, arguments: &[&str]) -> serde_json::Value {
    with_node(home, node, arguments).json()
}

#[test]
fn two_releases_live_side_by_side() {
    let data = tempfile::tempdir().expect("a folder");
    let _node = Daemon::start(data.path());
    let (ada, address) = author(SHAPES);
    with_node(ada.path(), data.path(), &["publish", "shapes"]).well();
    let main = ada.path().join("shapes/main.cop");
    let older = std::fs::read_to_string(&main).expect("read");
    let newer = older.replace(
        "square(shape.side) }",
        "shape.side }\n\npub fn never(x: Int) -> Int { let y = 1\n 2 }",
    );
    std::fs::write(&main, newer).expect("written");
    assert!(
        with_node(ada.path(), data.path(), &["publish", "shapes"])
            .well()
            .contains("release 2")
    );

    let program = |body: &str| {
        format!(
            "import older from \"{address}/shapes@1\"\nimport newer from \"{address}/shapes@2\"\n\nfn main() {{ {body} }}\n"
        )
    };
    let both = program(
        "print(\"${older.area(older.Shape(side: 3))} ${newer.area(newer.Shape(side: 3))}\")",
    );
    let mixed = program("print(newer.area(older.Shape(side: 3)))");
    let folder = folder_with(&[("both.cop", &both), ("mixed.cop", &mixed)]);
    let run = with_node(folder.path(), data.path(), &["run", "both.cop"]);
    assert_eq!(
        (run.well(), run.errors.as_str()),
        ("9 3\n", ""),
        "their warnings are theirs"
    );
    assert!(
        !folder.path().join("cop.lock").exists(),
        "a single file keeps no lock file"
    );
    with_node(folder.path(), data.path(), &["run", "mixed.cop"]).refused(
        1,
        &[
            "E0401",
            "expected `shapes@2/Shape`, found `shapes@1/Shape`",
            &format!("{address}/shapes@2/main.cop:"),
        ],
    );
    // A number too high is told with the newest.
    let high = both.replace("shapes@2", "shapes@7");
    std::fs::write(folder.path().join("high.cop"), high).expect("written");
    with_node(folder.path(), data.path(), &["run", "high.cop"]).refused(
        1,
        &[
            "E0806",
            "the newest release there is `shapes@2`",
            "+ import newer from",
        ],
    );
    // A release and its bundle's hash are the same package.
    let listed = with_node(ada.path(), data.path(), &["publish", "shapes", "--json"]).json();
    let hash = text(&listed, "/bundle");
    let same = program("print(newer.area(older.Shape(side: 3)))")
        .replace("shapes@1", &format!("shapes#{hash}"));
    std::fs::write(folder.path().join("same.cop"), same).expect("written");
    assert_eq!(
        with_node(folder.path(), data.path(), &["run", "same.cop"]).well(),
        "3\n"
    );
    // A trap inside of a package is shown there.
    let trapping = format!(
        "import {{ round }} from \"{address}/shapes@1/round\"\n\nfn main() {{ print(round(-1)) }}\n"
    );
    std::fs::write(folder.path().join("trapping.cop"), trapping).expect("written");
    with_node(folder.path(), data.path(), &["run", "trapping.cop"]).refused(
        1,
        &[
            "no such circle",
            &format!("{address}/shapes@1/round.cop:2:"),
            "trapping.cop:3:",
        ],
    );
}

#[test]
fn packages_of_packages_come_along() {
    let data = tempfile::tempdir().expect("a folder");
    let node = Daemon::start(data.path());
    let (ada, address) = author(&[
        ("words/cop.toml", "name = \"words\"\n"),
        (
            "words/main.cop",
            "pub fn loud(text: String) -> String { text.to_upper() }\n",
        ),
    ]);
    with_node(ada.path(), data.path(), &["publish", "words"]).well();
    // A library with a published package and one beside it, which has one itself.
    let settings = format!(
        "name = \"greeting\"\n[dependencies]\nwords = \"{address}/words@1\"\nmarks = \"../marks\"\n"
    );
    let (bob, theirs) = author(&[
        ("greeting/cop.toml", &settings),
        (
            "greeting/main.cop",
            "import { loud } from \"words\"\nimport { mark } from \"marks\"\n\npub fn greet(name: String) -> String { \"Hello, \" + loud(name) + mark() }\n",
        ),
        (
            "marks/cop.toml",
            "name = \"marks\"\n[dependencies]\ndeep = \"../far/deep\"\n",
        ),
        (
            "marks/main.cop",
            "import { one } from \"deep\"\npub fn mark() -> String { one() }\n",
        ),
        (
            "far/deep/main.cop",
            "import { two } from \"./two\"\npub fn one() -> String { two() }\n",
        ),
        ("far/deep/two.cop", "pub fn two() -> String { \"!\" }\n"),
    ]);
    with_node(bob.path(), data.path(), &["publish", "greeting"]).well();
    let locked = lock(&bob.path().join("greeting"));
    let names: Vec<&str> = locked
        .lines()
        .filter_map(|line| line.strip_prefix("name = "))
        .collect();
    assert_eq!(
        names,
        [
            "\"../far/deep\"",
            "\"../marks\"",
            &format!("\"{address}/words@1\"")
        ]
    );

    let (carol, _) = author(&[("hi/cop.toml", "name = \"hi\"\n"), ("hi/main.cop", "")]);
    let home = carol.path();
    std::fs::write(
        home.join("hi/main.cop"),
        format!("import {{ greet }} from \"{theirs}/greeting@1\"\n\nfn main(args: List[String]) {{ print(greet(args.join(\" \"))) }}\n"),
    )
    .expect("written");
    let run = with_node(home, data.path(), &["run", "hi", "--", "Ada"]);
    assert_eq!(run.well(), "Hello, ADA!\n");
    let locked = lock(&home.join("hi"));
    assert!(
        locked.contains("words@1") && locked.contains("greeting@1") && !locked.contains("marks"),
        "{locked}"
    );
    // All of them can be built again from what was published.
    with_node(home, data.path(), &["build", "hi"]).well();
    with_node(bob.path(), data.path(), &["build", "greeting"]).well();
    drop(node);
    assert!(
        with_node(home, data.path(), &["check", "hi/build/hi.copb"])
            .well()
            .contains("this very bundle")
    );
    let bundle = bob.path().join("greeting/build/greeting.copb");
    let elsewhere = home.join("elsewhere.copb");
    std::fs::copy(bundle, &elsewhere).expect("copied");
    assert!(
        with_node(home, data.path(), &["check", "elsewhere.copb"])
            .well()
            .contains("this very bundle")
    );
    // A mistake in a package of a package is told with its place.
    std::fs::write(
        bob.path().join("far/deep/two.cop"),
        "pub fn two() -> String { 2 }\n",
    )
    .expect("written");
    with_node(bob.path(), data.path(), &["check", "greeting"])
        .refused(1, &["E0401", "far/deep/two.cop:1:26"]);
}

#[test]
fn packages_in_folders_have_rules() {
    let home = folder_with(&[
        ("a/cop.toml", "name = \"a\"\n[dependencies]\nb = \"../b\"\n"),
        (
            "a/main.cop",
            "import { two } from \"b\"\npub fn one() -> Int { two() }\nfn main() { print(one()) }\n",
        ),
        ("b/cop.toml", "name = \"b\"\n[dependencies]\nc = \"../c\"\n"),
        (
            "b/main.cop",
            "import { three } from \"c\"\npub fn two() -> Int { three() }\nfn unused() {}\nfn main() { print(two()) }\ntest \"theirs\" { assert(false) }\n",
        ),
        ("c/main.cop", "pub fn three() -> Int { 3 }\n"),
    ]);
    let run = copc(home.path(), &["run", "a"]);
    assert_eq!((run.well(), run.errors.as_str()), ("3\n", ""));
    let misspelt = "name = \"a\"\n[dependencies]\nb = \"../shpaes\"\n";
    let named = std::fs::read_to_string(home.path().join("a/cop.toml")).expect("read");
    std::fs::write(home.path().join("a/cop.toml"), misspelt).expect("written");
    std::fs::create_dir(home.path().join("shapess")).expect("made");
    std::fs::create_dir(home.path().join("shapes")).expect("made");
    std::fs::write(home.path().join("shapes/main.cop"), "").expect("written");
    copc(home.path(), &["check", "a"]).refused(
        1,
        &[
            "E0806",
            "there is one at `../shapes`",
            "- b = \"../shpaes\"",
            "+ b = \"../shapes\"",
        ],
    );
    std::fs::write(home.path().join("a/cop.toml"), named).expect("written");
    // A circle is told with its chain, where it closes.
    std::fs::write(
        home.path().join("c/cop.toml"),
        "name = \"c\"\n[dependencies]\na = \"../a\"\n",
    )
    .expect("written");
    std::fs::write(
        home.path().join("c/main.cop"),
        "import { one } from \"a\"\npub fn three() -> Int { one() }\n",
    )
    .expect("written");
    copc(home.path(), &["run", "a"]).refused(
        1,
        &[
            "E0808",
            "c/main.cop:1:21",
            "this package → `../b` → `../c` → this package",
        ],
    );
    // Mistakes in the manifest of another package have their place there.
    std::fs::write(home.path().join("c/cop.toml"), "name = \"c\"\nkinf = 1\n").expect("written");
    copc(home.path(), &["check", "a"]).refused(1, &["E0802", "c/cop.toml:2:1"]);
    std::fs::write(
        home.path().join("c/cop.toml"),
        "name = \"c\"\n[dependencies]\nd = \"../d\"\n",
    )
    .expect("written");
    copc(home.path(), &["check", "a"]).refused(1, &["E0806", "c/cop.toml:3:5", "`main.cop`"]);
    std::fs::write(
        home.path().join("c/cop.toml"),
        "name = \"c\"\n[dependencies]\nd = \"../../../../../../../../../../d\"\n",
    )
    .expect("written");
    copc(home.path(), &["check", "a"]).refused(1, &["E0806", "leads too far up"]);
}

#[test]
fn the_lock_file_holds_what_was_used() {
    let data = tempfile::tempdir().expect("a folder");
    let _node = Daemon::start(data.path());
    let (ada, address) = author(SHAPES);
    with_node(ada.path(), data.path(), &["publish", "shapes"]).well();
    let home = folder_with(&[]);
    write(home.path(), &drawing(&format!("{address}/shapes@1")));
    let folder = home.path().join("drawing");
    let check = |flags: &[&str]| {
        with_node(
            home.path(),
            data.path(),
            &[&["check", "drawing"], flags].concat(),
        )
    };
    check(&["--locked"]).refused(
        1,
        &["E0810", "`cop.lock` has no entry for", "without `--locked`"],
    );
    assert!(!folder.join("cop.lock").exists());
    check(&[]).well();
    let good = lock(&folder);
    check(&["--locked"]).well();

    let bundle = good
        .lines()
        .find(|line| line.starts_with("bundle"))
        .expect("a line")
        .to_owned();
    let package = good
        .lines()
        .find(|line| line.starts_with("package"))
        .expect("a line")
        .to_owned();
    let other = format!("{}aaaa\"", &bundle[..bundle.len() - 5]);
    let other_package = format!("{}aaaa\"", &package[..package.len() - 5]);
    for (text, says) in [
        (
            good.replace(&bundle, &other),
            &["disagree", "the publisher"][..],
        ),
        (good.replace(&package, &other_package), &["disagree"]),
        (
            good.replace(&package, "package = \"k\""),
            &["drawing/cop.lock:7:", "this is no hash"],
        ),
        (
            format!("<<<<<<< ours\n{good}"),
            &["drawing/cop.lock:1:", "restore"],
        ),
        (
            good.replace("version = 1", "version = 9"),
            &["does not know"],
        ),
    ] {
        std::fs::write(folder.join("cop.lock"), &text).expect("written");
        let refused = check(&[]);
        refused.refused(1, &["E0810"]);
        refused.refused(1, says);
        assert_eq!(lock(&folder), text, "left alone");
    }
    // What is no longer used goes, unless nothing may change.
    std::fs::write(folder.join("cop.lock"), &good).expect("written");
    std::fs::write(folder.join("cop.toml"), "name = \"drawing\"\n").expect("written");
    std::fs::write(folder.join("main.cop"), "fn main() {}\n").expect("written");
    check(&["--locked"]).refused(1, &["E0810", "nothing uses", "any more"]);
    check(&[]).well();
    assert!(!lock(&folder).contains("[[package]]"));
    // While the source has errors, nothing is taken out.
    std::fs::write(folder.join("cop.lock"), &good).expect("written");
    std::fs::write(folder.join("main.cop"), "fn main() { oops }\n").expect("written");
    check(&[]).refused(1, &["E0301"]);
    assert_eq!(lock(&folder), good);
}

/// A node that gives these bytes for these paths, and 404 for all others.
fn lying_node(answers: BTreeMap<String, Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
            let mut first = String::new();
            let _ = reader.read_line(&mut first);
            loop {
                let mut line = String::new();
                match reader.read_line(&mut line) {
                    Ok(count) if count > 2 => {}
                    _ => break,
                }
            }
            let path = first.split(' ').nth(1).unwrap_or_default();
            let (status, body) = match answers.get(path) {
                Some(body) => ("200 OK", body.clone()),
                None => ("404 Not Found", Vec::new()),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            // The client may have gone.
            let _ = stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(&body));
        }
    });
    url
}

/// A library of one function, and its release under a key.
fn signed(key: &SecretKey, number: u64, body: &str) -> (Bundle, Vec<u8>) {
    let text = format!("pub fn answer() -> Int {{ {body} }}\n");
    let files = BTreeMap::from([(ROOT.to_owned(), text.into_bytes())]);
    let project = Project::in_memory("lib", files).expect("a project");
    let bundle = build(&project, &Options::default()).expect("built").bundle;
    let place = Place {
        network: cop_runtime::local_network(),
        number,
        previous: (number > 1).then_some(cop_runtime::Hash([1; 32])),
    };
    let release = sign(&bundle, &"lib".parse().expect("a name"), place, key).expect("signed");
    (bundle, release.encode())
}

#[test]
fn no_node_need_be_trusted() {
    let key = SecretKey::from_bytes(&[7; 32]).expect("a key");
    let other_key = SecretKey::from_bytes(&[8; 32]).expect("a key");
    let address: Address = key.public().address();
    let (good, release) = signed(&key, 1, "42");
    let (evil, evil_release) = signed(&key, 2, "666");
    let (_, foreign) = signed(&other_key, 1, "42");
    let own = "/.well-known/coputer";
    let release_path = format!("{own}/releases/{address}/lib@1");
    let bundle_path = format!("{own}/bundles/{}", good.hash());
    let mut broken = release.clone();
    *broken.last_mut().expect("bytes") ^= 1;
    let mut tampered = good.encode();
    let end = tampered.len() - 10;
    tampered[end] ^= 1;
    let program = format!(
        "import {{ answer }} from \"{address}/lib@1\"\n\nfn main() {{ print(answer()) }}\n"
    );
    let run = |release: Option<&[u8]>, bundle: Option<&[u8]>, flags: &[&str]| {
        let mut answers = BTreeMap::new();
        if let Some(bytes) = release {
            answers.insert(release_path.clone(), bytes.to_vec());
        }
        if let Some(bytes) = bundle {
            answers.insert(bundle_path.clone(), bytes.to_vec());
        }
        let home = folder_with(&[("uses.cop", &program)]);
        let url = lying_node(answers);
        let ran = copc(
            home.path(),
            &[&["run", "uses.cop", "--node", &url], flags].concat(),
        );
        (home, ran)
    };
    let whole = good.encode();
    let (home, well) = run(Some(&release), Some(&whole), &[]);
    assert_eq!(well.well(), "42\n");
    for (release, bundle, code, says) in [
        (None, None, "E0806", "does not have it"),
        (Some(&release[..]), None, "E0806", "does not have it"),
        (
            Some(&release),
            Some(&evil.encode()[..]),
            "E0807",
            "gives the bundle",
        ),
        (
            Some(&release),
            Some(&tampered),
            "E0807",
            "does not match its hash",
        ),
        (
            Some(&release),
            Some(&whole[..whole.len() / 2]),
            "E0807",
            "is no bundle",
        ),
        (Some(&release), Some(b""), "E0807", "is no bundle"),
        (Some(&broken), Some(&whole), "E0807", "the signature is not"),
        (
            Some(&evil_release),
            Some(&whole),
            "E0807",
            "release 2 of `lib`",
        ),
        (Some(&foreign), Some(&whole), "E0807", "instead"),
        (Some(&release[..40]), Some(&whole), "E0807", "is no release"),
        (Some(&vec![0; 1 << 20]), Some(&whole), "E0806", "cannot ask"),
    ] {
        let (home, refused) = run(release, bundle, &[]);
        refused.refused(1, &[code, says, "uses.cop:1:24", "--node"]);
        let cached = home.path().join(".coputer/packages/bundles");
        assert!(
            !cached.exists() || cached.read_dir().expect("a folder").next().is_none(),
            "{says}"
        );
    }
    // What the cache holds is checked too, and fetched again if it is damaged.
    let cached = home
        .path()
        .join(format!(".coputer/packages/bundles/{}.copb", good.hash()));
    std::fs::write(&cached, evil.encode()).expect("written");
    copc(home.path(), &["run", "uses.cop", "--offline"]).refused(1, &["E0806"]);
    std::fs::write(&cached, &tampered).expect("written");
    let url = lying_node(BTreeMap::from([(bundle_path.clone(), whole.clone())]));
    assert_eq!(
        copc(home.path(), &["run", "uses.cop", "--node", &url]).well(),
        "42\n"
    );
    assert_eq!(
        copc(home.path(), &["run", "uses.cop", "--offline"]).well(),
        "42\n"
    );
    // Wrong addresses are told as such.
    let typo = program.replace(&address.to_string()[38..], "qqqq");
    std::fs::write(home.path().join("typo.cop"), typo).expect("written");
    copc(home.path(), &["run", "typo.cop", "--node", &url]).refused(1, &["is no address"]);
    for url in ["nowhere", "https://127.0.0.1:1", "http://127.0.0.1:9"] {
        let clean = folder_with(&[("uses.cop", &program)]);
        copc(clean.path(), &["run", "uses.cop", "--node", url])
            .refused(1, &["E0806", "--node http://HOST:2517"]);
    }
}

#[test]
fn a_publisher_who_signs_two_bundles_is_found_out() {
    let key = SecretKey::from_bytes(&[7; 32]).expect("a key");
    let address: Address = key.public().address();
    let (one, first) = signed(&key, 1, "1");
    let (two, second) = signed(&key, 1, "2");
    let own = "/.well-known/coputer";
    let release = format!("{own}/releases/{address}/lib@1");
    let bundle = |bundle: &Bundle| (format!("{own}/bundles/{}", bundle.hash()), bundle.encode());
    let to_one = lying_node(BTreeMap::from([(release.clone(), first), bundle(&one)]));
    let to_other = lying_node(BTreeMap::from([(release, second), bundle(&two)]));
    let settings = format!("name = \"uses\"\n[dependencies]\nlib = \"{address}/lib@1\"\n");
    let home = folder_with(&[
        ("uses/cop.toml", &settings),
        (
            "uses/main.cop",
            "import { answer } from \"lib\"\n\nfn main() { print(answer()) }\n",
        ),
    ]);
    assert_eq!(
        copc(home.path(), &["run", "uses", "--node", &to_one]).well(),
        "1\n"
    );
    // Without the cache: the lock file still says which one it was, and the other node has not got that.
    std::fs::remove_dir_all(home.path().join(".coputer")).expect("removed");
    copc(home.path(), &["run", "uses", "--node", &to_other]).refused(1, &["E0806"]);
    // Who believed the other release is told that it is not the one that was locked.
    let other = folder_with(&[(
        "other.cop",
        &format!(
            "import {{ answer }} from \"{address}/lib@1\"\n\nfn main() {{ print(answer()) }}\n"
        ),
    )]);
    assert_eq!(
        copc(other.path(), &["run", "other.cop", "--node", &to_other]).well(),
        "2\n"
    );
    let mut mixed = command(home.path(), &["run", "uses", "--node", &to_one]);
    mixed.env("COP_PACKAGES", other.path().join(".coputer/packages"));
    ran(mixed).refused(1, &["E0810", "disagree"]);
}

#[test]
fn a_new_library_is_used_by_a_new_program() {
    let home = folder_with(&[]);
    let made = copc(home.path(), &["new", "shouting", "--lib"]);
    assert!(made.well().contains("copc add ../shouting"), "{made:?}");
    assert!(
        copc(home.path(), &["test", "shouting"])
            .well()
            .contains("1 passed")
    );
    assert!(
        copc(home.path(), &["check", "shouting"])
            .well()
            .contains("a library")
    );
    copc(home.path(), &["new", "hello"]).well();
    copc(home.path(), &["add", "../shouting", "--to", "hello"]).well();
    let main = "import { titled } from \"shouting\"\n\nfn main(args: List[String]) { print(titled(args.join(\" \"))) }\n";
    std::fs::write(home.path().join("hello/main.cop"), main).expect("written");
    let run = copc(home.path(), &["run", "hello", "--", "to", "be"]);
    assert_eq!((run.well(), run.errors.as_str()), ("To Be\n", ""));
    // The same folders elsewhere give the same bundle.
    let elsewhere = folder_with(&[]);
    for file in [
        "hello/main.cop",
        "hello/cop.toml",
        "shouting/main.cop",
        "shouting/cop.toml",
    ] {
        let text = std::fs::read_to_string(home.path().join(file)).expect("read");
        write(elsewhere.path(), &[(format!("deep/{file}"), text)]);
    }
    let one = copc(home.path(), &["build", "hello", "--json"]).json();
    let other = copc(elsewhere.path(), &["build", "deep/hello", "--json"]).json();
    assert_eq!(one["bundle"], other["bundle"]);
    // Seen from its own folder, too.
    let here = copc(&home.path().join("hello"), &["build", "--json"]).json();
    assert_eq!(one["bundle"], here["bundle"]);
    copc(home.path(), &["new", "both", "--lib", "--web"]).refused(2, &["--web"]);
}

#[test]
fn adding_changes_one_line_or_nothing() {
    let home = folder_with(&[
        (
            "a/cop.toml",
            "# mine\nname = \"a\" # really\n\n[dependencies] # few\n\n# the end\n",
        ),
        ("a/main.cop", "fn main() { oops }\n"),
        ("b/cop.toml", "name = \"bee\"\n"),
        ("b/main.cop", "pub fn two() -> Int { 2 }\n"),
        ("bare/main.cop", "fn main() {}\n"),
        ("single.cop", "fn main() {}\n"),
    ]);
    let settings = || std::fs::read_to_string(home.path().join("a/cop.toml")).expect("read");
    let before = settings();
    let nobody = cop_runtime::Address::from_bytes([7; 20]).to_string();
    for (package, flags, status, says) in [
        ("../c", &[][..], 2, "a/../c has no main.cop"),
        ("../b", &["--name", "Bee"], 2, "cannot name a dependency"),
        ("../b", &["--name", "std"], 1, "cannot edit"),
        (&format!("{nobody}/lib@1"), &[], 1, "no node runs on"),
        (&format!("{nobody}/lib"), &[], 1, "no node runs on"),
        (&format!("{nobody}/lib@x"), &[], 2, "is no release number"),
        (&format!("{nobody}/lib@1/file"), &[], 2, "names a file"),
        (&format!("{}x/lib", &nobody[..41]), &[], 2, "is no address"),
        (
            &format!("{nobody}/lib@1"),
            &["--offline"],
            1,
            "lets nobody be asked",
        ),
    ] {
        let added = copc(
            home.path(),
            &[&["add", package, "--to", "a"], flags].concat(),
        );
        added.refused(status, &[says]);
        assert_eq!(settings(), before, "{package}");
    }
    // A program with errors can be given what it lacks.
    let added = copc(home.path(), &["add", "../b", "--to", "a"]);
    assert!(
        added.well().contains("import bee from \"bee\""),
        "{added:?}"
    );
    let after =
        "# mine\nname = \"a\" # really\n\n[dependencies] # few\n\n# the end\nbee = \"../b\"\n";
    assert_eq!(settings(), after);
    let again = copc(
        home.path(),
        &["add", "../b", "--to", "a", "--name", "other"],
    );
    assert!(again.well().contains("other = \"../b\""), "{again:?}");
    assert_eq!(settings(), format!("{after}other = \"../b\"\n"));
    // A folder without a manifest gets one; a single file has none.
    copc(home.path(), &["add", "../b", "--to", "bare"]).well();
    let made = std::fs::read_to_string(home.path().join("bare/cop.toml")).expect("made");
    assert_eq!(made, "name = \"bare\"\n\n[dependencies]\nbee = \"../b\"\n");
    copc(home.path(), &["add", "../b", "--to", "single.cop"])
        .refused(1, &["a single file has no dependencies"]);
}

/// A bundle of a package with these sources, whatever they are: made without the compiler's say.
fn forged(sources: &[(&str, &str)]) -> Bundle {
    let plain = BTreeMap::from([(ROOT.to_owned(), b"pub fn a() -> Int { 1 }".to_vec())]);
    let project = Project::in_memory("lib", plain).expect("a project");
    let built = build(&project, &Options::default()).expect("built").bundle;
    let sources: BTreeMap<String, Vec<u8>> = sources
        .iter()
        .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
        .collect();
    let listed = sources
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_slice()));
    let manifest = cop_runtime::Manifest {
        sources: cop_runtime::bundle::source_hash(listed),
        ..built.manifest().clone()
    };
    Bundle::build(cop_runtime::BundleParts {
        manifest,
        interface: built.interface().to_vec(),
        code: built.code().to_vec(),
        source_map: built.source_map().to_vec(),
        sources,
        assets: BTreeMap::new(),
    })
    .expect("a bundle")
}

#[test]
fn bundles_of_strangers_are_read_with_care() {
    let key = SecretKey::from_bytes(&[7; 32]).expect("a key");
    let address: Address = key.public().address();
    let hash = cop_runtime::Hash([1; 32]);
    let own = "/.well-known/coputer";
    let root = (
        "main.cop",
        "import { b } from \"b\"\npub fn a() -> Int { b() }\n",
    );
    let named = |target: &str| format!("name = \"lib\"\n[dependencies]\nb = \"{target}\"\n");
    let far = named(&format!("{address}/b@1"));
    let head = "# Made by copc: the packages that this one is compiled with. Keep it in version control.\nversion = 1\n";
    let entry = |name: &str, bundle: &cop_runtime::Hash| {
        format!("\n[[package]]\nname = \"{name}\"\nbundle = \"{bundle}\"\npackage = \"{hash}\"\n")
    };
    let absent = format!("{head}{}", entry(&format!("{address}/b@1"), &hash));
    let many: String = (100..400)
        .map(|n| entry(&format!("{address}/b@{n}"), &hash))
        .collect();
    let many = format!("{head}{many}");
    let deep = format!(
        "name = \"lib\"\nx = {}{}\n",
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    let up = named("../../../../../../../../../../etc");
    let beside = named("../b");
    for (sources, code, says) in [
        (vec![("other.cop", "")], "E0807", "lacks its root file"),
        (
            vec![root, ("cop.toml", "name = 3")],
            "E0807",
            "its manifest has mistakes",
        ),
        (
            vec![root, ("cop.toml", &deep)],
            "E0807",
            "its manifest has mistakes",
        ),
        (
            vec![root, ("cop.toml", &far)],
            "E0807",
            "does not say which bundle",
        ),
        (
            vec![root, ("cop.toml", &far), ("cop.lock", "nonsense")],
            "E0807",
            "cannot be read",
        ),
        (
            vec![root, ("cop.toml", &far), ("cop.lock", &many)],
            "E0807",
            "too many packages",
        ),
        (
            vec![root, ("cop.toml", &far), ("cop.lock", &absent)],
            "E0806",
            "does not have it",
        ),
        (vec![root, ("cop.toml", &up)], "E0807", "names a package at"),
        (
            vec![root, ("cop.toml", &beside)],
            "E0807",
            "lacks its root file",
        ),
        (vec![root], "E0804", "no dependency is called `b`"),
        (
            vec![("main.cop", "import b from \"../../../b\"\n")],
            "E0702",
            "leads out of the package",
        ),
        (vec![("main.cop", "pub fn a( {")], "E0", "lib@1/main.cop:1:"),
    ] {
        let bundle = forged(&sources);
        let place = Place {
            network: cop_runtime::local_network(),
            number: 1,
            previous: None,
        };
        let name = "lib".parse().expect("a name");
        let release = sign(&bundle, &name, place, &key).expect("signed");
        let url = lying_node(BTreeMap::from([
            (format!("{own}/releases/{address}/lib@1"), release.encode()),
            (format!("{own}/bundles/{}", bundle.hash()), bundle.encode()),
        ]));
        let program =
            format!("import {{ a }} from \"{address}/lib@1\"\n\nfn main() {{ print(a()) }}\n");
        let home = folder_with(&[("uses.cop", &program)]);
        copc(home.path(), &["run", "uses.cop", "--node", &url]).refused(1, &[code, says]);
    }
}
