//! Parts of pages that are made from the code.
//!
//! ```text
//! <!-- generated: NAME -->
//! made by a test; do not edit
//! <!-- end -->
//! ```

use std::collections::BTreeSet;
use std::path::Path;

use crate::shown;

/// The name of each generated part of a page.
pub fn names(page: &str) -> Vec<&str> {
    page.lines()
        .filter_map(|line| line.strip_prefix("<!-- generated: ")?.strip_suffix(" -->"))
        .collect()
}

/// The page with its generated parts as `make` gives them.
fn renewed(page: &str, make: &dyn Fn(&str) -> String) -> String {
    let (mut out, mut inside) = (String::new(), false);
    for line in page.lines() {
        if line == "<!-- end -->" {
            inside = false;
        }
        if !inside {
            out.push_str(line);
            out.push('\n');
        }
        if let Some(rest) = line.strip_prefix("<!-- generated: ") {
            let name = rest.strip_suffix(" -->").expect("the mark is closed");
            out.push_str(&make(name));
            inside = true;
        }
    }
    assert!(!inside, "a generated part has no end");
    out
}

/// Holds a page against what `make` gives for each generated part; writes it if `UPDATE_DOCS` is set. It is stale if a line
/// that `counts` is not made any more, or, unless it `may_lack` some, if one is missing.
pub fn check(
    path: &Path,
    make: &dyn Fn(&str) -> String,
    counts: &dyn Fn(&str) -> bool,
    may_lack: bool,
) {
    let page = std::fs::read_to_string(path).expect("the page can be read");
    let renewed = renewed(&page, make);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        if page != renewed {
            std::fs::write(path, renewed).expect("the page can be written");
        }
        return;
    }
    let counted = |text: &str| -> BTreeSet<String> {
        let lines = text.lines().filter(|line| counts(line));
        lines.map(ToOwned::to_owned).collect()
    };
    let (old, new) = (counted(&page), counted(&renewed));
    let differing = old
        .difference(&new)
        .next()
        .or_else(|| new.difference(&old).next().filter(|_| !may_lack));
    if let Some(line) = differing {
        panic!(
            "{} is stale: {line:?}; run UPDATE_DOCS=1 cargo test --test documents",
            shown(path)
        );
    }
}

#[test]
fn parts_are_replaced_between_their_marks() {
    let page = "a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n";
    assert_eq!(names(page), ["x"]);
    assert_eq!(
        renewed(page, &|name| format!("{name} new\n")),
        "a\n<!-- generated: x -->\nx new\n<!-- end -->\nb\n"
    );
}
