//! Which tests of a program are run.

use std::path::{Path, PathBuf};

use cop_compiler::compile::Compiled;
use coputer::project::ROOT;

use crate::arguments::TestOptions;
use crate::ended::Complaint;

/// What the words of the command line name: the program, and texts of which the name of a test holds one.
pub fn program_and_filters(options: &TestOptions) -> (PathBuf, Vec<String>) {
    let mut filters = options.filter.clone();
    let mut words = options.words.iter();
    let path = match words.clone().next() {
        Some(first) if is_path(first) => words.next(),
        _ => None,
    };
    filters.extend(words.cloned());
    (PathBuf::from(path.map_or(".", String::as_str)), filters)
}

/// Whether a word is meant as a path: something is there, it looks like one, or this folder is no program.
fn is_path(word: &str) -> bool {
    let is_program = Path::new(ROOT).is_file();
    word.ends_with(".cop")
        || word.contains(['/', '\\'])
        || word == "."
        || Path::new(word).exists()
        || !is_program
}

/// Numbers of the tests whose names hold one of the texts, in the order of the source; of all, if there are none.
pub fn wanted(compiled: &Compiled, filters: &[String]) -> Result<Vec<usize>, Complaint> {
    let count = compiled.tests.len();
    let is_wanted = |number: &usize| {
        let name = &compiled.tests[*number];
        filters.is_empty() || filters.iter().any(|filter| name.contains(filter))
    };
    let wanted: Vec<usize> = (0..count).filter(is_wanted).collect();
    if wanted.is_empty() && count > 0 {
        let quoted: Vec<String> = filters.iter().map(|filter| format!("`{filter}`")).collect();
        return Err(Complaint::Failed(format!(
            "no test's name holds {}; there are {count} tests, which `copc test --list` lists",
            quoted.join(" or "),
        )));
    }
    Ok(wanted)
}
