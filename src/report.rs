//! What the compiler has to say about a project, with the files that it speaks of.

use std::fmt;

use cop_compiler::codes::explain;
use cop_compiler::diagnostic::{Diagnostics, Severity};
use cop_compiler::render::{self, Look};
use cop_compiler::source::SourceMap;

use crate::project::Project;

/// Diagnostics and the text that they point into.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
    /// The files that were read.
    pub files: SourceMap,
}

impl Report {
    /// What the compiler said of a project, with the files named as the author would.
    pub fn of(project: &Project, diagnostics: Diagnostics, files: &SourceMap) -> Report {
        let mut shown = SourceMap::new();
        for (_, file) in files.files() {
            shown.add(&project.shown(&file.path), &file.text);
        }
        Report {
            diagnostics,
            files: shown,
        }
    }

    /// For people. Below the errors stands where one can read more about the first
    /// that has a page.
    pub fn text(&self, look: impl Into<Look>) -> String {
        let mut text = render::text(&self.diagnostics, &self.files, look);
        let sorted = self.diagnostics.sorted();
        let mut errors = sorted.iter().filter(|one| one.severity == Severity::Error);
        if let Some(explained) = errors.find(|one| explain::page(one.code).is_some()) {
            text.push_str(&format!("`copc explain {}` says more.\n", explained.code));
        }
        text
    }

    /// For tools.
    pub fn json(&self) -> String {
        render::json(&self.diagnostics, &self.files)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.text(false).trim_end())
    }
}
