//! What the runs of each program came to, kept in a file, so that they are the same on every machine and in every run, and
//! that a change of the compiler or the library shows what it changed.
//!
//! The file is made, never merged: after a deliberate change, or a rebase, `COP_OUTCOMES=1 cargo test --test language` writes
//! it anew, and its difference belongs to the change. A changed digest means that a program does something else.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use cop_bytecode::Hash;
use cop_runtime::run::RunRecord;

/// What the runs of a program came to, together.
#[derive(Default)]
pub struct Figures {
    runs: u64,
    fuel: u64,
    /// The sum of the peaks.
    memory_bytes: u64,
    /// Ends, logs and writes, in words.
    told: String,
}

impl Figures {
    /// Adds a run.
    pub fn add(&mut self, title: &str, end: &str, record: &RunRecord) {
        self.runs += 1;
        self.fuel += record.fuel_used;
        self.memory_bytes += record.peak_memory_bytes;
        let (log, writes) = (record.log.lines(), &record.writes);
        let _ = writeln!(self.told, "{title}\n{end}\n{log:?}\n{writes:?}");
    }

    /// Adds those of another program.
    pub fn add_all(&mut self, other: &Figures) {
        self.runs += other.runs;
        self.fuel += other.fuel;
        self.memory_bytes += other.memory_bytes;
        self.told.push_str(&other.told);
    }

    /// One line; `None` if nothing ran.
    pub fn line(&self) -> Option<String> {
        let digest = Hash::tagged("cop suite 1", &[self.told.as_bytes()]).to_string();
        (self.runs > 0).then(|| {
            format!(
                "{} runs, fuel {}, memory {}, {}",
                self.runs,
                self.fuel,
                self.memory_bytes,
                &digest[..12]
            )
        })
    }
}

const HEAD: &str = "\
# What the programs of the suite come to: runs, fuel and peak memory (bytes) together, digest of results, traps, logs and writes.
# Made, never merged: `COP_OUTCOMES=1 cargo test --test language` writes it after a deliberate change, or a rebase.
";

/// Holds what programs came to, by name, against a file, or writes it if it is asked to; with `part`, only those that are
/// given are compared.
pub fn compare(file: &Path, lines: &BTreeMap<String, String>, part: bool) {
    if std::env::var_os("COP_OUTCOMES").is_some() && !part {
        let rows = lines.iter().map(|(name, line)| format!("{name}: {line}\n"));
        let text: String = std::iter::once(HEAD.to_owned()).chain(rows).collect();
        return fs::write(file, text).expect("the file can be written");
    }
    let kept = fs::read_to_string(file).unwrap_or_default();
    let kept: BTreeMap<&str, &str> = kept
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(": "))
        .collect();
    let mut wrong = String::new();
    for (name, line) in lines {
        match kept.get(name.as_str()) {
            Some(known) if known == line => {}
            Some(known) => {
                let _ = writeln!(wrong, "{name}\n  - {known}\n  + {line}");
            }
            None => {
                let _ = writeln!(wrong, "{name}\n  + {line}");
            }
        }
    }
    for (name, line) in kept {
        if !part && !lines.contains_key(name) {
            let _ = writeln!(wrong, "{name}\n  - {line}");
        }
    }
    assert!(
        wrong.is_empty(),
        "outcomes differ from {}; if they should, COP_OUTCOMES=1 writes it anew\n{wrong}",
        file.display()
    );
}
