//! Programs that must check, by feature. What must not is in `tests/diagnostics`.

use super::*;
use crate::source::SourceError;
use std::collections::BTreeMap;

struct Memory(BTreeMap<&'static str, String>);

impl Sources for Memory {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        self.0.get(path).cloned().ok_or(SourceError::NotFound)
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let prefix = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        self.0
            .keys()
            .filter_map(|path| path.strip_prefix(&*prefix).map(str::to_string))
            .collect()
    }
}

/// Checks files; the first is the root. Gives the program and the messages, each as "CODE title".
fn check_files(files: &[(&'static str, &str)]) -> (Option<hir::Program>, Vec<String>) {
    let sources = Memory(
        files
            .iter()
            .map(|(path, text)| (*path, text.to_string()))
            .collect(),
    );
    let mut map = SourceMap::new();
    let mut diagnostics = Diagnostics::new();
    let program = check(
        files[0].0,
        &sources,
        &mut map,
        &CheckOptions { tests: true },
        &mut diagnostics,
    );
    let messages = diagnostics
        .sorted()
        .iter()
        .map(|message| {
            let place = message.primary.as_ref().map_or(String::new(), |label| {
                let at = map.line_column(label.span);
                format!(
                    " ({}:{}:{})",
                    map.file(label.span.file).path,
                    at.line,
                    at.column
                )
            });
            format!("{} {}{place}", message.code, message.title)
        })
        .collect();
    (program, messages)
}

/// A program that must check without any message.
fn good(text: &str) -> hir::Program {
    let (program, messages) = check_files(&[("main.cop", text)]);
    assert!(messages.is_empty(), "{messages:#?}");
    program.expect("a program without messages")
}

#[test]
fn hello() {
    good("fn main() { print(\"Hello, world!\") }");
}

#[test]
fn samples() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("samples")
        .map(|e| e.expect("entry").path())
        .collect();
    paths.sort();
    let mut bad = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("text");
        // The package that the sample of section 1 imports does not exist; nothing else may be wrong.
        let text = text.replace(
            "cop1jzwdlaxjl8asewvy6zxmwzs6urzukgtjqzcryr/html@3",
            "std/html",
        );
        let (_, mut messages) = check_files(&[("main.cop", &text)]);
        // Some samples are fragments whose functions nobody calls.
        messages.retain(|message| !message.starts_with("W0303"));
        if !messages.is_empty() {
            bad.push(format!(
                "{}: {messages:#?}",
                path.file_name().unwrap_or_default().display()
            ));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn programs_of_the_project() {
    fn gather(folder: &std::path::Path, out: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                gather(&path, out);
            } else if path.extension().is_some_and(|end| end == "cop") {
                out.push(path);
            }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths = Vec::new();
    gather(&root.join("tests/language"), &mut paths);
    gather(&root.join("examples"), &mut paths);
    paths.sort();
    let mut bad = Vec::new();
    for path in paths {
        // Programs of several files are checked as a whole, from outside.
        if path.with_file_name("main.cop").exists() {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("text");
        let (_, messages) = check_files(&[("main.cop", &text)]);
        if !messages.is_empty() {
            bad.push(format!("{}: {messages:#?}", path.display()));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}
