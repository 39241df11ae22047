//! `copc check`: what the compiler says of a program.

use coputer::packages;
use coputer::project::Project;
use coputer::publish::{Built, build, checked};
use serde_json::json;

use crate::arguments::CheckOptions;
use crate::ended::{Complaint, Ended, diagnostics, print};
use crate::mend::mend;
use crate::say;
use crate::subject::{is_bundle, read};
use crate::tell;
use crate::watch::{self, Watch};

/// Checks a program, and says what it is and may touch.
pub fn check(options: &CheckOptions) -> Result<Ended, Complaint> {
    if options.watch {
        return watch::for_ever(|watch| once(options, watch));
    }
    once(options, &Watch::default())
}

fn once(options: &CheckOptions, watch: &Watch) -> Result<Ended, Complaint> {
    watch.note_project(&options.path);
    let from = options.packages.with(options.node.url.as_deref(), None);
    if is_bundle(&options.path) {
        return rebuild(options, from);
    }
    if options.fix {
        mend(&options.path, &from)?;
    }
    let project = Project::at(&options.path)?;
    // With its tests, which are no part of the bundle.
    let checked = checked(&project, &from);
    watch.note_files(&project);
    let Built { bundle, report } = checked?;
    let manifest = bundle.manifest();
    if options.json {
        print(&json!({
            "ok": true,
            "name": manifest.name.as_str(),
            "kind": manifest.kind.as_str(),
            "capabilities": manifest.capabilities,
            "diagnostics": diagnostics(&report),
        }));
    } else {
        tell::warnings(&report);
        say::out(&format!(
            "{} {} is a {}{}\n",
            say::green("ok:"),
            manifest.name,
            tell::kind(manifest.kind),
            tell::capabilities(&manifest.capabilities),
        ));
    }
    Ok(Ended::Well)
}

/// Builds a bundle again from the sources in it and from the bundles that its lock file names, and compares.
fn rebuild(options: &CheckOptions, mut from: packages::Options) -> Result<Ended, Complaint> {
    let bundle = read(&options.path)?;
    // What it was made of stands in it.
    from.locked = true;
    let again = build(&Project::of_bundle(&bundle)?, &from)?.bundle;
    let manifest = bundle.manifest();
    let is_same = again.hash() == bundle.hash();
    let differing = || {
        let files = bundle.files().filter(|(path, hash, _)| {
            let mut others = again.files();
            !others.any(|(other, found, _)| other == *path && found == *hash)
        });
        let paths: Vec<&str> = files.map(|(path, ..)| path).collect();
        let compiler = match manifest.compiler == again.manifest().compiler {
            true => String::new(),
            false => format!(
                "; it was made by {}, this is {}",
                manifest.compiler,
                again.manifest().compiler
            ),
        };
        format!(
            "its sources give another bundle, {}: {} differ{compiler}",
            again.hash(),
            paths.join(", ")
        )
    };
    match (is_same, options.json) {
        (true, true) => print(&json!({
            "ok": true,
            "name": manifest.name.as_str(),
            "kind": manifest.kind.as_str(),
            "capabilities": manifest.capabilities,
            "bundle": bundle.hash().to_string(),
            "diagnostics": [],
        })),
        (true, false) => say::out(&format!(
            "{} {} is a {}{}, and its sources give this very bundle, {}\n",
            say::green("ok:"),
            manifest.name,
            tell::kind(manifest.kind),
            tell::capabilities(&manifest.capabilities),
            bundle.hash(),
        )),
        (false, _) => return Err(Complaint::Failed(differing())),
    }
    Ok(Ended::Well)
}
