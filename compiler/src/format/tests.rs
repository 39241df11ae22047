use super::*;
use std::path::{Path, PathBuf};

fn formatted(text: &str) -> String {
    match format("test.cop", text) {
        Ok(formatted) => formatted,
        Err(error) => panic!("{error:?}\n{text}"),
    }
}

fn cop_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            found.extend(cop_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "cop") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Text that is not in order, and the same as it should be.
#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(formatted(text), expected);
    assert_eq!(formatted(expected), expected);
}

#[test]
fn blanks_stand_where_they_should() {
    check(
        "import {a,b as c} from \"./x\"\nfn f [ T : Ord+Show ] ( mut x:List[ T ],y : fn( Int,mut T )->T? )->Int{x [0]+ - 1}\n",
        "import { a, b as c } from \"./x\"\nfn f[T: Ord + Show](mut x: List[T], y: fn(Int, mut T) -> T?) -> Int { x[0] + -1 }\n",
    );
    check(
        "fn f() {\n  let m=[ : ]\n  let g=|x,( y ,_ )|-x*( y+1 )\n  let h=|| g( 1 , (2,3) )\n  let r=a .. b\n  f(.. p,x : 1)\n  match x {\n-1|1..=9=>{}\n[_,..rest]=>!ok\n}\n}\n",
        "fn f() {\n    let m = [:]\n    let g = |x, (y, _)| -x * (y + 1)\n    let h = || g(1, (2, 3))\n    let r = a..b\n    f(..p, x: 1)\n    match x {\n        -1 | 1..=9 => {}\n        [_, ..rest] => !ok\n    }\n}\n",
    );
    check(
        "test \"a\"( mut kv:Kv ){assert( kv . get(\"x\")? [ 0 ] is (1|2) )}\n@json ( \"n\" )\nimpl [T] A for B[T]{}\n",
        "test \"a\" (mut kv: Kv) { assert(kv.get(\"x\")?[0] is (1 | 2)) }\n@json(\"n\")\nimpl[T] A for B[T] {}\n",
    );
    check(
        "fn f() {\n let x = - -1\n let y = (a)? ?\n let z = | | 1 }\n",
        "fn f() {\n    let x = - -1\n    let y = (a)? ?\n    let z = | | 1 }\n",
    );
}

#[test]
fn lines_are_indented_by_brackets_and_continuation() {
    check(
        "fn f() {\nlet a = b\n.map(|x| {\nx\n})\n.filter(\ng,\nh\n)\nif a &&\nb {\nc\n}\nelse if d {\n} \n else {\n}\nlet y =\nf(1,\n2)\n}\n",
        "fn f() {\n    let a = b\n        .map(|x| {\n            x\n        })\n        .filter(\n            g,\n            h\n        )\n    if a &&\n        b {\n        c\n    } else if d {\n    } else {\n    }\n    let y =\n        f(1,\n            2)\n}\n",
    );
    check(
        "const a = all(x.map(|o| match o {\nSome(i) => 1\nNone =>\n2\n}))?\n",
        "const a = all(x.map(|o| match o {\n    Some(i) => 1\n    None =>\n        2\n}))?\n",
    );
    check(
        "enum A {\n/// One.\nB\n// two\n\n\n  C( Int )\n// last\n\n}\n",
        "enum A {\n    /// One.\n    B\n    // two\n\n    C(Int)\n    // last\n}\n",
    );
}

#[test]
fn comments_stay_and_keep_their_column() {
    check(
        "//! Module.\n\n\n\nfn f() { // opens\n  a( 1 )     // one\n  bc( 12,3 )  // two\n  // own\n  d()//three\n}\n\n// end\n",
        "//! Module.\n\nfn f() { // opens\n    a(1)      // one\n    bc(12, 3) // two\n    // own\n    d() //three\n}\n\n// end\n"
            .replace("bc(12, 3) // two", "bc(12, 3)  // two")
            .replace("a(1)      // one", "a(1)     // one")
            .as_str(),
    );
    check(
        "fn f() {\n  a()    // 1\n  bcd()  // 2\n}\n",
        "fn f() {\n    a()    // 1\n    bcd()  // 2\n}\n",
    );
}

#[test]
fn text_blocks_move_with_their_line() {
    check(
        "fn f() {\n  g(\"\"\"\n      a ${ x+1 }\n        b\n\n      \"\"\")\n}\n",
        "fn f() {\n    g(\"\"\"\n        a ${ x+1 }\n          b\n\n        \"\"\")\n}\n",
    );
    check(
        "fn f() {\n        g(\"\"\"\n  a\n  \"\"\")\n}\n",
        "fn f() {\n    g(\"\"\"\na\n\"\"\")\n}\n",
    );
}

#[test]
fn errors_are_told_and_other_line_ends_are_read() {
    assert!(matches!(
        format("a.cop", "fn f( {\n"),
        Err(FormatError::Tokens(..))
    ));
    assert_eq!(formatted(""), "");
    assert_eq!(formatted("\n\n"), "");
    assert_eq!(
        formatted("const a = 1\r\n\r\n\r\nconst b = 2"),
        "const a = 1\n\nconst b = 2\n"
    );
}

#[test]
fn the_library_the_examples_and_the_programs_are_in_form() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for folder in [
        "stdlib",
        "examples",
        "tests/programs",
        "src/bin/copc/template",
    ] {
        for path in cop_files(&root.join(folder)) {
            let text = std::fs::read_to_string(&path).expect("it is text");
            let message = format!(
                "`cargo run --bin copc -- fmt {folder}` brings {} into form",
                path.display()
            );
            assert!(formatted(&text) == text, "{message}");
        }
    }
}

#[test]
fn large_files_take_as_long_as_they_are_and_no_longer() {
    // Slower than linear would not end: half a million bytes and more of comments, of brackets on a line, of one string.
    let comments = "//\n".repeat(300_000);
    assert_eq!(formatted(&comments), comments);
    let list = format!("const a = [{}]\n", vec!["[-1]"; 95_000].join(", "));
    assert_eq!(formatted(&list), list);
    let text = format!("const a = \"{}\"\n", "${x}".repeat(200_000));
    assert_eq!(formatted(&text), text);
    assert!(matches!(
        format("a.cop", &"//\n".repeat(400_000)),
        Err(FormatError::Tokens(..))
    ));
}

#[test]
fn what_is_nearly_source_is_never_made_worse() {
    // Pieces of programs in random order: either refused, or the same tokens, and stable.
    let words = [
        "fn f(a: Int) -> Int {",
        "}",
        "{",
        "(",
        ")",
        "[",
        "]",
        "\n",
        "\n\n\n",
        " ",
        "    ",
        "let x = ",
        "match x {",
        "=>",
        "|a|",
        "||",
        "|",
        "-",
        "- ",
        "-1",
        "x",
        "Some(x)",
        "1.5",
        "..",
        "..=",
        "?",
        "??",
        "? ?",
        ",",
        ":",
        ".",
        ".f()",
        "\"a ${x + \n 1} b\"",
        "\"\"\"\n    text\n      more\n    \"\"\"",
        "// c\n",
        " // d\n",
        "/// e\n",
        "if a {",
        "} else {",
        "else",
        "@a(1)",
        "test \"t\" {",
        "\t",
    ];
    let mut state = 1u64;
    let mut next = |bound: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % bound
    };
    let mut done = 0;
    for _ in 0..20_000 {
        let text: String = (0..1 + next(14))
            .map(|_| words[next(words.len())])
            .collect();
        match format("random.cop", &text) {
            Ok(once) => {
                done += 1;
                match format("random.cop", &once) {
                    Ok(twice) => assert_eq!(once, twice, "{text:?}"),
                    Err(error) => panic!("{error:?} {text:?} {once:?}"),
                }
            }
            Err(FormatError::Tokens(..)) => {}
            Err(FormatError::Defect(at)) => panic!("at {at}: {text:?}"),
        }
    }
    assert!(done > 1_000, "{done}");
}

#[test]
fn all_source_of_the_project_keeps_its_meaning_and_is_stable() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut count = 0;
    for folder in ["stdlib", "examples", "tests", "compiler/tests"] {
        for path in cop_files(&root.join(folder)) {
            let text = std::fs::read_to_string(&path).expect("it is text");
            let once = match format(&path.to_string_lossy(), &text) {
                Ok(once) => once,
                Err(FormatError::Tokens(..)) => continue,
                Err(FormatError::Defect(at)) => panic!("{} at {at}", path.display()),
            };
            let twice = format("twice.cop", &once).expect("it is in order");
            assert_eq!(once, twice, "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 200, "{count}");
}
