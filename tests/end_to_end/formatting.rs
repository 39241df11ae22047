//! `copc fmt`: files, folders, standard input, and what is not in form.

use std::io::Write;
use std::process::Stdio;

use crate::copc::{command, copc, folder_with};

const UNTIDY: &str = "fn main( ) {\n  let x=1 // one\n\n\n  print( x+1 )\n}";
const TIDY: &str = "fn main() {\n    let x = 1 // one\n\n    print(x + 1)\n}\n";

#[test]
fn files_are_brought_into_form_and_stay_so() {
    let folder = folder_with(&[
        ("main.cop", UNTIDY),
        ("more/tidy.cop", TIDY),
        ("more/untidy.cop", UNTIDY),
        ("more/notes.txt", UNTIDY),
        ("build/made.cop", UNTIDY),
        (".hidden/own.cop", UNTIDY),
    ]);
    let at = folder.path();
    let read = |path: &str| std::fs::read_to_string(at.join(path)).expect("it is there");
    let checked = copc(at, &["fmt", "--check"]);
    assert_eq!(checked.status, Some(1), "{checked:?}");
    for part in [
        "main.cop\n",
        "more/untidy.cop\n",
        "- fn main( ) {\n",
        "+ fn main() {\n",
    ] {
        assert!(checked.output.contains(part), "no `{part}` in {checked:?}");
    }
    assert!(
        checked.errors.contains("2 files not in form"),
        "{checked:?}"
    );
    assert_eq!(read("main.cop"), UNTIDY);
    assert_eq!(copc(at, &["fmt"]).well(), "main.cop\nmore/untidy.cop\n");
    assert_eq!(
        (read("main.cop"), read("more/untidy.cop")),
        (TIDY.to_owned(), TIDY.to_owned())
    );
    for path in ["more/notes.txt", "build/made.cop", ".hidden/own.cop"] {
        assert_eq!(read(path), UNTIDY, "{path}");
    }
    let again = copc(at, &["fmt", "--check", "main.cop", "more"]);
    assert_eq!(
        (again.well(), again.errors.as_str()),
        ("", "ok: 3 files in form\n")
    );
    assert_eq!(copc(at, &["fmt", "build"]).well(), "build/made.cop\n");
}

#[test]
fn what_cannot_be_read_stays_as_it_is() {
    let folder = folder_with(&[("a.cop", "fn main() { print(\"a) }\n"), ("b.cop", UNTIDY)]);
    let at = folder.path();
    let told = copc(at, &["fmt"]);
    assert_eq!((told.status, told.output.as_str()), (Some(1), "b.cop\n"));
    assert!(told.errors.contains("E0106"), "{told:?}");
    std::fs::write(at.join("c.cop"), b"\xff").expect("written");
    copc(at, &["fmt", "c.cop"]).refused(1, &["c.cop", "UTF-8"]);
    copc(at, &["fmt", "missing"]).refused(1, &["missing"]);
    std::fs::write(at.join("notes.txt"), "").expect("written");
    copc(at, &["fmt", "notes.txt"]).refused(1, &["notes.txt"]);
    copc(at, &["fmt", "-", "a.cop"]).refused(2, &["alone"]);
}

#[test]
fn editors_use_standard_input() {
    let folder = folder_with(&[]);
    let format = |text: &str, arguments: &[&str]| {
        let mut command = command(folder.path(), arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("copc starts");
        let mut input = child.stdin.take().expect("its input");
        input.write_all(text.as_bytes()).expect("written");
        drop(input);
        let output = child.wait_with_output().expect("copc ends");
        (
            output.status.code(),
            String::from_utf8(output.stdout).expect("text"),
        )
    };
    assert_eq!(format(UNTIDY, &["fmt", "-"]), (Some(0), TIDY.to_owned()));
    assert_eq!(
        format(UNTIDY, &["fmt", "-", "--check"]),
        (Some(1), String::new())
    );
    assert_eq!(
        format(TIDY, &["fmt", "-", "--check"]),
        (Some(0), String::new())
    );
    assert_eq!(format("fn (", &["fmt", "-"]), (Some(1), String::new()));
}
