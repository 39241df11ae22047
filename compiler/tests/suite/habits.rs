//! Habits of other languages: each program of `tests/habits` has one, and beside it stands what is said of it, and the
//! program with the edits that were offered.
//!
//! `COP_ACCEPT=1` writes what is said anew.

use crate::golden;
use cop_compiler::compile::{CompileOptions, compile};
use cop_compiler::diagnostic::Severity;
use cop_compiler::source::FileId;
use cop_compiler::{fix, render};
use std::path::Path;

/// Edits may mend what only then is seen; nothing needs more rounds than this.
const ROUNDS: usize = 3;

/// What is said of a program, and what the offered edits make of it.
fn told(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut text = std::fs::read_to_string(path).expect("a case");
    let folder = program(&name, &text);
    let first = compile(&name, &folder, CompileOptions::default());
    let shown: Vec<String> = first
        .diagnostics
        .sorted()
        .iter()
        .map(|one| render::one(one, &first.files, false))
        .collect();
    let mut out = shown.join("\n\n");
    let mut left = first.diagnostics;
    let mut changed = false;
    for _ in 0..ROUNDS {
        let (fixed, count) = fix::apply(FileId(0), &text, &left);
        if count == 0 {
            break;
        }
        changed = true;
        text = fixed;
        left = compile(&name, &program(&name, &text), CompileOptions::default()).diagnostics;
    }
    let errors = left
        .iter()
        .filter(|one| one.severity == Severity::Error)
        .count();
    if changed {
        out.push_str(&format!("\n\n---- mended, {errors} errors left\n\n{text}"));
    }
    out
}

/// A program of one file.
struct One(String, String);

impl cop_compiler::source::Sources for One {
    fn read(&self, path: &str) -> Result<String, cop_compiler::source::SourceError> {
        match path == self.0 {
            true => Ok(self.1.clone()),
            false => Err(cop_compiler::source::SourceError::NotFound),
        }
    }
}

fn program(name: &str, text: &str) -> One {
    One(name.to_owned(), text.to_owned())
}

#[test]
fn messages_are_as_accepted() {
    golden::folder("habits", told);
}
