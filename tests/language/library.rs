//! The examples in the doc comments of the standard library compile and hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use crate::section::sections;
use crate::{cop_files, folder, for_each, run};

/// The examples in the doc comments of a module as a file: a test for each block fenced as `cop`, whose imports move to
/// the top. A block that begins with `test "` is one already: that is how it gets capabilities.
fn examples_of(module: &str, source: &str) -> String {
    let mut modules = BTreeSet::new();
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut tests = String::new();
    let mut block: Option<String> = None;
    for (index, line) in source.lines().enumerate() {
        let line = line.trim_start();
        let text = line.strip_prefix("///").or(line.strip_prefix("//!"));
        match (
            text.map(|text| text.strip_prefix(' ').unwrap_or(text)),
            &mut block,
        ) {
            (Some("```cop"), None) => block = Some(String::new()),
            (Some("```"), Some(body)) => {
                let line = index + 1;
                let _ = match body.strip_prefix("    test \"") {
                    Some(rest) => writeln!(tests, "test \"line {line}: {rest}"),
                    None => writeln!(tests, "test \"line {line}\" {{\n{body}}}"),
                };
                block = None;
            }
            (Some(text), Some(_)) if text.starts_with("import ") => {
                match text.split_once(" } from ") {
                    Some((list, from)) => names.entry(from.to_owned()).or_default().extend(
                        list.trim_start_matches("import {")
                            .split(',')
                            .map(|name| name.trim().to_owned()),
                    ),
                    None => {
                        modules.insert(text.to_owned());
                    }
                }
            }
            (Some(text), Some(body)) => {
                let _ = writeln!(body, "    {text}");
            }
            (None, Some(_)) => panic!("std/{module}, line {}: a block is not closed", index + 1),
            (_, None) => {}
        }
    }
    // `form.x`, but not `a_form.x` or `self.form.x`.
    let named = format!("{module}.");
    let mut places = tests.match_indices(&named).map(|(at, _)| &tests[..at]);
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '.';
    if places.any(|before| !before.ends_with(is_part)) {
        modules.insert(format!("import {module} from \"std/{module}\""));
    }
    let mut file = String::new();
    for import in modules {
        let _ = writeln!(file, "{import}");
    }
    for (from, list) in names {
        let list: Vec<String> = list.into_iter().collect();
        let _ = writeln!(file, "import {{ {} }} from {from}", list.join(", "));
    }
    file + &tests
}

fn problems(path: &PathBuf) -> String {
    let module = path.file_stem().expect("a name").to_string_lossy();
    let source = fs::read_to_string(path).expect("the file can be read");
    let examples = examples_of(&module, &source);
    if !examples.contains("test ") {
        return String::new();
    }
    let mut out = String::new();
    for section in sections("main.cop", &examples) {
        let problems = run::problems(&section, &folder("tests"));
        if !problems.is_empty() {
            let _ = writeln!(out, "\n== {}\n{problems}", path.display());
        }
    }
    out
}

#[test]
fn the_examples_in_the_library_run() {
    for_each(&cop_files(&folder("stdlib/std")), problems);
}
