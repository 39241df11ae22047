//! The language as programs see it: every `.cop` file below this folder is compiled without an error or a warning, and its
//! `test` blocks are run; those of the examples too.
//!
//! A test passes if it does not trap; one that is called `traps NAME: …` has to end with that trap. Where a file has `main`,
//! it is run, and each `print(…) // text` has to print that text.
//!
//! One file alone: `cargo run --bin copc -- test tests/language/core/int.cop`.

mod model;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cop_bytecode::encode;
use cop_compiler::compile::{Compiled, ProgramKind, compile};
use cop_compiler::render;
use cop_compiler::source::{SourceError, Sources};
use cop_runtime::Doubles;
use cop_runtime::engine::{Limits, Loaded, interpreter};
use cop_runtime::run::{RunEnd, RunRecord};
use coputer::publish::options;

const LIMITS: Limits = Limits {
    fuel: 1_000_000_000,
    memory_bytes: 64 << 20,
};

/// The files of a folder.
struct Folder(PathBuf);

impl Sources for Folder {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        fs::read_to_string(self.0.join(path)).map_err(|_| SourceError::NotFound)
    }
}

/// What is wrong with a file; empty if nothing is.
fn problems(path: &Path) -> String {
    let folder = Folder(path.parent().expect("a folder").to_path_buf());
    let name = path.file_name().expect("a file").to_string_lossy();
    problems_in(path, &name, &folder)
}

/// What is wrong with the file of that name; `path` is where it stands, if it is a command.
fn problems_in(path: &Path, name: &str, sources: &(dyn Sources + Sync)) -> String {
    let compilation = compile(name, sources, options(true));
    let mut wrong = render::text(&compilation.diagnostics, &compilation.files, false);
    if let Some(compiled) = &compilation.compiled {
        let package = encode(&compiled.package).expect("a package within its limits");
        match interpreter().load(&package.interface, &package.code) {
            Ok(program) => run(path, compiled, &program, &mut wrong),
            Err(refusal) => wrong.push_str(&refusal),
        }
    }
    wrong
}

fn run(path: &Path, compiled: &Compiled, program: &Arc<dyn Loaded>, wrong: &mut String) {
    for (number, test) in compiled.tests.iter().enumerate() {
        let expected = test
            .strip_prefix("traps ")
            .and_then(|rest| rest.split(':').next());
        let record = Doubles::empty()
            .run_test(&**program, number, LIMITS)
            .expect("the test can be run");
        let found = end_of(&record);
        if found != expected.unwrap_or("done") {
            let message = match &record.end {
                RunEnd::Trapped(trap) => trap.message.clone().unwrap_or_default(),
                _ => String::new(),
            };
            let _ = writeln!(wrong, "test {test:?} ended with {found}: {message}");
        }
    }
    if compiled.kind == ProgramKind::Command {
        let source = fs::read_to_string(path).expect("the file can be read");
        let expected: Vec<&str> = source
            .lines()
            .filter(|line| line.trim_start().starts_with("print("))
            .filter_map(|line| Some(line.split_once(" // ")?.1))
            .collect();
        let record = Doubles::empty()
            .run_command(&**program, vec![], LIMITS)
            .expect("the command can be run");
        if end_of(&record) != "done" || record.log.lines() != expected {
            let _ = writeln!(
                wrong,
                "expected {expected:#?}\nprinted {:#?}\nended with {}",
                record.log.lines(),
                end_of(&record)
            );
        }
    }
}

/// `done`, or the name of a trap.
fn end_of(record: &RunRecord) -> &'static str {
    match &record.end {
        RunEnd::Done => "done",
        RunEnd::Trapped(trap) => trap.kind.name(),
        RunEnd::Failed(_) => "an error",
        RunEnd::Answered(_) | RunEnd::Aborted(_) => "an answer",
    }
}

/// One file that stands nowhere.
struct Text(String);

impl Sources for Text {
    fn read(&self, _: &str) -> Result<String, SourceError> {
        Ok(self.0.clone())
    }
}

/// The examples in the doc comments of a module as a file: a test for each block fenced as `cop`, whose imports move to
/// the top.
fn examples_of(module: &str, source: &str) -> String {
    let mut imports = vec![format!("import {module} from \"std/{module}\"")];
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
                let _ = writeln!(tests, "test \"line {}\" {{\n{body}}}", index + 1);
                block = None;
            }
            (Some(text), Some(_)) if text.starts_with("import ") => imports.push(text.to_owned()),
            (Some(text), Some(body)) => {
                let _ = writeln!(body, "    {text}");
            }
            (None, Some(_)) => panic!("std/{module}, line {}: a block is not closed", index + 1),
            (_, None) => {}
        }
    }
    imports.sort();
    imports.dedup();
    if !tests.contains(&format!("{module}.")) {
        imports.retain(|import| !import.starts_with(&format!("import {module} ")));
    }
    format!("{}\n\n{tests}", imports.join("\n"))
}

fn cop_files(folder: &Path) -> Vec<PathBuf> {
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

fn check(files: &[PathBuf]) {
    assert!(!files.is_empty());
    let mut wrong = String::new();
    for path in files {
        let problems = problems(path);
        if !problems.is_empty() {
            let _ = writeln!(wrong, "\n== {}\n{problems}", path.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_language_keeps_its_promises() {
    check(&cop_files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language"),
    ));
}

#[test]
fn the_examples_in_the_library_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("stdlib/std");
    let mut wrong = String::new();
    for path in cop_files(&folder) {
        let module = path.file_stem().expect("a name").to_string_lossy();
        let source = fs::read_to_string(&path).expect("the file can be read");
        let examples = examples_of(&module, &source);
        if !examples.contains("test ") {
            continue;
        }
        let problems = problems_in(&path, "main.cop", &Text(examples));
        if !problems.is_empty() {
            let _ = writeln!(wrong, "\n== {}\n{problems}", path.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_examples_pass_their_tests() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let (roots, others): (Vec<PathBuf>, Vec<PathBuf>) =
        cop_files(&examples).into_iter().partition(|path| {
            path.parent() == Some(&examples) || path.file_name().is_some_and(|n| n == "main.cop")
        });
    assert!(!others.is_empty(), "the System page has several modules");
    check(&roots);
}
