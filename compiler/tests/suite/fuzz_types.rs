//! Programs with a few words exchanged: the checker ends, points into the file, and what it lets through compiles to
//! bytecode that verifies.

use crate::fuzz::{Random, points_into};
use cop_compiler::compile::{CompileOptions, compile};
use cop_compiler::diagnostic::Severity;
use cop_compiler::source::{SourceError, Sources};
use std::path::{Path, PathBuf};

struct One(String);

impl Sources for One {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        (path == "main.cop")
            .then(|| self.0.clone())
            .ok_or(SourceError::NotFound)
    }
}

/// Words that fit in many places.
const WORDS: &[&str] = &[
    "Int",
    "Float",
    "String",
    "Bool",
    "List[Int]",
    "Int?",
    "(Int, Int)",
    "fn(Int) -> Int",
    "T",
    "Self",
    "self",
    "mut",
    "0",
    "1.0",
    "\"a\"",
    "true",
    "None",
    "Some(1)",
    "Ok(1)",
    "Err(\"e\")",
    "[]",
    "[:]",
    "[1, 2]",
    "()",
    "(1, 2)",
    "|x| x",
    "return",
    "break",
    "panic(\"p\")",
    "?",
    "?? 0",
    "is Some(n)",
    "is None",
    "+",
    "==",
    "<",
    "&&",
    "||",
    "!",
    "-",
    "=",
    "+=",
    ".len()",
    ".show()",
    ".push(1)",
    ".take()",
    "[0]",
    ".0",
    "..",
    "_",
    "x",
    "let",
    "pub",
    "opaque",
    "if true { 1 } else { 2 }",
    "match 1 { _ => 2 }",
    "{ 1 }",
    "Never",
    "Set[Int]",
    "Map[String, Int]",
    "Show",
    "Ord",
    ": Ord",
    "[T]",
];

/// Cuts a text into words, blanks and signs.
fn words(text: &str) -> Vec<String> {
    let class = |letter: char| match letter {
        _ if letter.is_ascii_alphanumeric() || letter == '_' => 0,
        ' ' => 1,
        '"' => 2,
        '\n' => 3,
        _ => 4,
    };
    let mut out: Vec<String> = Vec::new();
    let mut last = 9;
    for letter in text.chars() {
        let now = class(letter);
        if now == last && now < 2 {
            if let Some(word) = out.last_mut() {
                word.push(letter);
            }
        } else {
            out.push(letter.to_string());
        }
        last = now;
    }
    out
}

fn mutated(random: &mut Random, text: &str) -> String {
    let mut words = words(text);
    let is_word = |word: &str| {
        word.chars()
            .next()
            .is_some_and(|first| first.is_ascii_alphanumeric())
    };
    for _ in 0..1 + random.below(3) {
        let at = random.below(words.len());
        let from = random.below(words.len());
        match random.below(6) {
            0 => words[at] = random.pick(WORDS).to_string(),
            1 => words[at].clear(),
            2 => words.insert(at, format!(" {} ", random.pick(WORDS))),
            3 => words[at] = words[from].clone(),
            _ => {
                // One name or number for another.
                let near = (at..words.len()).find(|&index| is_word(&words[index]));
                let other = (from..words.len()).find(|&index| is_word(&words[index]));
                if let (Some(near), Some(other)) = (near, other) {
                    words[near] = words[other].clone();
                }
            }
        }
    }
    words.concat()
}

fn gather(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of ours") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            gather(&path, out);
        } else if path.extension().is_some_and(|end| end == "cop") {
            out.push(path);
        }
    }
}

fn try_out(text: &str) {
    let done = compile(
        "main.cop",
        &One(text.to_string()),
        CompileOptions {
            tests: true,
            constants: None,
            last: None,
            debug: false,
        },
    );
    points_into(&done.diagnostics, &done.files);
    let errors = done
        .diagnostics
        .iter()
        .any(|one| one.severity == Severity::Error);
    assert!(
        done.compiled.is_some() != errors,
        "neither a program nor an error: {text}"
    );
    if let Some(compiled) = done.compiled
        && let Err(error) = cop_vm::verify::verify(&compiled.package)
    {
        panic!("{error} in {text}");
    }
}

/// `COP_FUZZ=N` tries N programs, from another start for each N.
#[test]
fn exchanged_words() {
    let count: usize = std::env::var("COP_FUZZ")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(40);
    let mut random = Random(count as u64);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in [
        "tests/samples",
        "tests/diagnostics",
        "../tests/language",
        "../examples",
    ] {
        gather(&here.join(folder), &mut paths);
    }
    paths.sort();
    for _ in 0..count {
        let path = random.pick(&paths);
        let text = mutated(
            &mut random,
            &std::fs::read_to_string(path).expect("a program of ours"),
        );
        if count > 1000 {
            std::fs::write(std::env::temp_dir().join("cop_fuzz_last.cop"), &text)
                .expect("room for a file");
        }
        try_out(&text);
    }
}
