//! Links between pages, and names of files in them, lead somewhere.

use std::fmt::Write as _;

use crate::{pages, root, shown};

/// The targets of `[text](target)`, outside of code.
fn targets(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_block = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        }
        if in_block {
            continue;
        }
        let prose: String = line.split('`').step_by(2).collect();
        found.extend(
            prose
                .split("](")
                .skip(1)
                .filter_map(|rest| rest.split_once(')').map(|(target, _)| target.to_owned())),
        );
    }
    found
}

/// The heading's name in a link: letters and digits in lower case, blanks as `-`.
fn anchor(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_ascii_lowercase()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let mut wrong = String::new();
    for path in pages() {
        let page = std::fs::read_to_string(&path).expect("the page can be read");
        for target in targets(&page) {
            if target.contains("://") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((&target, ""));
            let to = if file.is_empty() {
                path.clone()
            } else {
                path.parent().expect("a folder").join(file)
            };
            let found = to.exists()
                && (heading.is_empty()
                    || std::fs::read_to_string(&to).is_ok_and(|text| {
                        text.lines()
                            .any(|l| l.starts_with('#') && anchor(l) == heading)
                    }));
            if !found {
                let _ = writeln!(wrong, "{}: {target}", shown(&path));
            }
        }
        for word in page.split('`').skip(1).step_by(2) {
            let is_file = word.ends_with(".rs") || word.starts_with("tests/vectors/");
            if is_file && !word.contains(' ') && !root().join(word).exists() {
                let _ = writeln!(wrong, "{}: there is no {word}", shown(&path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_summary_of_the_book_lists_every_page() {
    let folder = root().join("docs/book/src");
    let summary = std::fs::read_to_string(folder.join("SUMMARY.md")).expect("there is a summary");
    for path in pages() {
        if let Ok(within) = path.strip_prefix(&folder) {
            let name = within.display().to_string();
            assert!(
                name == "SUMMARY.md" || summary.contains(&format!("({name})")),
                "{name} stands in no summary"
            );
        }
    }
}
