//! Whatever it is given, the front of the compiler ends, and points into the file.

use crate::samples;
use cop_compiler::diagnostic::{Diagnostic, Diagnostics, Severity};
use cop_compiler::source::{SourceMap, Span};
use cop_compiler::{parser, render};

/// A small generator with a fixed start, so that every run tries the same (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

fn spans(diagnostic: &Diagnostic) -> Vec<Span> {
    let labels = diagnostic
        .primary
        .iter()
        .chain(&diagnostic.secondary)
        .map(|label| label.span);
    labels
        .chain(diagnostic.edits.iter().map(|edit| edit.span))
        .collect()
}

/// Places lie in their files, edits do not overlap, and all can be rendered.
pub fn points_into(diagnostics: &Diagnostics, files: &SourceMap) {
    for diagnostic in diagnostics.iter() {
        for span in spans(diagnostic) {
            let text = &files.file(span.file).text;
            assert!(
                text.get(span.range()).is_some(),
                "{span:?} in {diagnostic:?} of {text:?}"
            );
        }
        let edits = &diagnostic.edits;
        for (index, edit) in edits.iter().enumerate() {
            let apart = |other: &Span| other.end <= edit.span.start || edit.span.end <= other.start;
            assert!(
                edits[..index].iter().all(|other| apart(&other.span)),
                "edits overlap: {diagnostic:?}"
            );
        }
    }
    render::text(diagnostics, files, true);
    render::json(diagnostics, files);
}

fn check(text: &str) {
    let mut files = SourceMap::new();
    let file = files.add("fuzz.cop", text);
    let mut diagnostics = Diagnostics::new();
    let tree = parser::parse(file, text, &mut diagnostics);
    points_into(&diagnostics, &files);
    samples::reads_the_same_both_ways(text);
    let errors = diagnostics
        .iter()
        .filter(|one| one.severity == Severity::Error)
        .count();
    assert!(
        tree.complete || errors > 0,
        "something is missing without a word: {text:?}"
    );
    for item in &tree.items {
        assert!(text.get(item.span.range()).is_some(), "{item:?}");
    }
}

/// Pieces of programs, brackets and line breaks more often than others.
const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    "{",
    "}",
    "\n",
    "\n",
    "\n",
    "\"",
    "\"\"\"",
    "\"\"\"\n",
    "${",
    "'",
    "b\"",
    "b'",
    "//",
    "///",
    "//!",
    "/*",
    ";",
    ",",
    ":",
    ".",
    "..",
    "..=",
    "...",
    "->",
    "=>",
    "@",
    "?",
    "??",
    "=",
    "+=",
    "+",
    "-",
    "--",
    "++",
    "*",
    "/",
    "%",
    "|",
    "||",
    "&&",
    "!",
    "~",
    "<",
    "<<",
    ">>>",
    "==",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "enum",
    "false",
    "fn",
    "for",
    "from",
    "if",
    "impl",
    "import",
    "in",
    "is",
    "let",
    "match",
    "mut",
    "opaque",
    "pub",
    "return",
    "self",
    "Self",
    "struct",
    "test",
    "trait",
    "true",
    "type",
    "while",
    "_",
    "x",
    "name",
    "T",
    "Some",
    "List",
    "0",
    "42",
    "9223372036854775808",
    "0xff",
    "1.5",
    "1e9",
    "007",
    "0x",
    "\\",
    "\\n",
    "\\u{41}",
    "\r\n",
    "\r",
    "\t",
    " ",
    "é",
    "😀",
    "\u{202e}",
    "\u{feff}",
    "#",
    "$",
    "`",
    "null",
    "var",
    "function",
    "fn f() {",
    "struct S {",
    "match x {",
    "if x {",
    "for x in xs {",
];

#[test]
fn pieces_in_any_order() {
    let mut random = Random(1);
    for _ in 0..6000 {
        let count = random.below(60);
        let mut text = String::new();
        for _ in 0..count {
            text.push_str(PIECES[random.below(PIECES.len())]);
            if random.below(3) > 0 {
                text.push(' ');
            }
        }
        check(&text);
    }
}

#[test]
fn samples_with_pieces_cut_out_and_put_in() {
    let mut random = Random(2);
    let samples = samples::all();
    for _ in 0..3000 {
        let (_, sample) = random.pick(&samples);
        let mut letters: Vec<char> = sample.chars().collect();
        for _ in 0..1 + random.below(4) {
            let at = random.below(letters.len().max(1));
            match random.below(3) {
                0 => {
                    let end = (at + 1 + random.below(8)).min(letters.len());
                    letters.drain(at..end);
                }
                1 => {
                    let piece: Vec<char> = PIECES[random.below(PIECES.len())].chars().collect();
                    letters.splice(at..at, piece);
                }
                _ => letters.truncate(at + 1),
            }
        }
        check(&letters.into_iter().collect::<String>());
    }
}

#[test]
fn any_characters() {
    let mut random = Random(3);
    for _ in 0..4000 {
        let count = random.below(40);
        let text: String = (0..count)
            .map(|_| match random.below(4) {
                0 => char::from_u32(random.below(0x11_0000) as u32).unwrap_or('\u{fffd}'),
                _ => char::from(random.below(128) as u8),
            })
            .collect();
        check(&text);
    }
}

#[test]
fn deep_nesting_is_an_error_and_not_a_crash() {
    let in_function = |body: &str| format!("fn f() {{\n    let x = {body}\n}}\n");
    let deep = |text: &str, count: usize| text.repeat(count);
    let cases = [
        deep("(", 100_000),
        deep("{", 100_000),
        deep("[", 100_000),
        deep("\"${", 100_000),
        deep("-", 400_000) + "1",
        deep("!", 400_000) + "x",
        deep("|x| ", 100_000) + "x",
        deep("|| ", 100_000) + "x",
        deep("x + ", 100_000) + "x",
        deep("x ?? ", 100_000) + "x",
        deep("x && ", 100_000) + "x",
        "x".to_string() + &deep("?.y", 100_000),
        "x".to_string() + &deep("()", 100_000),
        "x".to_string() + &deep("[0]", 100_000),
        deep("if x { 1 } else ", 40_000) + "{ 2 }",
        deep("match x { _ => ", 50_000),
    ];
    for body in &cases {
        check(&in_function(body));
    }
    check(&format!("type T = {}Int", deep("fn() -> ", 80_000)));
    check(&format!("type T = Int{}", deep(" ?", 80_000)));
    check(&format!("type T = {}", deep("(", 80_000)));
    check(&format!(
        "fn f() {{ if x {{ }} {} }}",
        deep("else if x { } ", 60_000)
    ));
}

#[test]
fn a_limit_is_met_exactly() {
    let errors = |body: String| {
        let text = format!("const x = {body}");
        let mut files = SourceMap::new();
        let file = files.add("deep.cop", &text);
        let mut diagnostics = Diagnostics::new();
        parser::parse(file, &text, &mut diagnostics);
        diagnostics
            .iter()
            .map(|diagnostic| diagnostic.code)
            .collect::<Vec<_>>()
    };
    assert!(errors(format!("{}1{}", "(".repeat(128), ")".repeat(128))).is_empty());
    assert_eq!(
        errors(format!("{}1{}", "(".repeat(129), ")".repeat(129))),
        ["E0111"]
    );
    assert!(errors(format!("1{}", " + 1".repeat(128))).is_empty());
    assert_eq!(errors(format!("1{}", " + 1".repeat(129))), ["E0210"]);
}

#[test]
fn a_file_is_at_most_a_mebibyte() {
    let codes = |size: usize| {
        let text = " ".repeat(size);
        let mut files = SourceMap::new();
        let file = files.add("large.cop", &text);
        let mut diagnostics = Diagnostics::new();
        parser::parse(file, &text, &mut diagnostics);
        diagnostics
            .iter()
            .map(|diagnostic| diagnostic.code)
            .collect::<Vec<_>>()
    };
    assert!(codes(1 << 20).is_empty());
    assert_eq!(codes((1 << 20) + 1), ["E0113"]);
}
