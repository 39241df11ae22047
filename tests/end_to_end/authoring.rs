//! `copc new`, `check`, `build` and `disasm`.

use std::path::Path;

use crate::copc::{command, copc, folder_with, ran};

const HELLO: &str = "fn main() { print(\"Hello, world!\") }\n";

fn examples() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

#[test]
fn help_teaches_and_wrong_usage_has_its_own_status() {
    let folder = folder_with(&[]);
    for command in [
        &[][..],
        &["new"],
        &["check"],
        &["build"],
        &["run"],
        &["test"],
        &["disasm"],
        &["key", "new"],
        &["publish"],
    ] {
        let arguments = [command, &["--help"]].concat();
        let help = copc(folder.path(), &arguments);
        assert!(help.well().contains("Usage: copc"), "{help:?}");
    }
    assert!(
        copc(folder.path(), &["--help"])
            .well()
            .contains("Exit status")
    );
    assert!(
        copc(folder.path(), &["--version"])
            .well()
            .starts_with("copc ")
    );
    for arguments in [
        &["nothing"][..],
        &["check", "a", "b"],
        &["check", "--nothing"],
        &["new"],
        &["run", "--fuel", "0"],
        &["run", "--memory", "129"],
        &["key", "new", "No Name"],
        &["publish", "--name", "-x"],
    ] {
        let refused = copc(folder.path(), arguments);
        refused.refused(2, &["error:"]);
    }
    for unfinished in [&[][..], &["key"]] {
        let told = copc(folder.path(), unfinished);
        assert_eq!(told.status, Some(2));
        assert!(told.errors.contains("Usage: copc"), "{told:?}");
    }
    // What looks like an argument of the program is told where it belongs.
    copc(folder.path(), &["run", "words.cop", "to", "be"]).refused(2, &["to"]);
}

#[test]
fn a_new_program_passes_its_own_test_and_runs() {
    let folder = folder_with(&[]);
    let at = folder.path();
    assert!(copc(at, &["new", "greeter"]).well().contains("cd greeter"));
    assert!(
        copc(at, &["new", "guestbook", "--web"])
            .well()
            .contains("copc publish")
    );
    for name in ["greeter", "guestbook"] {
        let mut files: Vec<String> = std::fs::read_dir(at.join(name))
            .expect("it is there")
            .map(|entry| {
                entry
                    .expect("read")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        files.sort();
        assert_eq!(files, [".gitignore", "cop.toml", "main.cop"]);
        assert_eq!(copc(at, &["check", name]).errors, "", "no warning");
        assert!(copc(at, &["test", name]).well().contains("ok:"));
    }
    assert_eq!(copc(at, &["run", "greeter"]).well(), "Hello, world!\n");
    assert_eq!(
        copc(&at.join("greeter"), &["run", "--", "Ada", "Grace"]).well(),
        "Hello, Ada and Grace!\n"
    );
    let failed = copc(at, &["run", "greeter", "--", "a", "b", "c", "d"]);
    assert_eq!(
        (failed.status, failed.errors.as_str()),
        (Some(1), "error: at most three can be greeted\n")
    );
    let page = copc(&at.join("guestbook"), &["run"]);
    assert!(page.well().starts_with("200 OK\n") && page.output.contains("Hello from guestbook."));
}

#[test]
fn a_new_program_overwrites_nothing() {
    let folder = folder_with(&[("taken/notes.txt", "mine"), ("file", "mine")]);
    for name in ["taken", "file"] {
        copc(folder.path(), &["new", name]).refused(1, &[name, "left alone", "another name"]);
    }
    assert_eq!(
        std::fs::read_dir(folder.path().join("taken"))
            .expect("a folder")
            .count(),
        1
    );
    for name in [
        "Guest Book",
        "-x",
        "a--b",
        "much-too-long-a-name-for-this",
        "..",
        "é",
    ] {
        copc(folder.path(), &["new", "--web", "--", name]).refused(2, &["name"]);
    }
    copc(folder.path(), &["new", "no/such/folder"]).refused(1, &["no/such/folder", "cannot make"]);
}

#[test]
fn checking_says_what_a_program_may_touch() {
    let guestbook = examples().join("guestbook.cop");
    let path = guestbook.to_str().expect("text");
    let folder = folder_with(&[]);
    assert_eq!(
        copc(folder.path(), &["check", path]).well(),
        "ok: guestbook is a web program with kv\n"
    );
    let told = copc(folder.path(), &["check", "--json", path]).json();
    assert_eq!(told["ok"], true);
    assert_eq!(told["kind"], "web");
    assert_eq!(told["capabilities"], serde_json::json!(["kv"]));
    assert_eq!(told["diagnostics"], serde_json::json!([]));
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let folder = folder_with(&[
        (
            "types.cop",
            "fn main() {\n    let x: Int = \"one\"\n    print(x)\n}\n",
        ),
        ("syntax.cop", "fn main() {\n    let = 1\n}\n"),
        (
            "in-a-test.cop",
            "fn main() {}\n\ntest \"adds\" { assert_eq(1, \"1\") }\n",
        ),
        (
            "lost.cop",
            "import { page } from \"./views\"\n\nfn main() { print(page()) }\n",
        ),
        (
            "ring.cop",
            "import { b } from \"./b\"\n\npub const a = b\nfn main() { print(a) }\n",
        ),
        ("b.cop", "import { a } from \"./c\"\n\npub const b = a\n"),
        ("c.cop", "import { b } from \"./b\"\n\npub const a = b\n"),
        ("pair/main.cop", "fn main() -> Int { 1 }\n"),
    ]);
    for (path, says) in [
        (
            "types.cop",
            &["types.cop:2:", "let x: Int = \"one\"", "Int", "String"][..],
        ),
        ("syntax.cop", &["syntax.cop:2:"]),
        ("in-a-test.cop", &["in-a-test.cop:3:"]),
        ("lost.cop", &["lost.cop:1:", "./views"]),
        ("ring.cop", &["b.cop:3:", "itself"]),
        ("pair", &["pair/main.cop:1:"]),
    ] {
        for command in ["check", "test"] {
            let told = copc(folder.path(), &[command, path]);
            told.refused(1, says);
            assert!(!told.errors.contains('\u{1b}'), "no colours into a pipe");
        }
        let told = copc(folder.path(), &["check", "--json", path]);
        assert_eq!(told.status, Some(1));
        let told = told.json();
        assert_eq!(told["ok"], false);
        assert!(told["diagnostics"][0]["code"].is_string(), "{told}");
        assert!(told["diagnostics"][0]["place"]["line"].is_u64(), "{told}");
    }
    let coloured = copc(folder.path(), &["--color", "always", "check", "types.cop"]);
    assert!(coloured.errors.contains('\u{1b}'));
    let mut forced = command(folder.path(), &["check", "types.cop"]);
    forced.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
    assert!(!ran(forced).errors.contains('\u{1b}'));
}

/// Files of one package may import each other.
#[test]
fn a_ring_of_files_is_fine() {
    let folder = folder_with(&[
        (
            "main.cop",
            "import { half } from \"./half\"\n\npub fn step(n: Int) -> Int { if n == 0 { 0 } else { half(n) } }\nfn main() { print(step(9)) }\n",
        ),
        (
            "half.cop",
            "import { step } from \"./main\"\n\npub fn half(n: Int) -> Int { step(n / 2) }\n",
        ),
        ("cop.toml", "name = \"ring\"\n"),
    ]);
    assert_eq!(
        copc(folder.path(), &["check"]).well(),
        "ok: ring is a command\n"
    );
    assert_eq!(copc(folder.path(), &["run"]).well(), "0\n");
}

#[test]
fn what_is_no_program_is_told_so() {
    let folder = folder_with(&[
        ("readme.md", ""),
        ("bytes.cop", ""),
        ("empty/readme.md", ""),
        ("odd/main.cop", HELLO),
        ("odd/cop.toml", "name = \"odd\"\nfule = 1\n"),
        ("garbage/main.cop", HELLO),
        ("garbage/cop.toml", "\u{0}\u{1}[[["),
        ("high/main.cop", HELLO),
        (
            "high/cop.toml",
            "name = \"high\"\nfuel = 2_000_000_000_000\n",
        ),
        ("kind/main.cop", HELLO),
        ("kind/cop.toml", "name = \"kind\"\nkind = \"web\"\n"),
    ]);
    std::fs::write(folder.path().join("bytes.cop"), b"fn main() { \xff }").expect("written");
    for (path, says) in [
        ("nothing", &["nothing", "cannot read"][..]),
        ("nothing.cop", &["nothing.cop", "cannot read"]),
        ("readme.md", &["readme.md", "not a .cop file"]),
        ("bytes.cop", &["UTF-8"]),
        ("empty", &["empty", "no main.cop"]),
        ("odd", &["odd/cop.toml:2:1", "fuel"]),
        ("garbage", &["garbage/cop.toml", "TOML"]),
        ("high", &["high/cop.toml:2:", "1000000000000"]),
        ("kind", &["web program", "fn main"]),
    ] {
        for command in ["check", "build", "run", "test"] {
            // A test does not ask what kind of program it is in.
            if (command, path) != ("test", "kind") {
                copc(folder.path(), &[command, path]).refused(1, says);
            }
        }
        let told = copc(folder.path(), &["build", "--json", path]);
        assert_eq!((told.status, &told.json()["ok"]), (Some(1), &false.into()));
    }
    assert!(
        !folder.path().join("build").exists(),
        "nothing is half built"
    );
    let library = folder_with(&[(
        "lib.cop",
        "pub fn one() -> Int { 1 }\n\ntest \"one\" { assert_eq(one(), 1) }\n",
    )]);
    copc(library.path(), &["run", "lib.cop"]).refused(1, &["library", "copc test"]);
    copc(library.path(), &["test", "lib.cop"]).well();
    assert!(
        copc(library.path(), &["check", "lib.cop"])
            .well()
            .contains("a library")
    );
}

#[test]
fn the_same_source_has_the_same_hash_anywhere() {
    let one = folder_with(&[("hello.cop", HELLO)]);
    let other = folder_with(&[("deep/hello/main.cop", HELLO)]);
    let built = copc(one.path(), &["build", "hello.cop", "--json"]).json();
    let again = copc(other.path(), &["build", "deep/hello", "--json"]).json();
    for hash in ["bundle", "package"] {
        assert_eq!(built[hash], again[hash]);
        assert_eq!(built[hash].as_str().map(str::len), Some(52));
    }
    assert_eq!(
        (&built["file"], &again["file"]),
        (
            &"build/hello.copb".into(),
            &"deep/hello/build/hello.copb".into()
        )
    );
    let bytes = std::fs::read(one.path().join("build/hello.copb")).expect("written");
    assert_eq!(
        bytes,
        std::fs::read(other.path().join("deep/hello/build/hello.copb")).expect("written")
    );
    let bundle = cop_runtime::Bundle::decode(&bytes).expect("a bundle");
    assert_eq!(built["bundle"], bundle.hash().to_string());
    assert_eq!(built["size_bytes"], bytes.len());

    // To people it says the same, and writes where it is told to.
    let told = copc(
        one.path(),
        &["build", "hello.cop", "--output", "out/x.copb"],
    );
    assert!(told.well().contains(&bundle.hash().to_string()) && told.output.contains("out/x.copb"));
    assert_eq!(
        bytes,
        std::fs::read(one.path().join("out/x.copb")).expect("written")
    );
    std::fs::write(one.path().join("file"), "").expect("written");
    copc(one.path(), &["build", "hello.cop", "-o", "file/x.copb"])
        .refused(1, &["file/x.copb", "--output"]);
}

#[test]
fn bytecode_is_shown() {
    let folder = folder_with(&[("hello.cop", HELLO)]);
    let plain = copc(folder.path(), &["disasm", "hello.cop"]);
    assert!(
        plain.well().starts_with("package ") && plain.output.contains("entry \"main\""),
        "{plain:?}"
    );
    let with_fuel = copc(folder.path(), &["disasm", "--fuel", "hello.cop"]);
    assert!(with_fuel.well().len() > plain.output.len());
    let before = copc(folder.path(), &["disasm", "--pass", "body", "hello.cop"]);
    assert!(before.well() != plain.output, "the passes change something");
    let list = copc(folder.path(), &["disasm", "--pass", "help"]);
    assert!(list.well().contains("lambdas"), "{list:?}");
    copc(folder.path(), &["disasm", "--pass", "none", "hello.cop"])
        .refused(1, &["no pass `none`", "unique"]);
}

#[test]
fn only_tests_set_the_time() {
    let source = "import { Clock } from \"host/clock\"\nimport { set_time } from \"std/test\"\n\n\
                  fn main(mut clock: Clock) {\n    set_time(mut clock, 1)\n    print(clock.now())\n}\n\n\
                  test \"then\" (mut clock: Clock) {\n    set_time(mut clock, 7)\n    assert_eq(clock.now(), 7)\n}\n";
    let folder = folder_with(&[("then.cop", source)]);
    copc(folder.path(), &["test", "then.cop"]).well();
    let says = &["clock.set", "`test` blocks only"][..];
    copc(folder.path(), &["run", "then.cop"]).refused(1, says);
}

#[test]
fn check_applies_the_edits_that_are_offered() {
    let folder = folder_with(&[(
        "main.cop",
        "fn main() {\n    var count = 1;\n    count++\n    print(\"now: \" + count)\n}\n",
    )]);
    let ran = copc(folder.path(), &["check", "main.cop", "--fix"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.errors.contains("mended: main.cop"), "{ran:?}");
    let text = std::fs::read_to_string(folder.path().join("main.cop")).expect("it is there");
    assert_eq!(
        text,
        "fn main() {\n    let mut count = 1\n    count += 1\n    print(\"now: \" + count.show())\n}\n"
    );
    // What cannot be mended stays as it is.
    let wrong = "fn main() { print(unknown_to_all) }\n";
    std::fs::write(folder.path().join("main.cop"), wrong).expect("written");
    copc(folder.path(), &["check", "main.cop", "--fix"]).refused(1, &["E0301"]);
    let text = std::fs::read_to_string(folder.path().join("main.cop")).expect("it is there");
    assert_eq!(text, wrong);
}
