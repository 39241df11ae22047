//! What the documents say about the code is true as far as a test can tell.

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, out: &mut String) {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push_str(&std::fs::read_to_string(&path).expect("sources are text"));
        }
    }
}

/// The words in backticks in a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

#[test]
fn architecture_names_files_and_types_that_exist() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the page is there");
    let mut code = String::new();
    for folder in [
        "compiler/src",
        "gateway/src",
        "net/src",
        "runtime/src",
        "src",
        "vm",
    ] {
        sources(&root().join(folder), &mut code);
    }
    let mut files = 0;
    for line in text.lines() {
        for word in quoted(line).filter(|w| w.ends_with(".rs")) {
            assert!(root().join(word).is_file(), "ARCHITECTURE.md names {word}");
            files += 1;
        }
        // The third column of the two paths holds types.
        let columns: Vec<&str> = line.split('|').collect();
        if let [_, _, _, types, _, _] = columns[..] {
            for ty in quoted(types) {
                let defined = ["struct", "enum", "trait"].iter().any(|kind| {
                    code.contains(&format!("{kind} {ty} "))
                        || code.contains(&format!("{kind} {ty}<"))
                        || code.contains(&format!("{kind} {ty};"))
                        || code.contains(&format!("{kind} {ty}:"))
                        || code.contains(&format!("{kind} {ty}("))
                });
                assert!(defined, "ARCHITECTURE.md names the type {ty}");
            }
        }
    }
    assert!(files > 30, "the page still tells where things are");
}
