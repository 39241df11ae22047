//! `copc check --fix`: the edits that messages offer, written into the files.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cop_compiler::diagnostic::Severity;
use cop_compiler::fix;
use coputer::packages;
use coputer::project::Project;
use coputer::publish::{BuildError, checked};
use coputer::report::Report;

use crate::ended::Complaint;
use crate::say;

/// One edit may show what another one mends; nothing needs more rounds than this.
const ROUNDS: usize = 10;

/// Applies the edits that are offered for files of this machine, until there are no more, or until they do not help.
pub fn mend(path: &Path, from: &packages::Options) -> Result<(), Complaint> {
    let mut changed: BTreeSet<String> = BTreeSet::new();
    let mut before = told(path, from)?;
    for _ in 0..ROUNDS {
        let written = write(&before)?;
        if written.is_empty() {
            break;
        }
        let after = told(path, from)?;
        if wrong(&after) > wrong(&before) {
            for (file, old) in &written {
                save(file, old)?;
            }
            break;
        }
        changed.extend(written.into_iter().map(|(file, _)| file));
        before = after;
    }
    for file in &changed {
        say::err(&format!("{} {file}\n", say::green("mended:")));
    }
    Ok(())
}

/// What the compiler says of the program as it is now.
fn told(path: &Path, from: &packages::Options) -> Result<Report, Complaint> {
    match checked(&Project::at(path)?, from) {
        Ok(built) => Ok(built.report),
        Err(BuildError::Source(report)) => Ok(report),
        Err(other) => Err(other.into()),
    }
}

/// How many errors there are in letters and syntax, and in all. Where there are fewer of the former, more is looked at, and
/// there may be more of the latter.
fn wrong(report: &Report) -> (usize, usize) {
    let all = report.diagnostics.iter();
    let errors: Vec<&str> = all
        .filter(|one| one.severity == Severity::Error)
        .map(|one| one.code)
        .collect();
    let syntax = |code: &&&str| code.starts_with("E01") || code.starts_with("E02");
    (errors.iter().filter(syntax).count(), errors.len())
}

/// Writes the files for which edits are offered, and gives them with what they held. What is not a file here, or
/// holds something else by now, is left alone.
fn write(report: &Report) -> Result<Vec<(String, String)>, Complaint> {
    let mut written = Vec::new();
    for (id, file) in report.files.files() {
        let (text, count) = fix::apply(id, &file.text, &report.diagnostics);
        let is_there = || fs::read_to_string(&*file.path).is_ok_and(|now| now == *file.text);
        if count > 0 && is_there() {
            save(&file.path, &text)?;
            written.push((file.path.to_string(), file.text.to_string()));
        }
    }
    Ok(written)
}

fn save(path: &str, text: &str) -> Result<(), Complaint> {
    fs::write(path, text)
        .map_err(|cause| Complaint::Failed(format!("cannot write {path}: {cause}")))
}
