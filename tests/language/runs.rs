//! Runs an entry point of a program in every engine, and says what differs from what it promises.
//!
//! Besides its output, its end and its figures, each run keeps to three things: a second run is the same to the unit, the
//! other engines say the same, and its figures are exact: with as much fuel and memory as it used it is the same run, with
//! one unit less it ends with `OutOfFuel` or `OutOfMemory`. (A trap between two checkpoints of fuel may come before the
//! former.)

use std::fmt::Write as _;

use cop_bytecode::TrapKind;
use cop_compiler::compile::Compiled;
use cop_runtime::engine::{Limits, Trap};
use cop_runtime::report::trap_report;
use cop_runtime::run::{RunEnd, RunRecord};
use cop_runtime::{Doubles, WebRequest};

use crate::engines::Inspected;
use crate::outcomes::Figures;
use crate::section::{Entry, Request, Said, Section};

/// Up to how much fuel a run is tried at its borders; beyond, it would take long.
const FUEL_AT_BORDERS: u64 = 5_000_000;

/// What is run.
pub struct Runs<'a> {
    /// The program.
    pub section: &'a Section,
    /// Its entry point.
    pub entry: &'a Entry,
    /// What the compiler made of it.
    pub compiled: &'a Compiled,
    /// It, as each engine loaded it.
    pub programs: &'a [(&'static str, Box<dyn Inspected>)],
}

impl Runs<'_> {
    /// Runs it, for each request if it is asked some.
    pub fn check(&self, wrong: &mut String, figures: &mut Figures) {
        if self.entry.requests.is_empty() {
            let title = match &self.entry.test {
                Some(name) => format!("test {name:?}"),
                None => "main".to_owned(),
            };
            self.one(None, &title, wrong, figures);
        }
        for request in &self.entry.requests {
            let title = format!("{} {}", request.method, request.target);
            self.one(Some(request), &title, wrong, figures);
        }
    }

    fn one(
        &self,
        request: Option<&Request>,
        title: &str,
        wrong: &mut String,
        figures: &mut Figures,
    ) {
        let Some(record) = self.agreed(request, title, wrong) else {
            return;
        };
        let end = told_end(&record, self.compiled);
        match request {
            Some(request) if request.answer == end => {}
            Some(request) => {
                let _ = writeln!(wrong, "{title}: answers {end}, not {}", request.answer);
            }
            None => self.end(&record, title, wrong),
        }
        // What is printed at once may be several lines.
        let in_lines = |texts: &[String]| -> Vec<String> {
            let whole = texts.iter().flat_map(|text| text.split('\n'));
            whole.map(str::to_owned).collect()
        };
        let (expected, printed) = (in_lines(&self.entry.output), in_lines(record.log.lines()));
        match self.entry.line_count {
            Some(count) if count != printed.len() => {
                let _ = writeln!(
                    wrong,
                    "{title}: printed {} lines, not {count}",
                    printed.len()
                );
            }
            None if printed != expected => {
                let _ = writeln!(wrong, "{title}: printed{}", difference(&expected, &printed));
            }
            _ => {}
        }
        let mut figure = |what: &str, expected: Option<u64>, found: u64| {
            if expected.is_some_and(|expected| expected != found) {
                let expected = expected.unwrap_or(0);
                let _ = writeln!(wrong, "{title}: {what}: {found}, not {expected}");
            }
        };
        figure("fuel", self.entry.fuel, record.fuel_used);
        figure("memory", self.entry.memory, record.peak_memory_bytes);
        self.borders(request, &record, title, wrong);
        figures.add(title, &end, &record);
    }

    /// Runs it once in an engine.
    fn once(
        &self,
        program: &dyn Inspected,
        request: Option<&Request>,
        limits: Limits,
    ) -> Result<RunRecord, String> {
        let mut doubles = Doubles::empty();
        let record = match (&self.entry.test, request) {
            (Some(name), _) => {
                let mut tests = self.compiled.tests.iter();
                let number = tests
                    .position(|test| test == name)
                    .ok_or("it is not there")?;
                doubles.run_test(program, number, limits)
            }
            (None, Some(request)) => {
                let mut asked = WebRequest::get(&request.target);
                asked.method = request.method.clone().into_bytes();
                doubles.run_request(program, &asked, limits)
            }
            (None, None) => doubles.run_command(program, self.entry.arguments.clone(), limits),
        };
        record.map_err(|failure| format!("{failure:?}"))
    }

    /// What all engines, the first of them twice, make of it.
    fn agreed(
        &self,
        request: Option<&Request>,
        title: &str,
        wrong: &mut String,
    ) -> Option<RunRecord> {
        let mut agreed: Option<RunRecord> = None;
        for (name, program) in self.programs.iter().take(1).chain(self.programs) {
            let record = match self.once(&**program, request, self.entry.limits) {
                Ok(record) => record,
                Err(failure) => {
                    let _ = writeln!(wrong, "{title}: {name}: {failure}");
                    return None;
                }
            };
            if !matches!(record.end, RunEnd::Trapped(_) | RunEnd::Aborted(_))
                && program.live_cells() != 0
            {
                let left = program.live_cells();
                let _ = writeln!(wrong, "{title}: {name}: {left} cells are left");
            }
            match &agreed {
                Some(first) if *first != record => {
                    let _ = writeln!(
                        wrong,
                        "{title}: {name}: a run differs\n{first:?}\n{record:?}"
                    );
                }
                Some(_) => {}
                None => agreed = Some(record),
            }
        }
        agreed
    }

    /// Runs it with just what it used, and with a unit less.
    fn borders(
        &self,
        request: Option<&Request>,
        record: &RunRecord,
        title: &str,
        wrong: &mut String,
    ) {
        let kind = match &record.end {
            RunEnd::Trapped(trap) => Some(trap.kind),
            _ => None,
        };
        let (fuel, memory_bytes) = (record.fuel_used, record.peak_memory_bytes);
        let at_limit = [TrapKind::OutOfFuel, TrapKind::OutOfMemory].map(Some);
        if at_limit.contains(&kind) || fuel > FUEL_AT_BORDERS {
            return;
        }
        let exact = Limits { fuel, memory_bytes };
        let mut tries = vec![(exact, None)];
        if fuel > 0 {
            let less = Limits {
                fuel: fuel - 1,
                ..exact
            };
            tries.push((less, Some((TrapKind::OutOfFuel, less.fuel))));
        }
        if memory_bytes > 0 {
            let less = Limits {
                memory_bytes: memory_bytes - 1,
                ..exact
            };
            tries.push((less, Some((TrapKind::OutOfMemory, less.memory_bytes))));
        }
        for (name, program) in self.programs {
            for (limits, trap) in &tries {
                let Ok(found) = self.once(&**program, request, *limits) else {
                    let _ = writeln!(wrong, "{title}: {name}: it does not run with {limits:?}");
                    continue;
                };
                let fits = match (trap, &found.end) {
                    (None, _) => found == *record,
                    (Some((TrapKind::OutOfFuel, _)), end) if *end == record.end => kind.is_some(),
                    (Some((kind, limit)), RunEnd::Trapped(trap)) => {
                        trap.kind == *kind && trap.operands == [*limit as i64, 0]
                    }
                    (Some(_), _) => false,
                };
                if !fits {
                    let end = told_end(&found, self.compiled);
                    let _ = writeln!(wrong, "{title}: {name}: with {limits:?} it ends with {end}");
                }
            }
        }
    }

    /// Compares how the run ended.
    fn end(&self, record: &RunRecord, title: &str, wrong: &mut String) {
        let to_trap = self.section.is_to_trap(self.entry);
        match &record.end {
            RunEnd::Trapped(trap) => {
                let (line, found) = told(trap, self.compiled);
                let by_name = self
                    .entry
                    .test
                    .as_deref()
                    .and_then(|name| name.strip_prefix("traps ")?.split_once(':'))
                    .is_some_and(|(name, _)| name == trap.kind.name());
                let traps = self.section.traps.iter();
                let here: Vec<&Said> = traps.filter(|said| said.line == line).collect();
                let fits = match &here[..] {
                    [] => by_name,
                    said => said.iter().any(|said| agrees(&said.text, &found)),
                };
                if !fits || !to_trap {
                    let _ = writeln!(wrong, "{title}: line {line}: trap: {found}");
                }
            }
            RunEnd::Failed(message) if self.entry.failure.as_ref() == Some(message) => {}
            RunEnd::Done if self.entry.failure.is_none() => {
                if to_trap {
                    let _ = writeln!(wrong, "{title}: it does not trap");
                }
            }
            other => {
                let _ = writeln!(wrong, "{title}: ended with {other:?}");
            }
        }
    }
}

/// How a run ended, in the words of the suite. It names no place in the bytecode.
fn told_end(record: &RunRecord, compiled: &Compiled) -> String {
    match &record.end {
        RunEnd::Done => "done".to_owned(),
        RunEnd::Failed(message) => format!("fails: {message}"),
        RunEnd::Answered(response) => answer(response.status, &response.body),
        RunEnd::Aborted(response) => {
            format!("aborts with {}", answer(response.status, &response.body))
        }
        // What the host refuses after the end has no place in the program.
        RunEnd::Trapped(trap) if trap.backtrace.is_empty() => format!("trap {}", named(trap)),
        RunEnd::Trapped(trap) => {
            let (line, found) = told(trap, compiled);
            format!("line {line}: trap {found}")
        }
    }
}

fn answer(status: u16, body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok("") => status.to_string(),
        Ok(text) if text.len() <= 100 => format!("{status} {text}"),
        _ => format!("{status}, {} bytes", body.len()),
    }
}

/// The name of a trap with its operands.
fn named(trap: &Trap) -> String {
    let mut text = trap.kind.name().to_owned();
    let operands = trap.kind.operands().split(", ");
    let count = operands.filter(|o| !o.is_empty()).count();
    if count > 0 {
        let operands: Vec<String> = trap.operands[..count].iter().map(i64::to_string).collect();
        let _ = write!(text, "({})", operands.join(", "));
    }
    text
}

/// The line of the innermost frame outside the standard library, and the whole trap in the words of the suite.
fn told(trap: &Trap, compiled: &Compiled) -> (u32, String) {
    let mut text = named(trap);
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
