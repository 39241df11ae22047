//! Bigger programs: each folder of `tests/programs` has a `main.cop`, which prints what `expected.txt` holds; its arguments
//! stand in `arguments.txt`, one a line. The tests of all its modules are run too.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::outcomes::Figures;
use crate::section::sections;
use crate::{cop_files, folder, for_each, outcomes, run};

/// What is wrong with a program, and what its runs came to.
fn check(folder: &Path) -> (String, Option<String>) {
    let read = |name: &str| fs::read_to_string(folder.join(name));
    let text = read("main.cop").expect("a program has main.cop");
    let expected = read("expected.txt").expect("a program has expected.txt");
    let arguments = read("arguments.txt").unwrap_or_default();
    let mut all = sections(&folder.join("main.cop").to_string_lossy(), &text);
    let mut out = String::new();
    let mut figures = Figures::default();
    let modules = cop_files(folder)
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name != "main.cop"));
    for path in modules {
        let text = fs::read_to_string(&path).expect("the file can be read");
        let module = sections(&path.to_string_lossy(), &text).remove(0);
        all[0].entries.extend(module.entries);
    }
    for section in &mut all {
        for entry in section
            .entries
            .iter_mut()
            .filter(|entry| entry.test.is_none())
        {
            entry.output = expected.lines().map(str::to_owned).collect();
            entry.arguments = arguments.lines().map(str::to_owned).collect();
        }
        let (problems, more) = run::check(section, folder);
        figures.add_all(&more);
        if !problems.is_empty() {
            let _ = writeln!(out, "\n== {}\n{problems}", section.name);
        }
    }
    (out, figures.line())
}

#[test]
fn bigger_programs_print_what_they_should() {
    let folders = fs::read_dir(folder("tests/programs")).expect("the folder can be read");
    let mut folders: Vec<PathBuf> = folders
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    let lines = Mutex::new(BTreeMap::new());
    for_each(&folders, |folder| {
        let (problems, line) = check(folder);
        let name = folder.file_name().expect("a name").to_string_lossy();
        let mut lines = lines.lock().expect("not poisoned");
        lines.extend(line.map(|line| (name.into_owned(), line)));
        problems
    });
    let lines = lines.into_inner().expect("not poisoned");
    outcomes::compare(&folder("tests/programs/outcomes.txt"), &lines, false);
}
