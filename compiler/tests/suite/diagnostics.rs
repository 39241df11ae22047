//! Programs that must not compile, with all the rendered messages beside them: a file by itself, or a folder with a
//! `main.cop`. The folders in its folder `packages` are the packages that it can import by their names; a file `offers`
//! there lists the files that they offer.

use crate::golden;
use cop_compiler::compile::{Compilation, CompileOptions, compile};
use cop_compiler::package::{Package, PackageError};
use cop_compiler::render;
use cop_compiler::source::{SourceError, Sources};
use std::path::{Path, PathBuf};

/// The files below a folder.
pub struct Folder(pub PathBuf);

impl Sources for Folder {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        std::fs::read_to_string(self.0.join(path)).map_err(|_| SourceError::NotFound)
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.0.join(folder)) else {
            return Vec::new();
        };
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            Some(entry.ok()?.file_name().to_string_lossy().into_owned())
        };
        entries.filter_map(name).collect()
    }

    fn package(&self, _: &str, wanted: &str) -> Result<Package, PackageError> {
        let prefix = format!("packages/{wanted}/");
        if !self.0.join(&prefix).is_dir() {
            let mut known = self.list("packages");
            known.sort();
            return Err(PackageError::NotNamed(known));
        }
        let offers = std::fs::read_to_string(self.0.join(&prefix).join("offers"));
        Ok(Package {
            prefix,
            name: wanted.to_owned(),
            offers: offers
                .unwrap_or_default()
                .lines()
                .map(str::to_owned)
                .collect(),
        })
    }
}

/// What the compiler says about a program.
pub fn message(folder: &Path, root: &str) -> String {
    let sources = Folder(folder.to_path_buf());
    let Compilation {
        files, diagnostics, ..
    } = compile(root, &sources, CompileOptions::default());
    let all = diagnostics.sorted();
    let shown = all.iter().map(|one| render::one(one, &files, false));
    shown.collect::<Vec<_>>().join("\n\n")
}

#[test]
fn messages_are_as_accepted() {
    golden::folder("diagnostics", |path| {
        if path.is_dir() {
            message(path, "main.cop")
        } else {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            message(path.parent().unwrap_or(path), &name)
        }
    });
}
