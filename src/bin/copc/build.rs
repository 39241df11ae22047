//! `copc build`: a program's bundle as a file.

use std::path::{Path, PathBuf};

use coputer::files::write_whole;
use coputer::packages::lock::Locked;
use coputer::project::Project;
use coputer::publish::{Built, build as make};
use serde_json::json;

use crate::arguments::BuildOptions;
use crate::ended::{Complaint, Ended, diagnostics, print};
use crate::say;
use crate::subject::EXTENSION;
use crate::tell;

/// The folder that bundles are written into, and what else is made of a program.
const FOLDER: &str = "build";

/// Builds a program and writes its bundle.
pub fn build(options: &BuildOptions) -> Result<Ended, Complaint> {
    let project = Project::at(&options.path)?;
    let from = options.packages.with(options.node.url.as_deref(), None);
    let built = make(&project, &from)?;
    let packages = built.packages();
    let Built { bundle, report } = built;
    let manifest = bundle.manifest();
    let path = match &options.output {
        Some(path) => path.clone(),
        None => usual_path(&options.path, manifest.name.as_str()),
    };
    let bytes = bundle.encode();
    write_whole(&path, &bytes).map_err(|cause| {
        Complaint::Failed(format!(
            "cannot write the bundle {}: {cause}; --output FILE writes it elsewhere",
            path.display()
        ))
    })?;
    if options.json {
        print(&json!({
            "ok": true,
            "name": manifest.name.as_str(),
            "kind": manifest.kind.as_str(),
            "capabilities": manifest.capabilities,
            "fuel": manifest.fuel,
            "memory_bytes": manifest.memory_bytes,
            "bundle": bundle.hash().to_string(),
            "package": manifest.package.to_string(),
            "file": path.display().to_string(),
            "size_bytes": bytes.len(),
            "packages": packages.entries.iter().map(listed).collect::<Vec<_>>(),
            "diagnostics": diagnostics(&report),
        }));
    } else {
        tell::warnings(&report);
        say::out(&format!(
            "{}  ({}, a {}{})\n",
            say::bold(&path.display().to_string()),
            say::size(bytes.len() as u64),
            tell::kind(manifest.kind),
            tell::capabilities(&manifest.capabilities),
        ));
        say::out(&format!(
            "bundle   {}\npackage  {}\n",
            bundle.hash(),
            manifest.package
        ));
    }
    Ok(Ended::Well)
}

/// A package that the program is made of, for a tool.
fn listed((name, locked): (&String, &Option<Locked>)) -> serde_json::Value {
    json!({
        "name": name,
        "bundle": locked.map(|locked| locked.bundle.to_string()),
        "package": locked.map(|locked| locked.package.to_string()),
    })
}

fn usual_path(project: &Path, name: &str) -> PathBuf {
    made_folder(project).join(format!("{name}.{EXTENSION}"))
}

/// The folder for what is made of a program: in its own; for a single file here.
pub fn made_folder(project: &Path) -> PathBuf {
    match project {
        folder if folder == Path::new(".") || !folder.is_dir() => PathBuf::from(FOLDER),
        folder => folder.join(FOLDER),
    }
}
