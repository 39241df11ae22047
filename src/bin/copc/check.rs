//! `copc check`: what the compiler says of a program.

use coputer::packages;
use coputer::project::Project;
use coputer::publish::{Built, checked};
use serde_json::json;

use crate::arguments::CheckOptions;
use crate::ended::{Complaint, Ended, diagnostics, print};
use crate::mend::mend;
use crate::rebuild::Rebuilt;
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
        return rebuilt(options, from);
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
fn rebuilt(options: &CheckOptions, from: packages::Options) -> Result<Ended, Complaint> {
    let bundle = read(&options.path)?;
    let rebuilt = Rebuilt::of(&bundle, from)?;
    if !rebuilt.is_same() {
        return Err(Complaint::Failed(rebuilt.differing()));
    }
    let manifest = bundle.manifest();
    match options.json {
        true => print(&json!({
            "ok": true,
            "name": manifest.name.as_str(),
            "kind": manifest.kind.as_str(),
            "capabilities": manifest.capabilities,
            "bundle": bundle.hash().to_string(),
            "diagnostics": [],
        })),
        false => say::out(&format!(
            "{} {} is a {}{}, and its sources give this very bundle, {}\n",
            say::green("ok:"),
            manifest.name,
            tell::kind(manifest.kind),
            tell::capabilities(&manifest.capabilities),
            bundle.hash(),
        )),
    }
    Ok(Ended::Well)
}
