//! The pages under `docs/` are true as far as a test can tell: every ```` ```cop ```` block is compiled and run, tables are
//! those of the code, links lead somewhere.
//!
//! After a change of the standard library or of the instruction table, `UPDATE_DOCS=1 cargo test --test documents` writes
//! the generated parts anew.

mod blocks;
mod codes;
mod formats;
mod generated;
mod instructions;
mod library;
mod links;
mod samples;

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page below `docs/`, without the notes of decisions.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&root().join("docs"), &mut found);
    found.sort();
    assert!(found.len() > 30, "the pages are where they were");
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "decisions") {
                collect(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// A page's path as messages show it.
fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}
