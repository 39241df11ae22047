//! The samples of the language's specification.

use cop_compiler::ast;
use cop_compiler::diagnostic::Diagnostics;
use cop_compiler::source::{FileId, SourceMap};
use std::fs;
use std::path::Path;

/// Path and text of every sample, in order of their names.
pub fn all() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut list: Vec<(String, String)> = fs::read_dir(folder)
        .expect("the folder of samples")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            (
                path.display().to_string(),
                fs::read_to_string(path).expect("a sample"),
            )
        })
        .collect();
    list.sort();
    list
}

/// The reader by hand, where it does not give up, makes what the grammar makes.
pub fn reads_the_same_both_ways(text: &str) {
    let read = |parse: fn(FileId, &str, &mut Diagnostics) -> ast::File| {
        let file = SourceMap::new().add("sample.cop", text);
        let mut diagnostics = Diagnostics::new();
        let tree = parse(file, text, &mut diagnostics);
        format!("{tree:?} {:?}", diagnostics.sorted())
    };
    assert_eq!(
        read(cop_compiler::parser::parse),
        read(cop_compiler::parser::parse_by_grammar),
        "{text:?}"
    );
}

#[test]
fn the_library_reads_the_same_both_ways() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../stdlib");
    for part in ["core", "std", "host"] {
        for entry in fs::read_dir(folder.join(part)).expect("a folder of the library") {
            let text = fs::read_to_string(entry.expect("an entry").path()).expect("a module");
            reads_the_same_both_ways(&text);
        }
    }
}

#[test]
fn every_sample_parses_without_a_word() {
    assert!(all().len() >= 14);
    for (path, text) in all() {
        let mut files = SourceMap::new();
        let file = files.add(&path, &text);
        let mut diagnostics = Diagnostics::new();
        let tree = cop_compiler::parser::parse(file, &text, &mut diagnostics);
        assert!(
            diagnostics.is_empty(),
            "{path}: {:#?}",
            diagnostics.sorted()
        );
        assert!(tree.complete && !tree.items.is_empty(), "{path}");
        reads_the_same_both_ways(&text);
    }
}
