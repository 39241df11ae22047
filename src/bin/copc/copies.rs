//! Where a run copied what was shared, by line.

use std::collections::BTreeMap;
use std::fmt::Write;

use cop_bytecode::SourceMap;
use cop_runtime::engine::{Copies, Position};
use cop_runtime::report::is_std;
use coputer::project::Project;
use coputer::report::Report;
use serde_json::{Value, json};

use crate::say;

/// Most lines that are shown to people.
const LINES_SHOWN: usize = 20;

/// Bytes copied in one line.
struct Line {
    file: String,
    line: u32,
    bytes: u64,
    source: String,
}

/// The copies of a run, the most bytes first.
pub struct CopiedLines(Vec<Line>);

impl CopiedLines {
    /// Finds the lines of the program by whose way the copies were made: what the library copies is put down to the
    /// line that calls it.
    pub fn of(copies: &Copies, map: &SourceMap, project: &Project, report: &Report) -> CopiedLines {
        // File, line, and the function of the program that is meant where the line is the library's.
        let place = |position: &Position| {
            let place = map.place(position.function, position.instruction)?;
            let file = map.file(place.file)?;
            let within = map.name(position.function).filter(|_| is_std(file));
            Some((file, place.line, within))
        };
        let mut lines: BTreeMap<(&str, u32, Option<&str>), u64> = BTreeMap::new();
        for (trace, bytes) in copies {
            let mut places = trace.iter().filter_map(place);
            let outermost = places.clone().next_back();
            let own = places.find(|(file, _, _)| !is_std(file));
            if let Some(at) = own.or(outermost) {
                *lines.entry(at).or_insert(0) += bytes;
            }
        }
        let source = |file: &str, line: u32| {
            let text = report.files.files().find(|(_, known)| &*known.path == file);
            let text = text.and_then(|(_, known)| known.text.lines().nth(line as usize - 1));
            text.unwrap_or_default().trim().to_owned()
        };
        let mut lines: Vec<Line> = lines
            .into_iter()
            .map(|((file, line, within), bytes)| Line {
                source: match within {
                    Some(function) => format!("for `{function}`"),
                    None => source(&project.shown(file), line),
                },
                file: project.shown(file),
                line,
                bytes,
            })
            .collect();
        lines.sort_by_key(|line| std::cmp::Reverse(line.bytes));
        CopiedLines(lines)
    }

    /// For people.
    pub fn text(&self) -> String {
        let total: u64 = self.0.iter().map(|line| line.bytes).sum();
        if total == 0 {
            return "copies: none; nothing was shared when it was changed\n".to_owned();
        }
        let mut text = format!(
            "copies: {} of values that were shared when they were changed\n",
            say::size(total)
        );
        for line in self.0.iter().take(LINES_SHOWN) {
            let size = say::size(line.bytes);
            let at = format!("{}:{}", line.file, line.line);
            let _ = writeln!(text, "{size:>12}  {at}  {}", line.source);
        }
        if self.0.len() > LINES_SHOWN {
            let _ = writeln!(
                text,
                "{:>12}  in {} more lines",
                "…",
                self.0.len() - LINES_SHOWN
            );
        }
        text
    }

    /// For tools.
    pub fn json(&self) -> Value {
        let line =
            |line: &Line| json!({ "file": line.file, "line": line.line, "bytes": line.bytes });
        self.0.iter().map(line).collect()
    }
}
