//! Compiles a program of the suite, has it run, and says what differs from what it promises.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use cop_bytecode::encode;
use cop_compiler::compile::compile;
use cop_compiler::diagnostic::{Diagnostic, Severity};
use cop_compiler::package::{Package, PackageError};
use cop_compiler::render;
use cop_compiler::source::{SourceError, SourceMap, Sources};
use coputer::publish::options;

use crate::engines;
use crate::outcomes::Figures;
use crate::runs::Runs;
use crate::section::{Said, Section};

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

    /// The files of the program in a folder of its name.
    fn package(&self, _: &str, wanted: &str) -> Result<Package, PackageError> {
        let prefix = format!("{wanted}/");
        let within =
            |path: &str| Some(path.strip_prefix(&prefix)?.strip_suffix(".cop")?.to_owned());
        let files = self.own.iter();
        let offers: Vec<String> = files.filter_map(|(path, _)| within(path)).collect();
        if offers.is_empty() {
            return Err(PackageError::NotNamed(Vec::new()));
        }
        let name = wanted.to_owned();
        Ok(Package {
            prefix,
            name,
            offers,
        })
    }
}

/// What is wrong with a program, in words, which are none if nothing is; and what its runs came to. `folder` is where its
/// neighbours are.
pub fn check(section: &Section, folder: &Path) -> (String, Figures) {
    let files = Files {
        own: &section.files,
        folder,
    };
    let mut figures = Figures::default();
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
        return (wrong, figures);
    };
    if !section.diagnostics.is_empty() && section.entries.is_empty() {
        return (wrong, figures);
    }
    // As a node does it: what runs is what was encoded.
    let bytes = encode(&compiled.package).expect("a package within its limits");
    let package = cop_bytecode::decode(&bytes.interface, &bytes.code).expect("it was just encoded");
    let mut programs = Vec::new();
    for engine in engines::ALL {
        match (engine.load)(&package) {
            Ok(program) => programs.push((engine.name, program)),
            Err(refusal) => {
                let _ = writeln!(wrong, "{}: not accepted: {refusal}", engine.name);
                return (wrong, figures);
            }
        }
    }
    for entry in &section.entries {
        let runs = Runs {
            section,
            entry,
            compiled,
            programs: &programs,
        };
        runs.check(&mut wrong, &mut figures);
    }
    (wrong, figures)
}

/// Only what is wrong.
pub fn problems(section: &Section, folder: &Path) -> String {
    check(section, folder).0
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
            // What is meant to trap is often seen to do so.
            None if diagnostic.code == "W0402" && section.traps_in(line) => {}
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
