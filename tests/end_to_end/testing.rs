//! `copc test`: which tests are run, snapshots, differences, properties; `--watch` with real processes.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use crate::copc::{command, copc, folder_with};

fn with_modules() -> tempfile::TempDir {
    folder_with(&[
        (
            "sums/main.cop",
            "import { half } from \"./halves\"\nfn main() { print(half(4)) }\n\ntest \"adds\" { assert_eq(1 + 1, 2) }\n\
             test \"is wrong\" { assert_eq(half(4), 3) }\ntest \"adds again\" { assert_eq(2 + 2, 4) }\n",
        ),
        (
            "sums/halves.cop",
            "pub fn half(n: Int) -> Int { n / 2 }\n\ntest \"halves\" { assert_eq(half(3), 1) }\n",
        ),
    ])
}

#[test]
fn tests_are_chosen_by_their_names() {
    let folder = with_modules();
    let at = folder.path();
    let all = copc(at, &["test", "sums"]);
    assert!(
        all.output
            .starts_with("sums/main.cop\nok      adds\nFAILED  is wrong\n"),
        "{all:?}"
    );
    assert!(
        all.output
            .contains("ok      adds again\nsums/halves.cop\nok      halves\n"),
        "{all:?}"
    );
    let some = copc(at, &["test", "sums", "adds", "halv"]);
    assert!(
        some.well().ends_with("ok: 3 passed, 1 left out\n"),
        "{some:?}"
    );
    let within = at.join("sums");
    assert_eq!(
        copc(&within, &["test", "again"]).well(),
        "ok      adds again\nok: 1 passed, 3 left out\n"
    );
    let listed = "sums/main.cop:4: adds\nsums/main.cop:5: is wrong\nsums/main.cop:6: adds again\nsums/halves.cop:3: halves\n";
    assert_eq!(copc(at, &["test", "sums", "--list"]).well(), listed);
    let listed = copc(at, &["test", "sums", "wrong", "--list", "--json"]).json();
    assert_eq!(
        listed["tests"],
        serde_json::json!([{ "name": "is wrong", "file": "sums/main.cop", "line": 5 }])
    );
    let first = copc(at, &["test", "sums", "--fail-fast", "--json"]).json();
    assert_eq!(
        (&first["failed"], &first["left_out"]),
        (&1.into(), &2.into())
    );
    copc(at, &["test", "sums", "nothing"]).refused(1, &["`nothing`", "--list"]);
    copc(at, &["test", "missing.cop"]).refused(1, &["missing.cop"]);
    let time = copc(at, &["test", "sums", "adds", "--time", "--json"]).json();
    assert!(time["tests"][0]["time_us"].is_u64(), "{time}");
    let without = copc(at, &["test", "sums", "adds", "--json"]).json();
    assert!(without["tests"][0].get("time_us").is_none(), "{without}");
    let limited = copc(at, &["test", "sums", "adds", "--fuel", "1"]);
    assert!(limited.output.contains("OutOfFuel"), "{limited:?}");
}

#[test]
fn snapshots_are_written_only_when_accepted() {
    let source = |greeting: &str| {
        format!(
            "import {{ assert_snapshot }} from \"std/test\"\n\
             fn page(name: String) -> String {{ \"<h1>{greeting}</h1>\\n<p>${{name}}</p>\\n\" }}\n\
             test \"page\" {{ assert_snapshot(\"page\", page(\"Ada\")) }}\n\
             test \"numbers\" {{ assert_snapshot(\"numbers\", [1, 2, 3]) }}\n"
        )
    };
    let folder = folder_with(&[("page.cop", &source("Hello"))]);
    let at = folder.path();
    let missing = copc(at, &["test", "page.cop"]);
    assert_eq!(missing.status, Some(1), "{missing:?}");
    for part in [
        "no snapshot `page` yet",
        "+ <h1>Hello</h1>",
        "+ [1, 2, 3]",
        "--accept",
    ] {
        assert!(missing.output.contains(part), "no `{part}` in {missing:?}");
    }
    assert!(!at.join("snapshots").exists());
    // In CI nothing is written, whatever is asked for.
    let mut in_ci = command(at, &["test", "page.cop", "--accept"]);
    in_ci.env("CI", "true");
    crate::copc::ran(in_ci).refused(1, &["CI"]);
    assert!(!at.join("snapshots").exists());
    let accepted = copc(at, &["test", "page.cop", "--accept"]);
    assert_eq!(
        accepted.well(),
        "ok      page\nok      numbers\nok: 2 passed\n"
    );
    assert_eq!(accepted.errors, "note: wrote 2 snapshots: numbers, page\n");
    let file = at.join("snapshots/page/page.txt");
    let text = std::fs::read_to_string(&file).expect("the snapshot is there");
    assert_eq!(text, "<h1>Hello</h1>\n<p>Ada</p>\n\n");
    let again = copc(at, &["test", "page.cop"]);
    assert_eq!(
        (again.well(), &*again.errors),
        ("ok      page\nok      numbers\nok: 2 passed\n", "")
    );
    // A change is shown by its lines, and in JSON.
    std::fs::write(at.join("page.cop"), source("Welcome")).expect("written");
    let differs = copc(at, &["test", "page.cop", "page"]);
    assert!(
        differs
            .output
            .contains("- <h1>Hello</h1>\n        + <h1>Welcome</h1>\n          <p>Ada</p>\n"),
        "{differs:?}"
    );
    let json = copc(at, &["test", "page.cop", "--json"]).json();
    assert!(
        json["tests"][0]["trap"]["message"]
            .as_str()
            .is_some_and(|m| m.contains("- <h1>Hello</h1>")),
        "{json}"
    );
    // What nothing uses is told, and removed only when accepted.
    std::fs::write(at.join("snapshots/page/old.txt"), "x\n").expect("written");
    copc(at, &["test", "page.cop", "--accept", "page"]).well();
    assert!(at.join("snapshots/page/old.txt").exists());
    let unused = copc(at, &["test", "page.cop"]);
    assert!(
        unused.errors.contains("no test uses the snapshot old;"),
        "{unused:?}"
    );
    let removed = copc(at, &["test", "page.cop", "--accept", "--json"]).json();
    assert_eq!(removed["snapshots"]["removed"], serde_json::json!(["old"]));
    assert!(!at.join("snapshots/page/old.txt").exists());
}

#[test]
fn a_snapshot_has_one_value_and_a_good_name() {
    let folder = folder_with(&[(
        "main.cop",
        "import { assert_snapshot } from \"std/test\"\n\
         test \"two\" { for n in 0..2 { assert_snapshot(\"two\", n) } }\n\
         test \"name\" { assert_snapshot(\"../name\", 1) }\n",
    )]);
    let at = folder.path();
    let told = copc(at, &["test", "--accept", "two"]);
    assert_eq!(told.status, Some(1), "{told:?}");
    assert!(told.errors.contains("different values"), "{told:?}");
    let told = copc(at, &["test", "--accept", "name"]);
    assert!(
        told.output.contains("cannot be the name of a snapshot"),
        "{told:?}"
    );
    assert!(!at.join("snapshots").exists());
    std::fs::write(
        at.join("main.cop"),
        "import { assert_snapshot } from \"std/test\"\nfn main() { assert_snapshot(\"a\", 1) }\n",
    )
    .expect("written");
    copc(at, &["run"]).refused(1, &["test.snapshot", "`test` blocks only"]);
}

#[test]
fn sides_that_differ_are_compared_by_lines() {
    let folder = folder_with(&[(
        "main.cop",
        "struct Point { x: Int, y: Int, name: String }\n\
         fn points(n: Int) -> List[Point] { (0..4).map(|i| Point(x: i, y: i * n, name: \"point ${i}\")) }\n\
         test \"values\" { assert_eq(points(2), points(3)) }\n\
         test \"texts\" { assert_eq(\"one\\ntwo\\n\", \"one\\nthree\\n\") }\n\
         test \"short\" { assert_eq(1, 2) }\n",
    )]);
    let told = copc(folder.path(), &["test"]).output;
    for part in [
        "          Point(x: 0, y: 0, name: \"point 0\"),\n        -   Point(x: 1, y: 2, name: \"point 1\"),\n",
        "          one\n        - two\n        + three\n",
        "          left:  1\n          right: 2\n",
    ] {
        assert!(told.contains(part), "no `{part}` in:\n{told}");
    }
}

#[test]
fn a_property_that_traps_is_shown_with_its_simplest_value() {
    let folder = folder_with(&[(
        "main.cop",
        "import { check } from \"std/test\"\n\
         test \"before\" { check(|mut source| source.int(0..10), |n| n < 10) }\n\
         test \"traps\" {\n    check(|mut source| source.int(0..10), |n| n < 10)\n    \
         check(|mut source| source.list(20, |mut source| source.int(0..1000)), |list| {\n        \
         assert(list.all(|n| n < 700))\n        true\n    })\n}\n\
         test \"outside\" {\n    check(|mut source| source.bool(), |_| true)\n    assert(false)\n}\n",
    )]);
    let told = copc(folder.path(), &["test"]).output;
    assert!(
        told.contains("tried with [700], the simplest value found with this trap\n"),
        "{told}"
    );
    assert_eq!(told.matches("tried with").count(), 1, "{told}");
    let json = copc(folder.path(), &["test", "--json"]).json();
    assert_eq!(
        (&json["tests"][1]["tried"], &json["tests"][2].get("tried")),
        (&"[700]".into(), &None)
    );
    assert_eq!(copc(folder.path(), &["test"]).output, told);
}

/// A `copc` that watches, and the lines that it says.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn begin(at: &Path, arguments: &[&str]) -> Watching {
        let mut command = command(at, arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("copc starts");
        let (sender, lines) = sync_channel(1_000);
        let streams: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("its output")),
            Box::new(child.stderr.take().expect("its errors")),
        ];
        for stream in streams {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
        }
        Watching { child, lines }
    }

    /// Waits until it says all of this, in any order.
    fn says(&self, parts: &[&str]) {
        let end = Instant::now() + Duration::from_secs(60);
        let mut open = parts.to_vec();
        let mut said = Vec::new();
        while !open.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("it did not say {open:?}, but {said:#?}");
            };
            open.retain(|part| !line.contains(part));
            said.push(line);
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn tests_are_run_again_when_a_file_changes() {
    let folder = with_modules();
    let at = folder.path();
    let watching = Watching::begin(at, &["test", "sums", "--watch"]);
    watching.says(&["1 failed, 3 passed", "waiting for changes"]);
    let write = |name: &str, text: &str| std::fs::write(at.join(name), text).expect("written");
    write(
        "sums/halves.cop",
        "pub fn half(n: Int) -> Int { n - 1 }\n\ntest \"halves\" { assert_eq(half(3), 2) }\n",
    );
    watching.says(&["ok: 4 passed", "waiting for changes"]);
    // Source with a mistake, and mended again; a module that is not there yet.
    write(
        "sums/halves.cop",
        "import { one } from \"./one\"\npub fn half(n: Int) -> Int { n - one }\n",
    );
    watching.says(&["error[", "waiting for changes"]);
    write("sums/one.cop", "pub const one = 1\n");
    watching.says(&["ok: 3 passed", "waiting for changes"]);
    std::fs::remove_file(at.join("sums/main.cop")).expect("removed");
    watching.says(&["error", "waiting for changes"]);
    write("sums/main.cop", "test \"one\" {}\n");
    watching.says(&["ok: 1 passed"]);
}

#[test]
fn a_run_that_does_not_end_is_ended_by_a_change() {
    let folder = folder_with(&[(
        "loop.cop",
        "fn main() {\n    print(\"begun\")\n    while true {}\n}\n",
    )]);
    let at = folder.path();
    let watching = Watching::begin(at, &["run", "loop.cop", "--watch"]);
    watching.says(&["begun"]);
    std::fs::write(at.join("loop.cop"), "fn main() { print(\"over\") }\n").expect("written");
    watching.says(&["over", "waiting for changes"]);
    drop(watching);
    let watching = Watching::begin(at, &["check", "loop.cop", "--watch"]);
    watching.says(&["is a command", "waiting for changes"]);
    std::fs::write(at.join("loop.cop"), "fn main() { print(a) }\n").expect("written");
    watching.says(&["E0301", "waiting for changes"]);
}
