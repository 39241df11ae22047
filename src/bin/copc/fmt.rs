//! `copc fmt`: source as all cop source looks.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cop_compiler::format::{FormatError, format};
use cop_compiler::render;
use coputer::files;

use crate::arguments::FmtOptions;
use crate::differ;
use crate::ended::{Complaint, Ended};
use crate::say;

/// Formats files, or says what would be changed.
pub fn fmt(options: &FmtOptions) -> Result<Ended, Complaint> {
    let is_input = |path: &PathBuf| path.as_os_str() == "-";
    if options.paths.iter().any(is_input) {
        if options.paths.len() > 1 {
            return Err(Complaint::Usage(
                "- is standard input, and stands alone".to_owned(),
            ));
        }
        return from_input(options.check);
    }
    let mut paths = BTreeSet::new();
    for path in &options.paths {
        find(path, true, &mut paths)?;
    }
    let mut counts = Counts::default();
    for path in &paths {
        one(path, options.check, &mut counts)?;
    }
    counts.tell(paths.len(), options.check);
    let is_well = counts.wrong == 0 && !(options.check && counts.changed > 0);
    Ok(if is_well { Ended::Well } else { Ended::Badly })
}

/// What came of the files.
#[derive(Default)]
struct Counts {
    changed: usize,
    wrong: usize,
}

impl Counts {
    fn tell(&self, all: usize, is_check: bool) {
        let files = |count: usize| match count {
            1 => "1 file".to_owned(),
            _ => format!("{count} files"),
        };
        let changed = files(self.changed);
        say::err(&match (self.changed, is_check) {
            (0, _) if self.wrong > 0 => String::new(),
            (0, _) => format!("{} {} in form\n", say::green("ok:"), files(all)),
            (_, true) => format!(
                "{} {changed} not in form; `copc fmt` changes that\n",
                say::bold_red("failed:")
            ),
            (_, false) => format!("{} {changed} changed\n", say::green("ok:")),
        });
    }
}

/// Standard input to standard output.
fn from_input(is_check: bool) -> Result<Ended, Complaint> {
    let mut text = String::new();
    io::stdin()
        .read_to_string(&mut text)
        .map_err(|cause| Complaint::Failed(format!("cannot read standard input: {cause}")))?;
    match format("standard input", &text) {
        Ok(formatted) if is_check => Ok(if formatted == text {
            Ended::Well
        } else {
            Ended::Badly
        }),
        Ok(formatted) => {
            say::out_raw(formatted.as_bytes());
            Ok(Ended::Well)
        }
        Err(error) => {
            tell(Path::new("standard input"), &error);
            Ok(Ended::Badly)
        }
    }
}

/// All source files at a path.
fn find(path: &Path, is_named: bool, found: &mut BTreeSet<PathBuf>) -> Result<(), Complaint> {
    let failed =
        |cause: io::Error| Complaint::Failed(format!("cannot read {}: {cause}", path.display()));
    if fs::metadata(path).map_err(failed)?.is_dir() {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("");
        if !is_named && (name.starts_with('.') || name == "build" || name == "target") {
            return Ok(());
        }
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // A link may lead round in a ring.
            let is_link = entry.file_type().map_err(failed)?.is_symlink();
            let path = entry.path();
            let own = path.strip_prefix(".").unwrap_or(&path);
            if !is_link {
                find(own, false, found)?;
            }
        }
    } else if path.extension().is_some_and(|extension| extension == "cop") {
        found.insert(path.to_owned());
    } else if is_named {
        return Err(Complaint::Failed(format!(
            "{} is not a .cop file",
            path.display()
        )));
    }
    Ok(())
}

fn one(path: &Path, is_check: bool, counts: &mut Counts) -> Result<(), Complaint> {
    let bytes = fs::read(path)
        .map_err(|cause| Complaint::Failed(format!("cannot read {}: {cause}", path.display())))?;
    let Ok(text) = String::from_utf8(bytes) else {
        counts.wrong += 1;
        say::error(&format!("{} is not UTF-8", path.display()));
        return Ok(());
    };
    match format(&path.display().to_string(), &text) {
        Ok(formatted) if formatted == text => {}
        Ok(formatted) => {
            counts.changed += 1;
            say::out(&format!("{}\n", say::bold(&path.display().to_string())));
            if is_check {
                for line in differ::lines(&text, &formatted) {
                    say::out(&format!("{}\n", say::difference(&line)));
                }
            } else {
                let written = fs::metadata(path).and_then(|known| {
                    files::write_whole(path, formatted.as_bytes())?;
                    fs::set_permissions(path, known.permissions())
                });
                written.map_err(|cause| {
                    Complaint::Failed(format!("cannot write {}: {cause}", path.display()))
                })?;
            }
        }
        Err(error) => {
            counts.wrong += 1;
            tell(path, &error);
        }
    }
    Ok(())
}

fn tell(path: &Path, error: &FormatError) {
    match error {
        FormatError::Tokens(diagnostics, files) => {
            say::err(&render::text(diagnostics, files, say::look()))
        }
        FormatError::Defect(at) => say::error(&format!(
            "{} stays as it is: formatting would change its meaning at byte {at}; this is a defect of copc, please report it",
            path.display()
        )),
    }
}
