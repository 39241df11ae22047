//! Programs and their runs, told to people and to tools.

use std::fmt::Write;
use std::time::Duration;

use cop_bytecode::source_map::Place;
use cop_bytecode::{SourceMap, TrapKind};
use cop_compiler::diagnostic::Diagnostic;
use cop_compiler::render;
use cop_compiler::source::{FileId, SourceFile, Span};
use cop_runtime::ProgramKind;
use cop_runtime::engine::{Limits, Trap};
use cop_runtime::report::{trap_hint, trap_report};
use cop_runtime::run::RunRecord;
use coputer::project::Project;
use coputer::report::Report;
use serde_json::{Value, json};

use crate::differ;
use crate::say;

/// Most calls shown below a trap.
const CALLS_SHOWN: usize = 20;

/// What a program is, by its entry point.
pub fn kind(kind: ProgramKind) -> &'static str {
    match kind {
        ProgramKind::Command => "command",
        ProgramKind::Web => "web program",
        ProgramKind::Library => "library",
    }
}

/// What a program may touch; empty if nothing.
pub fn capabilities(capabilities: &[String]) -> String {
    match capabilities {
        [] => String::new(),
        some => format!(" with {}", some.join(", ")),
    }
}

/// Shows the warnings of a program that compiles.
pub fn warnings(report: &Report) {
    say::err(&report.text(say::look()));
}

/// A trap and what is needed to find its place in the source.
pub struct Trapped<'a> {
    /// The trap.
    pub trap: &'a Trap,
    /// More than its operands say.
    pub detail: Option<&'a str>,
    /// Where instructions came from.
    pub map: &'a SourceMap,
    /// The program.
    pub project: &'a Project,
    /// Its source.
    pub report: &'a Report,
}

impl Trapped<'_> {
    /// For people: name, message, the line of source, what an assertion compared, and the calls that led there. Colours are
    /// ANSI escapes.
    pub fn text(&self) -> String {
        let report = trap_report(self.trap, self.map, self.detail);
        let (title, below) = message(self.trap.kind, &report.message);
        let mut told = Diagnostic::error(self.trap.kind.name(), title);
        if let (Some(file), Some(line), Some(column)) = (&report.file, report.line, report.column) {
            match self.span(file, line, column) {
                Some(span) => told = told.at(span, ""),
                None => told = told.note(format!("at {file}:{line}:{column}")),
            }
        }
        let hint = match self.trap.kind {
            TrapKind::OutOfFuel => Some(
                "look for a loop that does not end; if the work is meant, raise the limit with --fuel or `fuel` in cop.toml",
            ),
            TrapKind::OutOfMemory => Some(
                "look for a collection that only grows; if it is meant, raise the limit with --memory or `memory_mib` in cop.toml",
            ),
            kind => trap_hint(kind),
        };
        if let Some(hint) = hint {
            told = told.help(hint);
        }
        let mut text = render::one(&told, &self.report.files, say::look());
        text.push('\n');
        for line in below {
            let _ = writeln!(text, "{}", say::difference(&line));
        }
        let calls = self.calls();
        if calls.len() > 1 {
            for call in calls.iter().take(CALLS_SHOWN) {
                let _ = writeln!(text, "  in {call}");
            }
        }
        if calls.len() > CALLS_SHOWN {
            let _ = writeln!(text, "  … and more calls");
        }
        text
    }

    /// The calls that led there, innermost first, with the files named as the author would; repeated ones once.
    fn calls(&self) -> Vec<String> {
        let positions = self.trap.backtrace.iter();
        let frames = positions.flat_map(|at| self.map.frames(at.function, at.instruction));
        let mut frames: Vec<(&str, Option<Place>)> = frames.collect();
        if frames.last().is_some_and(|(name, _)| is_wrapper(name)) {
            frames.pop();
        }
        let mut calls: Vec<(String, u64)> = Vec::new();
        for (name, place) in frames {
            let call = match place.and_then(|place| Some((self.map.file(place.file)?, place))) {
                Some((file, place)) => {
                    let file = self.project.shown(file);
                    format!("{name} at {file}:{}:{}", place.line, place.column)
                }
                None => name.to_owned(),
            };
            match calls.last_mut() {
                Some((last, count)) if *last == call => *count += 1,
                _ => calls.push((call, 1)),
            }
        }
        let told = |(call, count): (String, u64)| match count {
            1 => call,
            _ => format!("{call}, {} times", say::count(count)),
        };
        calls.into_iter().map(told).collect()
    }

    /// For tools.
    pub fn json(&self) -> Value {
        let report = trap_report(self.trap, self.map, self.detail);
        json!({
            "name": report.name,
            "message": report.message,
            "file": report.file.map(|file| self.project.shown(&file)),
            "line": report.line,
            "column": report.column,
            "backtrace": self.calls().into_iter().take(CALLS_SHOWN).collect::<Vec<_>>(),
        })
    }

    /// The word at a place of a file that the compiler read.
    fn span(&self, file: &str, line: u32, column: u32) -> Option<Span> {
        let shown = self.project.shown(file);
        let (id, file): (FileId, &SourceFile) = self
            .report
            .files
            .files()
            .find(|(_, known)| *known.path == *shown)?;
        let line_start = match line.checked_sub(1)? {
            0 => 0,
            before => file.text.match_indices('\n').nth(before as usize - 1)?.0 + 1,
        };
        let rest_of_line = file.text[line_start..].lines().next().unwrap_or("");
        let behind = column.checked_sub(1)? as usize;
        let within = rest_of_line
            .char_indices()
            .nth(behind)
            .map_or(rest_of_line.len(), |(at, _)| at);
        let word = rest_of_line[within..]
            .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .unwrap_or(rest_of_line.len() - within);
        let one = rest_of_line[within..]
            .chars()
            .next()
            .map_or(0, char::len_utf8);
        let start = line_start + within;
        Some(Span::new(id, start, start + word.max(one)))
    }
}

/// A trap's message as its title and what stands below the source: of an assertion, how the sides differ.
fn message(kind: TrapKind, message: &str) -> (String, Vec<String>) {
    if let (TrapKind::AssertionFailed, Some(told)) = (kind, differ::sides(message)) {
        return told;
    }
    let mut lines = message.split('\n').map(str::to_owned);
    let title = lines.next().unwrap_or_default();
    (title, lines.collect())
}

/// Whether a function was made by the compiler around an entry point: `entry`, `test 3`. Blocks of tests have quoted names.
fn is_wrapper(name: &str) -> bool {
    name == "entry" || (name.starts_with("test ") && !name.contains('"'))
}

/// What a run used.
pub struct Used<'a> {
    /// The run.
    pub record: &'a RunRecord,
    /// What it might have used.
    pub limits: Limits,
    /// How long it took. No part of the outcome.
    pub time: Duration,
    /// What ran it.
    pub engine: &'static str,
}

impl Used<'_> {
    /// For people.
    pub fn text(&self) -> String {
        format!(
            "fuel     {} of {}\n\
             memory   {} at its peak, of {}\n\
             time     {:.1} ms\n\
             engine   {}\n\
             outcome  {}\n",
            say::count(self.record.fuel_used),
            say::count(self.limits.fuel),
            say::size(self.record.peak_memory_bytes),
            say::size(self.limits.memory_bytes),
            self.time.as_secs_f64() * 1e3,
            self.engine,
            self.record.outcome_hash(),
        )
    }

    /// For tools.
    pub fn json(&self) -> Value {
        json!({
            "fuel": self.record.fuel_used,
            "fuel_limit": self.limits.fuel,
            "peak_memory_bytes": self.record.peak_memory_bytes,
            "memory_limit_bytes": self.limits.memory_bytes,
            "time_us": u64::try_from(self.time.as_micros()).unwrap_or(u64::MAX),
            "engine": self.engine,
            "outcome": self.record.outcome_hash().to_string(),
        })
    }
}
