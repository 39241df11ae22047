//! Compiles a program of the suite, runs it, and says what differs from what it promises.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use cop_bytecode::{Hash, encode};
use cop_compiler::compile::{Compiled, compile};
use cop_compiler::diagnostic::{Diagnostic, Severity};
use cop_compiler::render;
use cop_compiler::source::{SourceError, SourceMap, Sources};
use cop_runtime::Doubles;
use cop_runtime::engine::{Host, Limits, Loaded, Outcome, Trap};
use cop_runtime::report::trap_report;
use cop_runtime::run::{RunEnd, RunRecord};
use cop_vm::Program;
use coputer::publish::options;

use crate::section::{Entry, Said, Section};

/// A loaded program that remembers how many cells its last run left behind.
struct Watched {
    program: Program,
    live_cells: Mutex<u64>,
}

impl Loaded for Watched {
    fn hash(&self) -> Hash {
        self.program.hash()
    }

    fn capabilities(&self, entry: &str) -> Option<Vec<String>> {
        let mut entries = self.program.entries().iter();
        Some(entries.find(|one| one.name == entry)?.capabilities.clone())
    }

    fn run(&self, entry: &str, limits: Limits, host: &mut dyn Host) -> Outcome {
        let (outcome, remains) = cop_vm::run_inspected(&self.program, entry, limits, host);
        *self.live_cells.lock().expect("not poisoned") = remains.live_cells;
        outcome
    }
}

/// The files of a program: its own, then those of the folder.
struct Files<'a> {
    own: &'a [(String, String)],
    folder: &'a Path,
}

impl Sources for Files<'_> {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        match self.own.iter().find(|(name, _)| name == path) {
            Some((_, text)) => Ok(text.clone()),
            None => fs::read_to_string(self.folder.join(path)).map_err(|_| SourceError::NotFound),
        }
    }
}

/// What is wrong with a program, in words; empty if nothing is. `folder` is where its neighbours are.
pub fn problems(section: &Section, folder: &Path) -> String {
    let files = Files {
        own: &section.files,
        folder,
    };
    let compilation = compile(&section.files[0].0, &files, options(true));
    let mut wrong = diagnostics(
        section,
        &compilation.diagnostics.sorted(),
        &compilation.files,
    );
    if !wrong.is_empty() {
        wrong.push_str(&render::text(
            &compilation.diagnostics,
            &compilation.files,
            false,
        ));
    }
    let Some(compiled) = &compilation.compiled else {
        return wrong;
    };
    if !section.diagnostics.is_empty() && section.entries.is_empty() {
        return wrong;
    }
    // As a node does it: what runs is what was encoded.
    let bytes = encode(&compiled.package).expect("a package within its limits");
    let package = cop_bytecode::decode(&bytes.interface, &bytes.code).expect("it was just encoded");
    match Program::load(&package) {
        Ok(program) => {
            let watched = Watched {
                program,
                live_cells: Mutex::new(0),
            };
            for entry in &section.entries {
                run(section, entry, compiled, &watched, &mut wrong);
            }
        }
        Err(refusal) => {
            let _ = writeln!(wrong, "not accepted: {refusal}");
        }
    }
    wrong
}

/// Compares the diagnostics with those that are expected.
fn diagnostics(section: &Section, found: &[&Diagnostic], files: &SourceMap) -> String {
    let mut wrong = String::new();
    let mut open: Vec<&Said> = section.diagnostics.iter().collect();
    for diagnostic in found {
        let line = diagnostic
            .primary
            .as_ref()
            .map_or(0, |label| files.line_column(label.span).line);
        let kind = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let head = format!("{kind}: {}", diagnostic.code);
        let all = render::one(diagnostic, files, false);
        let at = open.iter().position(|said| {
            said.line == line
                && said
                    .text
                    .strip_prefix(&head)
                    .is_some_and(|rest| all.contains(rest.trim()))
        });
        match at {
            Some(at) => {
                open.remove(at);
            }
            None => {
                let _ = writeln!(
                    wrong,
                    "line {line}: not expected: {head} {}",
                    diagnostic.title
                );
            }
        }
    }
    for said in open {
        let _ = writeln!(wrong, "line {}: expected {}", said.line, said.text);
    }
    wrong
}

fn run(
    section: &Section,
    entry: &Entry,
    compiled: &Compiled,
    program: &Watched,
    wrong: &mut String,
) {
    let title = match &entry.test {
        Some(name) => format!("test {name:?}"),
        None => "main".to_owned(),
    };
    let once = || -> Result<RunRecord, String> {
        let mut doubles = Doubles::empty();
        let record = match &entry.test {
            Some(name) => {
                let mut tests = compiled.tests.iter();
                let number = tests
                    .position(|test| test == name)
                    .ok_or("it is not there")?;
                doubles.run_test(program, number, entry.limits)
            }
            None => doubles.run_command(program, entry.arguments.clone(), entry.limits),
        };
        record.map_err(|failure| format!("{failure:?}"))
    };
    let record = match (once(), once()) {
        (Ok(first), Ok(second)) => {
            if first != second {
                let _ = writeln!(
                    wrong,
                    "{title}: a second run differs\n{first:?}\n{second:?}"
                );
            }
            first
        }
        (Err(failure), _) | (_, Err(failure)) => {
            let _ = writeln!(wrong, "{title}: {failure}");
            return;
        }
    };
    end(section, entry, compiled, &record, &title, wrong);
    let live_cells = *program.live_cells.lock().expect("not poisoned");
    if !matches!(record.end, RunEnd::Trapped(_)) && live_cells != 0 {
        let _ = writeln!(wrong, "{title}: {live_cells} cells are left");
    }
    // What is printed at once may be several lines.
    let in_lines = |texts: &[String]| -> Vec<String> {
        let whole = texts.iter().flat_map(|text| text.split('\n'));
        whole.map(str::to_owned).collect()
    };
    let (expected, printed) = (in_lines(&entry.output), in_lines(record.log.lines()));
    if printed != expected {
        let _ = writeln!(wrong, "{title}: printed{}", difference(&expected, &printed));
    }
    let mut figure = |what: &str, expected: Option<u64>, found: u64| {
        if expected.is_some_and(|expected| expected != found) {
            let _ = writeln!(
                wrong,
                "{title}: {what}: {found}, not {}",
                expected.unwrap_or(0)
            );
        }
    };
    figure("fuel", entry.fuel, record.fuel_used);
    figure("memory", entry.memory, record.peak_memory_bytes);
}

/// Compares how the run ended.
fn end(
    section: &Section,
    entry: &Entry,
    compiled: &Compiled,
    record: &RunRecord,
    title: &str,
    wrong: &mut String,
) {
    match &record.end {
        RunEnd::Trapped(trap) => {
            let (line, found) = told(trap, compiled);
            let by_name = entry
                .test
                .as_deref()
                .and_then(|name| name.strip_prefix("traps ")?.split_once(':'))
                .is_some_and(|(name, _)| name == trap.kind.name());
            let here: Vec<&Said> = section
                .traps
                .iter()
                .filter(|said| said.line == line)
                .collect();
            let fits = match &here[..] {
                [] => by_name,
                said => said.iter().any(|said| agrees(&said.text, &found)),
            };
            if !fits || !section.is_to_trap(entry) {
                let _ = writeln!(wrong, "{title}: line {line}: trap: {found}");
            }
        }
        RunEnd::Failed(message) if entry.failure.as_ref() == Some(message) => {}
        RunEnd::Done if entry.failure.is_none() => {
            if section.is_to_trap(entry) {
                let _ = writeln!(wrong, "{title}: it does not trap");
            }
        }
        other => {
            let _ = writeln!(wrong, "{title}: ended with {other:?}");
        }
    }
}

/// The line of the innermost frame outside the standard library, and the whole trap in the words of the suite.
fn told(trap: &Trap, compiled: &Compiled) -> (u32, String) {
    let mut text = trap.kind.name().to_owned();
    let count = trap
        .kind
        .operands()
        .split(", ")
        .filter(|o| !o.is_empty())
        .count();
    if count > 0 {
        let operands: Vec<String> = trap.operands[..count].iter().map(i64::to_string).collect();
        let _ = write!(text, "({})", operands.join(", "));
    }
    let report = trap_report(trap, &compiled.source_map, None);
    let (line, column) = (report.line.unwrap_or(0), report.column.unwrap_or(0));
    let _ = write!(text, " at {column}");
    if let Some(message) = &trap.message {
        let _ = write!(text, " {message:?}");
    }
    (line, text)
}

/// Whether an expected trap, of which parts may be left out, is the one that was found.
fn agrees(expected: &str, found: &str) -> bool {
    if expected == found {
        return true;
    }
    let (found, message) = found.split_once(" \"").unwrap_or((found, ""));
    if let Some((expected, wanted)) = expected.split_once(" \"") {
        return wanted == message && agrees(expected, found);
    }
    let (name, _) = found.split_once(" at ").unwrap_or((found, ""));
    let bare = name.split('(').next().unwrap_or(name);
    expected == found || expected == name || expected == bare
}

/// Two lists of lines, with what differs marked.
fn difference(expected: &[String], found: &[String]) -> String {
    let mut out = String::new();
    for n in 0..expected.len().max(found.len()) {
        match (expected.get(n), found.get(n)) {
            (Some(expected), Some(found)) if expected == found => {
                let _ = write!(out, "\n    {found}");
            }
            (expected, found) => {
                for (sign, line) in [('-', expected), ('+', found)] {
                    if let Some(line) = line {
                        let _ = write!(out, "\n  {sign} {line}");
                    }
                }
            }
        }
    }
    out
}
