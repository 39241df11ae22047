//! Programs that must not parse, with the whole rendered message beside them.

use crate::golden;
use cop_compiler::diagnostic::Diagnostics;
use cop_compiler::source::SourceMap;
use cop_compiler::{parser, render};

/// What the compiler says about a file.
fn message(name: &str, text: &str) -> String {
    let mut files = SourceMap::new();
    let file = files.add(name, text);
    let mut diagnostics = Diagnostics::new();
    parser::parse(file, text, &mut diagnostics);
    render::text(&diagnostics, &files, false)
}

#[test]
fn messages_are_as_accepted() {
    golden::folder("syntax", |path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        message(&name, &std::fs::read_to_string(path).expect("a case"))
    });
}
