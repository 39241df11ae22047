//! What was spent, told to people and tools.

use std::cmp::Reverse;
use std::fmt::Write;

use serde_json::{Value, json};

use super::tally::{Function, Spent, Taken, Tally};
use crate::ended::Complaint;
use crate::measure::Measuring;
use crate::say;

/// Functions, then lines, the most fuel first.
pub fn tables(tally: &Tally, measuring: &Measuring, title: &str, top: usize) -> String {
    let all = tally.all.fuel;
    let mut text = format!(
        "{title}: {} fuel, {} bytes copied\n\n",
        say::count(all),
        say::count(tally.all.copied)
    );
    let share = |fuel: u64| share(fuel, all);
    let rows: Vec<Vec<String>> = functions(tally)
        .into_iter()
        .map(|(function, taken)| {
            vec![
                say::count(taken.itself.fuel),
                share(taken.itself.fuel),
                say::count(taken.total.fuel),
                share(taken.total.fuel),
                say::count(taken.itself.copied),
                format!("{}  {}", function.name, function.file),
            ]
        })
        .collect();
    let heads = ["self", "", "total", "", "copied", "function"];
    table(&mut text, &heads, &rows, top, "functions");
    text.push('\n');
    let rows: Vec<Vec<String>> = lines(tally)
        .into_iter()
        .map(|((file, line), taken)| {
            vec![
                say::count(taken.itself.fuel),
                share(taken.itself.fuel),
                say::count(taken.total.fuel),
                share(taken.total.fuel),
                say::count(taken.itself.copied),
                say::count(taken.times),
                format!("{file}:{line}  {}", source(measuring, file, *line))
                    .trim_end()
                    .to_owned(),
            ]
        })
        .collect();
    let heads = ["self", "", "total", "", "copied", "times", "line"];
    table(&mut text, &heads, &rows, top, "lines");
    text
}

/// The source of a file, with what each line takes.
pub fn annotated(tally: &Tally, measuring: &Measuring, file: &str) -> Result<String, Complaint> {
    let files = || measuring.report.files.files().map(|(_, known)| known);
    let asked = file.trim_start_matches("./");
    let found = files()
        .find(|known| &*known.path == asked || measuring.project.shown(&known.path) == asked);
    // A file is found by the end of its path, if that is clear.
    let mut ending = files().filter(|known| known.path.ends_with(&format!("/{asked}")));
    let found = match (found, ending.next(), ending.next()) {
        (Some(found), _, _) | (None, Some(found), None) => found,
        _ => {
            let mut names: Vec<&str> = files().map(|known| &*known.path).collect();
            names.sort_unstable();
            return Err(Complaint::Failed(format!(
                "the program is not made of `{file}`; it is made of {}",
                names.join(", ")
            )));
        }
    };
    let heads = ["self", "", "total", "copied", "times", "source"];
    let mut rows = Vec::new();
    for (at, source) in found.text.lines().enumerate() {
        let number = at as u32 + 1;
        let taken = tally.lines.get(&(found.path.to_string(), number));
        let mut row = match taken {
            None => vec![String::new(); 5],
            Some(taken) => vec![
                say::count(taken.itself.fuel),
                share(taken.itself.fuel, tally.all.fuel),
                say::count(taken.total.fuel),
                match taken.itself.copied {
                    0 => String::new(),
                    copied => say::count(copied),
                },
                say::count(taken.times),
            ],
        };
        row.push(format!("{number:>4} | {source}").trim_end().to_owned());
        rows.push(row);
    }
    let mut text = format!(
        "{}: {} of {} fuel\n\n",
        found.path,
        say::count(
            tally
                .lines
                .iter()
                .filter(|((file, _), _)| *file == *found.path)
                .map(|(_, taken)| taken.itself.fuel)
                .sum()
        ),
        say::count(tally.all.fuel)
    );
    table(&mut text, &heads, &rows, usize::MAX, "lines");
    Ok(text)
}

/// For tools: everything, with the stacks as `flamegraph` and its like read them.
pub fn json(tally: &Tally) -> Value {
    let spent = |taken: &Taken| {
        json!({
            "self_fuel": taken.itself.fuel,
            "total_fuel": taken.total.fuel,
            "self_copied_bytes": taken.itself.copied,
            "total_copied_bytes": taken.total.copied,
        })
    };
    let functions: Vec<Value> = functions(tally)
        .into_iter()
        .map(|(function, taken)| {
            let mut row = spent(taken);
            row["name"] = json!(function.name);
            row["file"] = json!(function.file);
            row
        })
        .collect();
    let lines: Vec<Value> = tally
        .lines
        .iter()
        .map(|((file, line), taken)| {
            let mut row = spent(taken);
            row["file"] = json!(file);
            row["line"] = json!(line);
            row["times"] = json!(taken.times);
            row
        })
        .collect();
    let stacks: Vec<Value> = (0..tally.frames.len())
        .filter(|at| tally.frames[*at].itself != Spent::default())
        .map(|at| {
            let mut names = Vec::new();
            let mut next = Some(at);
            while let Some(at) = next {
                let frame = &tally.frames[at];
                names.push(tally.functions[frame.function].0.name.as_str());
                next = frame.caller;
            }
            names.reverse();
            let itself = tally.frames[at].itself;
            json!({ "stack": names.join(";"), "fuel": itself.fuel, "copied_bytes": itself.copied })
        })
        .collect();
    json!({
        "fuel": tally.all.fuel,
        "copied_bytes": tally.all.copied,
        "functions": functions,
        "lines": lines,
        "stacks": stacks,
    })
}

/// Functions, the most fuel of their own first.
fn functions(tally: &Tally) -> Vec<(&Function, &Taken)> {
    let mut rows: Vec<_> = tally
        .functions
        .iter()
        .map(|(function, taken)| (function, taken))
        .collect();
    rows.sort_by_key(|(function, taken)| {
        (
            Reverse((taken.itself.fuel, taken.total.fuel)),
            (*function).clone(),
        )
    });
    rows
}

/// Lines that took something themselves, the most fuel first.
fn lines(tally: &Tally) -> Vec<(&(String, u32), &Taken)> {
    let mut rows: Vec<_> = tally
        .lines
        .iter()
        .filter(|(_, taken)| taken.itself != Spent::default())
        .collect();
    rows.sort_by_key(|(_, taken)| Reverse((taken.itself.fuel, taken.itself.copied)));
    rows
}

/// The text of a line of the program; of the library's there is none at hand.
fn source(measuring: &Measuring, file: &str, line: u32) -> String {
    let mut files = measuring.report.files.files();
    let known = files.find(|(_, known)| &*known.path == file);
    let text = known.and_then(|(_, known)| known.text.lines().nth(line as usize - 1));
    text.unwrap_or_default().trim().to_owned()
}

/// `12.3%`.
fn share(fuel: u64, all: u64) -> String {
    let tenths = match all {
        0 => 0,
        _ => u128::from(fuel) * 1000 / u128::from(all),
    };
    format!("{}.{}%", tenths / 10, tenths % 10)
}

/// Columns to the right, but for the last.
fn table(text: &mut String, heads: &[&str], rows: &[Vec<String>], top: usize, what: &str) {
    let shown = &rows[..rows.len().min(top)];
    let last = heads.len() - 1;
    let width = |column: usize| {
        let cells = shown.iter().map(|row| row[column].len());
        cells.chain([heads[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..last).map(width).collect();
    let mut line = |cells: &[String]| {
        let mut line = String::new();
        for (cell, width) in cells[..last].iter().zip(&widths) {
            let _ = write!(line, "{cell:>width$}  ");
        }
        line.push_str(&cells[last]);
        text.push_str(line.trim_end());
        text.push('\n');
    };
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    line(&heads);
    for row in shown {
        line(row);
    }
    if rows.len() > shown.len() {
        let _ = writeln!(
            text,
            "… and {} more {what}; --top shows more",
            rows.len() - shown.len()
        );
    }
}
