//! Programs that must not parse, with the whole rendered message beside them.
//!
//! `COP_ACCEPT=1 cargo test -p cop-compiler syntax` writes the messages anew; reading the difference is the work.

use cop_compiler::diagnostic::Diagnostics;
use cop_compiler::source::SourceMap;
use cop_compiler::{parser, render};
use std::fs;
use std::path::Path;

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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/syntax");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("the folder of cases")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.ends_with(".cop"))
        .collect();
    names.sort();
    let accept = std::env::var_os("COP_ACCEPT").is_some();
    let mut wrong = Vec::new();
    for name in names {
        let text = fs::read_to_string(folder.join(&name)).expect("a case");
        let shown = message(&name, &text);
        let golden = folder.join(name.replace(".cop", ".txt"));
        if accept {
            fs::write(&golden, &shown).expect("a message to write");
        } else if fs::read_to_string(&golden).unwrap_or_default() != shown {
            wrong.push(format!("---- {name}\n{shown}"));
        }
        assert!(!shown.is_empty(), "{name} is without fault");
    }
    assert!(
        wrong.is_empty(),
        "{}\nCOP_ACCEPT=1 accepts this",
        wrong.join("\n")
    );
}
