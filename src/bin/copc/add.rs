//! `copc add`: one more dependency in `cop.toml`, whose other lines stay as they are.

use std::path::Path;

use cop_compiler::manifest::{self, Target};
use cop_compiler::package::{Published, Which, begins_with_address, is_name};
use cop_compiler::source::FileId;
use cop_runtime::{Address, ProgramName};
use coputer::files::write_whole;
use coputer::packages::fetch::Fetcher;
use coputer::packages::{Options, Packages};
use coputer::project::{Project, ROOT, SETTINGS};
use coputer::publish;

use crate::arguments::{AddOptions, PackageOptions};
use crate::ended::{Complaint, Ended};
use crate::say;

/// Adds a dependency, gets it, and keeps the lock file. If it cannot be had, nothing changes.
pub fn add(options: &AddOptions) -> Result<Ended, Complaint> {
    let packages = PackageOptions {
        locked: false,
        offline: options.offline,
    };
    let from = packages.with(options.node.url.as_deref(), None);
    let project = Project::at(&options.to)?;
    let path = options.to.join(SETTINGS);
    let old = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && options.to.is_dir() => {
            format!("name = \"{}\"\n", project.name)
        }
        Err(cause) => {
            return Err(Complaint::Failed(format!(
                "cannot read {}: {cause}; a single file has no dependencies, but can import \"ADDRESS/NAME@1\" itself",
                path.display()
            )));
        }
    };
    let (name, value) = named(options, &from)?;
    let name = options.name.clone().unwrap_or(name);
    if !is_name(&name) {
        return Err(Complaint::Usage(format!(
            "`{name}` cannot name a dependency; choose a name with --name: 1 to 20 of a-z, 0-9 and single hyphens"
        )));
    }
    let new = edited(&old, &name, &value).map_err(|why| {
        Complaint::Failed(format!(
            "cannot edit {}: {why}; add this line below [dependencies] yourself: {name} = \"{value}\"",
            path.display()
        ))
    })?;
    write(&path, &new)?;
    if let Err(complaint) = settle(&options.to, &from) {
        write(&path, &old)?;
        return Err(complaint);
    }
    say::out(&format!(
        "{} {} has the dependency\n\n  {}\n\nIts items are imported by that name: import {name} from \"{name}\"\n",
        say::green("ok:"),
        path.display(),
        say::bold(&format!("{name} = \"{value}\"")),
    ));
    Ok(Ended::Well)
}

fn write(path: &Path, text: &str) -> Result<(), Complaint> {
    write_whole(path, text.as_bytes())
        .map_err(|cause| Complaint::Failed(format!("cannot write {}: {cause}", path.display())))
}

/// Gets the dependencies of a project. Its source may have errors; that is for `copc check` to say.
fn settle(folder: &Path, from: &Options) -> Result<(), Complaint> {
    let project = Project::at(folder)?;
    let packages = Packages::open(&project, from).map_err(publish::BuildError::Source)?;
    packages
        .finish(false)
        .map_err(publish::BuildError::Source)?;
    Ok(())
}

/// The usual name of what is to be added, and how the manifest calls it.
fn named(options: &AddOptions, from: &Options) -> Result<(String, String), Complaint> {
    let asked = options.package.as_str();
    let usage = |what: String, help: &str| Complaint::Usage(format!("{what}; {help}"));
    if !begins_with_address(asked) {
        let folder = options.to.join(asked);
        if !folder.join(ROOT).is_file() {
            return Err(usage(
                format!("{} has no {ROOT}", folder.display()),
                "name a package's folder, such as ../shapes, or what was published: ADDRESS/NAME@1",
            ));
        }
        let name = Project::at(&folder)?.name.to_string();
        let relative = asked.starts_with("./") || asked.starts_with("../");
        let value = match relative {
            true => asked.trim_end_matches('/').to_owned(),
            false => format!("./{}", asked.trim_end_matches('/')),
        };
        return Ok((name, value));
    }
    // Without a number, the newest.
    if !asked.contains(['@', '#']) {
        let (address, name) = asked.split_once('/').unwrap_or((asked, ""));
        let address: Address = address.parse().map_err(|error| {
            usage(
                format!("`{address}` is no address: {error}"),
                "copy it again, `cop1` and all",
            )
        })?;
        let name: ProgramName = name.parse().map_err(|error| {
            usage(
                format!("`{name}` cannot name a package: {error}"),
                "write ADDRESS/NAME@1",
            )
        })?;
        let newest = Fetcher::new(&from.fetch).newest_release(&address, &name);
        let newest = newest.map_err(|error| Complaint::Failed(error.to_string()))?;
        let published = Published {
            address: address.to_string(),
            name: name.to_string(),
            which: Which::Release(newest.release().number),
        };
        return Ok((name.to_string(), published.to_string()));
    }
    match Published::read(asked) {
        Ok((published, "")) => Ok((published.name.clone(), published.to_string())),
        Ok((_, file)) => Err(usage(
            format!("`{file}` names a file of the package"),
            "add the whole package, and name the file where you import it",
        )),
        Err((what, help)) => Err(usage(what, &help)),
    }
}

/// The manifest with one more dependency, or another value for one that is there.
fn edited(text: &str, name: &str, value: &str) -> Result<String, &'static str> {
    let mut ignored = cop_compiler::diagnostic::Diagnostics::new();
    let read = manifest::parse(FileId(0), text, &mut ignored);
    let known = read.as_ref().and_then(|read| {
        let mut all = read.dependencies.iter();
        all.find(|one| one.name == name)
    });
    let line = format!("{name} = \"{value}\"\n");
    let new = if let Some(known) = known {
        let place = known.span.range();
        format!("{}\"{value}\"{}", &text[..place.start], &text[place.end..])
    } else if let Some(end) = end_of_table(text) {
        let (before, behind) = text.split_at(end);
        let line_break = if before.ends_with('\n') { "" } else { "\n" };
        format!("{before}{line_break}{line}{behind}")
    } else {
        let text = text.trim_end();
        let gap = if text.is_empty() { "" } else { "\n\n" };
        format!("{text}{gap}[dependencies]\n{line}")
    };
    // Whatever the manifest looked like: what is written must say what was asked for.
    let mut found = cop_compiler::diagnostic::Diagnostics::new();
    let read = manifest::parse(FileId(0), &new, &mut found).ok_or("it would not be a manifest")?;
    let says = read.dependencies.iter().any(|one| {
        let target = match &one.target {
            Target::Path(path) => path.clone(),
            Target::Published(published) => published.to_string(),
        };
        one.name == name && target == value
    });
    if says && !found.has_errors() {
        Ok(new)
    } else {
        Err("it is written in a way that copc add does not know")
    }
}

/// Where the last line of `[dependencies]` ends.
fn end_of_table(text: &str) -> Option<usize> {
    let mut within = false;
    let mut end = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        at += line.len();
        let bare = line.split('#').next().unwrap_or("").trim();
        if bare.starts_with('[') {
            within = bare.trim_start_matches('[').trim_end_matches(']').trim() == "dependencies";
        }
        if within && !line.trim().is_empty() {
            end = Some(at);
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_keeps_its_other_lines() {
        for (old, new) in [
            (
                "name = \"a\"",
                "name = \"a\"\n\n[dependencies]\nb = \"../b\"\n",
            ),
            (
                "name = \"a\" # mine\n\n[dependencies] # all of them\n# the first\nc = \"../c\"\n\n",
                "name = \"a\" # mine\n\n[dependencies] # all of them\n# the first\nc = \"../c\"\nb = \"../b\"\n\n",
            ),
            (
                "name = \"a\"\n[dependencies]\nb = \"../old\" # why\nc = \"../c\"",
                "name = \"a\"\n[dependencies]\nb = \"../b\" # why\nc = \"../c\"",
            ),
            (
                "name = \"a\"\n[dependencies]",
                "name = \"a\"\n[dependencies]\nb = \"../b\"\n",
            ),
            (
                "dependencies = { b = \"../old\" }\nname = \"a\"\n",
                "dependencies = { b = \"../b\" }\nname = \"a\"\n",
            ),
        ] {
            assert_eq!(edited(old, "b", "../b").as_deref(), Ok(new));
        }
        for odd in ["name = \"a\"\ndependencies = {}\n", "name = ", ""] {
            assert!(edited(odd, "b", "../b").is_err(), "{odd}");
        }
    }
}
