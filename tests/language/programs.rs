//! Bigger programs: each folder of `tests/programs` has a `main.cop`, which prints what `expected.txt` holds; its arguments
//! stand in `arguments.txt`, one a line. The tests of all its modules are run too.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::section::sections;
use crate::{cop_files, folder, for_each, run};

fn problems(folder: &Path) -> String {
    let read = |name: &str| fs::read_to_string(folder.join(name));
    let text = read("main.cop").expect("a program has main.cop");
    let expected = read("expected.txt").expect("a program has expected.txt");
    let arguments = read("arguments.txt").unwrap_or_default();
    let mut all = sections(&folder.join("main.cop").to_string_lossy(), &text);
    let mut out = String::new();
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
        let problems = run::problems(section, folder);
        if !problems.is_empty() {
            let _ = writeln!(out, "\n== {}\n{problems}", section.name);
        }
    }
    out
}

#[test]
fn bigger_programs_print_what_they_should() {
    let folders = fs::read_dir(folder("tests/programs")).expect("the folder can be read");
    let mut folders: Vec<PathBuf> = folders
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    for_each(&folders, |folder| problems(folder));
}
