//! `copc check`: what the compiler says of a program.

use coputer::project::Project;
use coputer::publish::{Built, build};
use serde_json::json;

use crate::arguments::CheckOptions;
use crate::ended::{Complaint, Ended, diagnostics, print};
use crate::say;
use crate::tell;
use crate::test;
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
    let project = Project::at(&options.path)?;
    // With its tests, which are no part of the bundle.
    let from = options.packages.with(options.node.url.as_deref(), None);
    let compiled = test::compiled(&project, &from);
    watch.note_files(&project);
    let (report, _) = compiled?;
    let Built { bundle, .. } = build(&project, &from)?;
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
