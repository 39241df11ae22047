//! `copc remove`: one dependency less in `cop.toml`, whose other lines stay as they are.

use std::path::Path;

use cop_compiler::diagnostic::Diagnostics;
use cop_compiler::manifest::{self, Dependency};
use cop_compiler::source::FileId;
use coputer::files::write_whole;
use coputer::project::{Project, SETTINGS};
use coputer::publish::{BuildError, checked};

use crate::arguments::{PackageOptions, RemoveOptions};
use crate::ended::{Complaint, Ended};
use crate::say;

/// Removes a dependency, and what nothing uses any more from the lock file.
pub fn remove(options: &RemoveOptions) -> Result<Ended, Complaint> {
    let path = options.from.join(SETTINGS);
    let old = std::fs::read_to_string(&path)
        .map_err(|cause| Complaint::Failed(format!("cannot read {}: {cause}", path.display())))?;
    let new = without(&old, &options.name)
        .map_err(|why| Complaint::Failed(format!("cannot edit {}: {why}", path.display())))?;
    write_whole(&path, new.as_bytes())
        .map_err(|cause| Complaint::Failed(format!("cannot write {}: {cause}", path.display())))?;
    say::out(&format!(
        "{} {} has the dependency `{}` no more\n",
        say::green("ok:"),
        path.display(),
        options.name
    ));
    settle(&options.from, options)?;
    Ok(Ended::Well)
}

/// Keeps the lock file, which is done when the program compiles without the dependency.
fn settle(folder: &Path, options: &RemoveOptions) -> Result<(), Complaint> {
    let packages = PackageOptions {
        locked: false,
        offline: options.offline,
    };
    let from = packages.with(options.node.url.as_deref(), None);
    match checked(&Project::at(folder)?, &from) {
        Err(BuildError::Source(report)) => {
            let lost = report.diagnostics.iter().any(|one| one.code == "E0804");
            say::note(match lost {
                true => "the source still imports it; `copc check` lists where",
                false => {
                    "the source has errors, so cop.lock stays as it is until `copc check` finds none"
                }
            });
            Ok(())
        }
        // What else is wrong was so before.
        _ => Ok(()),
    }
}

/// The manifest without a dependency.
fn without(text: &str, name: &str) -> Result<String, String> {
    let read = |text: &str| -> Option<Vec<Dependency>> {
        let mut found = Diagnostics::new();
        let read = manifest::parse(FileId(0), text, &mut found)?;
        (!found.has_errors()).then_some(read.dependencies)
    };
    let before = read(text).ok_or("it has mistakes, which `copc check` shows")?;
    let Some(known) = before.iter().find(|one| one.name == name) else {
        let names: Vec<&str> = before.iter().map(|one| one.name.as_str()).collect();
        return Err(match names.is_empty() {
            true => format!("it has no dependency `{name}`, nor any other"),
            false => format!("it has no dependency `{name}`; it has {}", names.join(", ")),
        });
    };
    let place = known.span.range();
    let start = text[..place.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[place.end..]
        .find('\n')
        .map_or(text.len(), |at| place.end + at + 1);
    let new = format!("{}{}", &text[..start], &text[end..]);
    // Whatever the manifest looked like: what is left must say the same of all others.
    let names = |all: &[Dependency]| -> Vec<(String, String)> {
        let others = all.iter().filter(|one| one.name != name);
        others
            .map(|one| (one.name.clone(), format!("{:?}", one.target)))
            .collect()
    };
    match read(&new) {
        Some(after) if names(&after) == names(&before) && after.len() < before.len() => {
            Ok(tidied(&new))
        }
        _ => Err(format!(
            "it is written in a way that copc remove does not know; take `{name}` out yourself"
        )),
    }
}

/// Without the head of a table of dependencies that has become empty at the end.
fn tidied(text: &str) -> String {
    match text.trim_end().strip_suffix("[dependencies]") {
        Some(before) if before.ends_with('\n') => format!("{}\n", before.trim_end()),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_keeps_its_other_lines() {
        for (old, new) in [
            (
                "name = \"a\"\n\n[dependencies]\nb = \"../b\"\n",
                "name = \"a\"\n",
            ),
            (
                "name = \"a\"\n[dependencies] # all\nb = \"../b\" # why\n# the last\nc = \"../c\"",
                "name = \"a\"\n[dependencies] # all\n# the last\nc = \"../c\"",
            ),
            (
                "[dependencies]\nb = \"../b\"\n\n[other]\n",
                "[dependencies]\n\n[other]\n",
            ),
        ] {
            // The last one has a table that a manifest has not, which is none of its business but refused.
            match old.contains("[other]") {
                true => assert!(without(old, "b").is_err()),
                false => assert_eq!(without(old, "b").as_deref(), Ok(new)),
            }
        }
        for odd in [
            "name = \"a\"\ndependencies = { b = \"../b\", c = \"../c\" }\n",
            "name = \"a\"\n",
            "name = ",
        ] {
            assert!(without(odd, "b").is_err(), "{odd}");
        }
    }
}
