//! One token of a good program is deleted, doubled, exchanged with the next or replaced: the first error is told near
//! it, and little else.
//!
//! `COP_DAMAGE=N` damages every program N times in each way and prints the cases that are told worst.

use crate::fuzz::Random;
use cop_compiler::compile::{CompileOptions, compile};
use cop_compiler::diagnostic::{Diagnostic, Severity};
use cop_compiler::source::{SourceError, Sources};
use std::path::{Path, PathBuf};

struct One<'a>(&'a str);

impl Sources for One<'_> {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        match path {
            "main.cop" => Ok(self.0.to_owned()),
            _ => Err(SourceError::NotFound),
        }
    }
}

/// Lines of the errors of a program, those without a place left out, in the order they are shown.
fn error_lines(text: &str) -> Vec<(usize, String)> {
    let done = compile("main.cop", &One(text), CompileOptions::default());
    let errors = done.diagnostics.sorted();
    let errors = errors.iter().filter(|one| one.severity == Severity::Error);
    errors
        .filter_map(|one: &&Diagnostic| {
            let span = one.primary.as_ref()?.span;
            let line = done.files.line_column(span).line as usize;
            Some((line, format!("{}: {}", one.code, one.title)))
        })
        .collect()
}

/// The places of words and signs; blanks, comments and texts are nothing that is damaged here.
fn tokens(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at = text[at..].find('\n').map_or(bytes.len(), |size| at + size);
                continue;
            }
            b'"' => {
                let block = text[at..].starts_with("\"\"\"");
                let quote = if block { "\"\"\"" } else { "\"" };
                let inside = at + quote.len();
                at = text[inside..]
                    .find(quote)
                    .map_or(bytes.len(), |size| inside + size + quote.len());
                continue;
            }
            byte if byte.is_ascii_alphanumeric() || byte == b'_' => {
                while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_') {
                    at += 1;
                }
            }
            byte if byte.is_ascii_punctuation() => {
                at += 1;
                while at < bytes.len() && b"=>-.&|?".contains(&bytes[at]) && bytes[start] != b')' {
                    at += 1;
                }
            }
            _ => {
                at += 1;
                continue;
            }
        }
        found.push(start..at);
    }
    found
}

/// What takes the place of a token.
const OTHERS: &[&str] = &[
    "x", "42", "(", ")", "{", "}", ",", "=", ".", "if", "+", "Int", "\"s\"",
];

/// A program with one token damaged in one of the four ways.
fn damaged(
    text: &str,
    tokens: &[std::ops::Range<usize>],
    at: usize,
    way: usize,
    random: &mut Random,
) -> String {
    let token = tokens[at].clone();
    let word = &text[token.clone()];
    let (before, after) = (&text[..token.start], &text[token.end..]);
    match way {
        0 => format!("{before}{after}"),
        1 => format!("{before}{word} {word}{after}"),
        2 => match tokens.get(at + 1) {
            Some(next) => format!(
                "{before}{}{}{word}{}",
                &text[next.clone()],
                &text[token.end..next.start],
                &text[next.end..]
            ),
            None => text.to_owned(),
        },
        _ => format!("{before}{}{after}", random.pick(OTHERS)),
    }
}

fn programs() -> Vec<(PathBuf, String)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in ["tests/samples", "../examples"] {
        let entries = std::fs::read_dir(here.join(folder)).expect("a folder of ours");
        paths.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    paths.retain(|path| path.extension().is_some_and(|end| end == "cop"));
    paths.sort();
    let texts = paths.into_iter().map(|path| {
        let text = std::fs::read_to_string(&path).expect("a program of ours");
        (path, text)
    });
    texts
        .filter(|(_, text)| error_lines(text).is_empty())
        .collect()
}

#[test]
fn one_damaged_token_is_told_near_it_and_little_else() {
    let wished = std::env::var("COP_DAMAGE")
        .ok()
        .and_then(|count| count.parse().ok());
    let each: usize = wished.unwrap_or(1);
    let mut random = Random(7);
    let (mut cases, mut near, mut reports, mut single) = (0usize, 0usize, 0usize, 0usize);
    let mut worst: Vec<String> = Vec::new();
    for (path, text) in programs() {
        let tokens = tokens(&text);
        for _ in 0..each {
            for way in 0..4 {
                let at = random.below(tokens.len());
                let broken = damaged(&text, &tokens, at, way, &mut random);
                let errors = error_lines(&broken);
                let Some((first, _)) = errors.first() else {
                    continue;
                };
                let line = text[..tokens[at].start].matches('\n').count() + 1;
                cases += 1;
                reports += errors.len();
                single += usize::from(errors.len() == 1);
                let is_near = first.abs_diff(line) <= 1;
                near += usize::from(is_near);
                if !is_near || errors.len() > 3 {
                    worst.push(format!(
                        "{}:{line} way {way} `{}`: {} errors: {:?}",
                        path.file_name().unwrap_or_default().to_string_lossy(),
                        &text[tokens[at].clone()],
                        errors.len(),
                        &errors[..errors.len().min(4)]
                    ));
                }
            }
        }
    }
    let per_cent = |part: usize| part * 100 / cases.max(1);
    let told = format!(
        "{cases} damages: the first error of {} % is told near it, {} % have just one error, {}.{:02} errors each",
        per_cent(near),
        per_cent(single),
        reports / cases.max(1),
        reports * 100 / cases.max(1) % 100
    );
    if wished.is_some() {
        println!("{}\n{told}", worst.join("\n"));
    }
    assert!(cases > 50, "{told}");
    assert!(per_cent(near) >= 90, "{told}\n{}", worst.join("\n"));
    assert!(per_cent(single) >= 60, "{told}\n{}", worst.join("\n"));
    assert!(reports < cases * 3, "{told}\n{}", worst.join("\n"));
}
