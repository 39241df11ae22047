//! The language as programs see it: every `.cop` file below this folder is compiled and run, and keeps what it says of
//! itself in its comments (see `section.rs`); those of the examples, of the standard library's doc comments and of `tests/programs` too.
//!
//! A test passes if it does not trap; one that is called `traps NAME: …` has to end with that trap. There is no error and no
//! warning but those that are expected, no cell is left behind, a second run has the same outcome to the unit, in every engine
//! (see `engines.rs`), and the figures are exact (see `runs.rs`). What all runs came to stands in `outcomes.txt`
//! (see `outcomes.rs`).
//!
//! Some files alone: `COP_LANGUAGE=traps cargo test --test language` runs those whose path, or name of a section, has
//! `traps` in it.

mod engines;
mod library;
mod limits;
mod outcomes;
mod programs;
mod run;
mod runs;
mod section;
mod tight;
mod unicode;

mod model;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use cop_runtime::engine::Limits;
use cop_runtime::run::{RunEnd, RunRecord};

use crate::section::{Section, sections};

/// Limits of a run where nothing else is said: little, so that a program that does not end is told soon.
pub(crate) const LIMITS: Limits = Limits {
    fuel: 100_000_000,
    memory_bytes: 64 << 20,
};

/// `done`, or the name of a trap.
pub(crate) fn end_of(record: &RunRecord) -> &'static str {
    match &record.end {
        RunEnd::Done => "done",
        RunEnd::Trapped(trap) => trap.kind.name(),
        RunEnd::Failed(_) => "an error",
        RunEnd::Answered(_) | RunEnd::Aborted(_) => "an answer",
    }
}

pub(crate) fn cop_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            found.extend(cop_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "cop") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The folder of the repository with this name.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Does the work for each, with a few threads, and panics with all that is wrong.
pub(crate) fn for_each<T: Sync>(all: &[T], work: impl Fn(&T) -> String + Sync) {
    assert!(!all.is_empty());
    let next = AtomicUsize::new(0);
    let wrong: Mutex<Vec<(usize, String)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism()
            .map_or(2, usize::from)
            .min(8)
        {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(one) = all.get(number) else { break };
                    let problems = work(one);
                    if !problems.is_empty() {
                        wrong.lock().expect("not poisoned").push((number, problems));
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().expect("not poisoned");
    wrong.sort();
    let text: String = wrong.into_iter().map(|(_, text)| text).collect();
    assert!(text.is_empty(), "{text}");
}

/// How many programs the language has at least.
const PROGRAMS: usize = 700;

/// The programs of files, or those that `COP_LANGUAGE` asks for; `true` if that are all.
fn programs_of(files: &[PathBuf]) -> (Vec<(&PathBuf, Section)>, bool) {
    let only = std::env::var("COP_LANGUAGE").unwrap_or_default();
    let mut all: Vec<(&PathBuf, Section)> = Vec::new();
    for path in files {
        let text = fs::read_to_string(path).expect("the file can be read");
        let found = sections(&path.to_string_lossy(), &text);
        all.extend(
            found
                .into_iter()
                .filter(|section| section.name.contains(&only))
                .map(|section| (path, section)),
        );
    }
    (all, only.is_empty())
}

/// Checks programs; gives what their runs came to, by their names from a folder on.
fn check(all: &[(&PathBuf, Section)], below: &Path) -> BTreeMap<String, String> {
    let lines = Mutex::new(BTreeMap::new());
    if all.is_empty() {
        return BTreeMap::new();
    }
    for_each(all, |(path, section)| {
        let (problems, figures) = run::check(section, path.parent().unwrap_or(path));
        let mut out = String::new();
        if !problems.is_empty() {
            let _ = writeln!(out, "\n== {}\n{problems}", section.name);
        }
        let name = section.name.strip_prefix(&*below.to_string_lossy());
        let name = name.unwrap_or(&section.name).trim_start_matches('/');
        let mut lines = lines.lock().expect("not poisoned");
        if let Some(line) = figures.line()
            && lines.insert(name.to_owned(), line).is_some()
        {
            let _ = writeln!(out, "\n== {name}\nthere are two of this name");
        }
        out
    });
    lines.into_inner().expect("not poisoned")
}

#[test]
fn the_language_keeps_its_promises() {
    let below = folder("tests/language");
    let files = cop_files(&below);
    let (all, whole) = programs_of(&files);
    assert!(
        !whole || all.len() >= PROGRAMS,
        "only {} programs",
        all.len()
    );
    let lines = check(&all, &below);
    outcomes::compare(&below.join("outcomes.txt"), &lines, !whole);
}

#[test]
fn the_examples_pass_their_tests() {
    let examples = folder("examples");
    let (roots, others): (Vec<PathBuf>, Vec<PathBuf>) =
        cop_files(&examples).into_iter().partition(|path| {
            path.parent() == Some(&examples) || path.file_name().is_some_and(|n| n == "main.cop")
        });
    assert!(!others.is_empty(), "the System page has several modules");
    check(&programs_of(&roots).0, &examples);
}
