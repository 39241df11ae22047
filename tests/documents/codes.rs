//! Codes that the pages name exist, and those that a reader looks up are all there.

use std::fmt::Write as _;

use cop_compiler::codes::{CODES, title};
use cop_runtime::FailureCode;

use crate::{pages, root, shown};

/// The words in backticks.
fn quoted(page: &str) -> impl Iterator<Item = &str> {
    page.split('`').skip(1).step_by(2)
}

fn is_diagnostic(word: &str) -> bool {
    word.len() == 5
        && word.starts_with(['E', 'W'])
        && word[1..].bytes().all(|byte| byte.is_ascii_digit())
}

#[test]
fn codes_of_diagnostics_exist() {
    let mut wrong = String::new();
    for path in pages() {
        let page = std::fs::read_to_string(&path).expect("the page can be read");
        for code in quoted(&page).filter(|word| is_diagnostic(word)) {
            if title(code).is_none() {
                let _ = writeln!(wrong, "{}: there is no {code}", shown(&path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_language_page_tells_all_that_is_not_yet() {
    let page = std::fs::read_to_string(root().join("docs/language.md")).expect("the page is there");
    for (code, title) in CODES.iter().filter(|(code, _)| code.starts_with("E09")) {
        assert!(
            quoted(&page).any(|word| word == *code),
            "docs/language.md does not say where {code} ({title}) is met"
        );
    }
}

#[test]
fn the_operator_page_has_every_failure() {
    let page = std::fs::read_to_string(root().join("docs/operator.md")).expect("the page is there");
    for code in FailureCode::ALL {
        let named = format!("`{}`", code.code());
        let status = code.http_status().to_string();
        assert!(
            page.lines().any(|line| line.starts_with('|')
                && line.contains(&named)
                && line.contains(&status)),
            "docs/operator.md has no row for {named} with status {status}"
        );
    }
}

/// What can only come of a peer. There are none yet.
const OF_PEERS: [FailureCode; 1] = [FailureCode::WrongNetwork];

/// The text of all tests outside of the sources.
fn tests() -> String {
    let mut text = String::new();
    let mut folders = vec![
        root().join("runtime/tests"),
        root().join("gateway/tests"),
        root().join("tests/end_to_end"),
        root().join("tests/attack"),
    ];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).expect("the folder can be read");
        for entry in entries {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                text += &std::fs::read_to_string(&path).unwrap_or_default();
            }
        }
    }
    text
}

#[test]
fn every_failure_is_met_by_a_test() {
    let tests = tests();
    for code in FailureCode::ALL {
        let names = [
            format!("FailureCode::{code:?}"),
            format!("\"{}\"", code.code()),
            format!("({})", code.code()),
        ];
        let is_met = names.iter().any(|name| tests.contains(name));
        assert_eq!(
            is_met,
            !OF_PEERS.contains(code),
            "`{}` is met by no test, or there are peers now",
            code.code()
        );
    }
}
