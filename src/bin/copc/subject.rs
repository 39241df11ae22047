//! What a command works on: a project that it builds, or a bundle as it is.

use std::path::Path;

use cop_runtime::Bundle;
use cop_runtime::bundle::BUNDLE_BYTES_MAX;
use coputer::packages::Options;
use coputer::project::Project;
use coputer::publish::{Built, build};
use coputer::report::Report;

use crate::ended::Complaint;
use crate::watch::Watch;

/// How the names of bundles end.
pub const EXTENSION: &str = "copb";

/// A bundle, and the project that it is from.
pub struct Subject {
    /// The author's project, or the sources in the bundle.
    pub project: Project,
    /// The bundle.
    pub built: Built,
}

impl Subject {
    /// Builds the project at a path, and has its files watched; a bundle is taken as it is.
    pub fn of(path: &Path, from: &Options, watch: &Watch) -> Result<Subject, Complaint> {
        if !is_bundle(path) {
            let project = Project::at(path)?;
            let built = build(&project, from);
            watch.note_files(&project);
            return Ok(Subject {
                project,
                built: built?,
            });
        }
        let bundle = read(path)?;
        let project = Project::of_bundle(&bundle)?;
        let mut report = Report::default();
        for (path, text) in bundle.sources() {
            report.files.add(path, &String::from_utf8_lossy(text));
        }
        let built = Built { bundle, report };
        Ok(Subject { project, built })
    }
}

/// Whether a path names a bundle.
pub fn is_bundle(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == EXTENSION)
}

/// Reads a bundle.
pub fn read(path: &Path) -> Result<Bundle, Complaint> {
    let failed = |why: String| Complaint::Failed(format!("cannot use {}: {why}", path.display()));
    let size = std::fs::metadata(path)
        .map_err(|cause| failed(cause.to_string()))?
        .len();
    if size > BUNDLE_BYTES_MAX as u64 {
        return Err(failed(format!(
            "it has {size} bytes, at most {BUNDLE_BYTES_MAX} are allowed"
        )));
    }
    let bytes = std::fs::read(path).map_err(|cause| failed(cause.to_string()))?;
    Bundle::decode(&bytes).map_err(|error| failed(error.to_string()))
}
