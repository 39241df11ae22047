//! The file of `copc cost --baseline`: what each run costs, one line each, to be kept in version control.
//!
//! ```text
//! # Made by copc cost: fuel, bytes of memory, run. Keep it in version control; --accept writes it anew.
//! 1234 8192 main to be
//! 567 4096 test "adds"
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use crate::ended::Complaint;
use crate::say;

const HEAD: &str = "# Made by copc cost: fuel, bytes of memory, run. Keep it in version control; --accept writes it anew.\n";
/// Largest file that is read, bytes.
const BYTES_MAX: u64 = 16 << 20;

/// What a run costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// Fuel.
    pub fuel: u64,
    /// Memory at its peak.
    pub memory_bytes: u64,
}

/// What runs cost when the file was written, by their names.
#[derive(PartialEq, Eq, Debug)]
pub struct Baseline {
    costs: BTreeMap<String, Cost>,
    shown: String,
}

/// How runs differ from the file.
#[derive(Default, PartialEq, Eq, Debug)]
pub struct Found {
    /// What is a failure: more than before, or not in the file, or in the file alone.
    pub grown: Vec<String>,
    /// What is cheaper than before.
    pub remarks: Vec<String>,
}

impl Baseline {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Baseline, Complaint> {
        let shown = path.display().to_string();
        let failed = |why: String| Complaint::Failed(format!("cannot use {shown}: {why}"));
        let size = match std::fs::metadata(path) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                return Err(failed("it is not there; --accept writes it".to_owned()));
            }
            Err(cause) => return Err(failed(cause.to_string())),
            Ok(file) => file.len(),
        };
        if size > BYTES_MAX {
            return Err(failed(format!(
                "it has {size} bytes, at most {BYTES_MAX} are read"
            )));
        }
        let text = std::fs::read_to_string(path).map_err(|cause| failed(cause.to_string()))?;
        Baseline::parse(&text, &shown)
            .map_err(|(line, why)| failed(format!("line {line}: {why}; --accept writes it anew")))
    }

    /// Reads its text; the error is the line and what is wrong with it.
    fn parse(text: &str, shown: &str) -> Result<Baseline, (usize, &'static str)> {
        let mut costs = BTreeMap::new();
        for (at, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |why| (at + 1, why);
            let mut parts = line.splitn(3, ' ');
            let mut number = || parts.next()?.parse().ok();
            let (Some(fuel), Some(memory_bytes)) = (number(), number()) else {
                return Err(wrong(
                    "it does not begin with two numbers, fuel and bytes of memory",
                ));
            };
            let Some(name) = parts.next().filter(|name| !name.is_empty()) else {
                return Err(wrong("it does not say of which run"));
            };
            let cost = Cost { fuel, memory_bytes };
            if costs.insert(name.to_owned(), cost).is_some() {
                return Err(wrong("the run stands in the file twice"));
            }
        }
        Ok(Baseline {
            costs,
            shown: shown.to_owned(),
        })
    }

    /// Writes the file, in the order of names.
    pub fn write(path: &Path, costs: &[(String, Cost)]) -> Result<(), Complaint> {
        std::fs::write(path, text(costs))
            .map_err(|cause| Complaint::Failed(format!("cannot write {}: {cause}", path.display())))
    }

    /// How runs differ from it.
    pub fn compare(&self, costs: &[(String, Cost)]) -> Found {
        let mut found = Found::default();
        let shown = &self.shown;
        for (name, cost) in costs {
            let Some(before) = self.costs.get(name) else {
                found.grown.push(format!(
                    "{name} is not in {shown}; --accept writes what it costs"
                ));
                continue;
            };
            for (what, before, now) in [
                ("fuel", before.fuel, cost.fuel),
                ("bytes of memory", before.memory_bytes, cost.memory_bytes),
            ] {
                let (before_shown, now_shown) = (say::count(before), say::count(now));
                if now > before {
                    found.grown.push(format!(
                        "{name} takes {now_shown} {what}, {} more than the {before_shown} in {shown}{}",
                        say::count(now - before),
                        percent(before, now),
                    ));
                } else if now < before {
                    found.remarks.push(format!(
                        "{name} takes {now_shown} {what}, {} less than the {before_shown} in {shown}; --accept keeps that",
                        say::count(before - now),
                    ));
                }
            }
        }
        for name in self.costs.keys() {
            if !costs.iter().any(|(known, _)| known == name) {
                found.grown.push(format!(
                    "{name} is in {shown}, but is not run; --accept takes it out"
                ));
            }
        }
        found
    }
}

/// ` (+12.3 %)`, if there was something before.
fn percent(before: u64, now: u64) -> String {
    if before == 0 {
        return String::new();
    }
    let tenths = u128::from(now - before) * 1000 / u128::from(before);
    format!(" (+{}.{} %)", tenths / 10, tenths % 10)
}

fn text(costs: &[(String, Cost)]) -> String {
    let sorted: BTreeMap<&str, Cost> = costs
        .iter()
        .map(|(name, cost)| (name.as_str(), *cost))
        .collect();
    let mut text = HEAD.to_owned();
    for (name, cost) in sorted {
        // Writing into a text cannot fail.
        let _ = writeln!(text, "{} {} {name}", cost.fuel, cost.memory_bytes);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(name: &str, fuel: u64, memory_bytes: u64) -> (String, Cost) {
        (name.to_owned(), Cost { fuel, memory_bytes })
    }

    #[test]
    fn what_is_written_is_read_again() {
        let costs = [cost("test \"b c\"", 12, 4096), cost("main", 7, 0)];
        let written = text(&costs);
        assert_eq!(
            written.lines().skip(1).collect::<Vec<_>>(),
            ["7 0 main", "12 4096 test \"b c\""]
        );
        let read = Baseline::parse(&written, "cost.txt").unwrap();
        assert_eq!(read.compare(&costs), Found::default());
    }

    #[test]
    fn growth_is_told_with_the_run() {
        let before = Baseline::parse("100 4096 main\n5 0 gone\n9 9 less\n", "f").unwrap();
        let now = [
            cost("main", 112, 4096),
            cost("less", 9, 8),
            cost("new", 1, 1),
        ];
        assert_eq!(
            before.compare(&now),
            Found {
                grown: vec![
                    "main takes 112 fuel, 12 more than the 100 in f (+12.0 %)".into(),
                    "new is not in f; --accept writes what it costs".into(),
                    "gone is in f, but is not run; --accept takes it out".into(),
                ],
                remarks: vec![
                    "less takes 8 bytes of memory, 1 less than the 9 in f; --accept keeps that"
                        .into()
                ],
            }
        );
    }

    #[test]
    fn other_texts_are_refused_with_their_line() {
        for (text, line) in [
            ("x", 1),
            ("# a\n\n1 2", 3),
            ("1 2 ", 1),
            ("1 -2 main", 1),
            ("1 2 main\n3 4 main", 2),
            ("99999999999999999999 1 main", 1),
        ] {
            let refused = Baseline::parse(text, "f").unwrap_err();
            assert_eq!(refused.0, line, "{text:?}");
        }
    }
}
