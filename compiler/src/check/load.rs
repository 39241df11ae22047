//! Reads the files of a program: the root, what it imports, and the core.

use super::names;
use super::suggest::nearest;
use crate::ast::{self, ItemKind};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{SourceError, SourceMap, Sources, Span};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most files in one program, those of the library included.
const MAX_MODULES: usize = 1000;

/// A module with its syntax tree.
pub(super) struct Loaded {
    /// As messages and the source map name it: `main.cop`, `views/list.cop`, `std/web`, `core/list`.
    pub path: Arc<str>,
    /// Whether it belongs to the core or to `std`.
    pub is_std: bool,
    /// Whether it belongs to the core.
    pub is_core: bool,
    /// Its tree.
    pub ast: ast::File,
    /// For each import, in source order, the module it names; `None` if that could not be had.
    pub imports: Vec<Option<usize>>,
}

struct Loader<'l> {
    sources: &'l dyn Sources,
    library: &'l [(&'l str, &'l str)],
    files: &'l mut SourceMap,
    diagnostics: &'l mut Diagnostics,
    modules: Vec<Loaded>,
    /// Path to module; `None` for what could not be loaded.
    by_path: BTreeMap<String, Option<usize>>,
}

/// Loads the root and, breadth first, all that it needs; the core comes last. `None` if there is no root file.
pub(super) fn load(
    root: &str,
    sources: &dyn Sources,
    library: &[(&str, &str)],
    files: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Loaded>> {
    let text = match sources.read(root) {
        Ok(text) => text,
        Err(error) => {
            diagnostics.push(
                Diagnostic::error("E0701", format!("cannot read `{root}`"))
                    .note(error.to_string())
                    .help("a package starts with the file `main.cop`"),
            );
            return None;
        }
    };
    let mut loader = Loader {
        sources,
        library,
        files,
        diagnostics,
        modules: Vec::new(),
        by_path: BTreeMap::new(),
    };
    loader.add(root, &text);
    let mut next = 0;
    loader.follow(&mut next);
    for (path, text) in library.iter().filter(|(path, _)| path.starts_with("core/")) {
        if !loader.by_path.contains_key(*path) {
            loader.add(path, text);
        }
    }
    loader.follow(&mut next);
    Some(loader.modules)
}

impl Loader<'_> {
    fn add(&mut self, path: &str, text: &str) -> usize {
        let file = self.files.add(path, text);
        let ast = crate::parser::parse(file, text, self.diagnostics);
        let index = self.modules.len();
        self.modules.push(Loaded {
            path: path.into(),
            is_std: !path.ends_with(".cop"),
            is_core: path.starts_with("core/"),
            ast,
            imports: Vec::new(),
        });
        self.by_path.insert(path.to_string(), Some(index));
        index
    }

    /// Loads what the modules from `next` on import.
    fn follow(&mut self, next: &mut usize) {
        while *next < self.modules.len() {
            let wanted: Vec<(Arc<str>, Span)> = self.modules[*next]
                .ast
                .items
                .iter()
                .filter_map(|item| match &item.kind {
                    ItemKind::Import(import) => Some((import.path.clone(), import.path_span)),
                    _ => None,
                })
                .collect();
            for (path, span) in wanted {
                let found = self.import(*next, &path, span);
                self.modules[*next].imports.push(found);
            }
            *next += 1;
        }
    }

    fn import(&mut self, from: usize, import: &str, span: Span) -> Option<usize> {
        let is_std = self.modules[from].is_std;
        if import.starts_with("./") || import.starts_with("../") {
            if is_std {
                return self.library(import, span);
            }
            let path = self.relative(from, import, span)?;
            return self.file(from, &path, import, span);
        }
        if import.starts_with("std/")
            || import.starts_with("host/")
            || (is_std && import.starts_with("core/"))
        {
            return self.library(import, span);
        }
        let first = import.split(['/', '@', '#']).next().unwrap_or("");
        let named = !first.is_empty()
            && first
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_');
        if !named {
            self.diagnostics.push(
                Diagnostic::error("E0702", format!("`{import}` is no import path"))
                    .at(span, "names neither a file nor a library")
                    .help("write `\"./file\"` for a file of this package, `\"std/json\"` for the standard library, `\"host/kv\"` for a capability"),
            );
            return None;
        }
        let mut message = Diagnostic::error("E0901", "not yet: importing packages")
            .at(span, format!("`{import}` is another package"));
        let sibling = self.neighbour(from, import);
        message = match sibling {
            Some(path) => message
                .help(format!(
                    "there is a file `{path}` in this package: put `./` before the name"
                ))
                .edit(span, format!("\"./{import}\"")),
            None => message.help("for now a program can use its own files, `std/…` and `host/…`"),
        };
        self.diagnostics.push(message);
        None
    }

    /// A file of the package that has this name, seen from another.
    fn neighbour(&self, from: usize, name: &str) -> Option<String> {
        let folder = folder(&self.modules[from].path);
        let path = format!("{folder}{name}.cop");
        self.sources.read(&path).ok().map(|_| path)
    }

    /// The path, from the root of the package, of an import that is relative to a file.
    fn relative(&mut self, from: usize, import: &str, span: Span) -> Option<String> {
        let mut parts: Vec<&str> = folder(&self.modules[from].path)
            .split('/')
            .filter(|part| !part.is_empty())
            .collect();
        let mut refuse = |title: String, label: &str, help: &str| {
            self.diagnostics
                .push(Diagnostic::error("E0702", title).at(span, label).help(help));
        };
        let mut started = false;
        for part in import.split('/') {
            match part {
                "." if !started => {}
                ".." if !started => {
                    if parts.pop().is_none() {
                        refuse(
                            format!("`{import}` leads out of the package"),
                            "above the folder of the root file",
                            "a program can import files of its own package only; move the file into it",
                        );
                        return None;
                    }
                }
                _ => {
                    started = true;
                    let plain = !part.is_empty()
                        && part
                            .chars()
                            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.')
                        && !part.starts_with('.');
                    if !plain {
                        refuse(
                            format!("`{import}` is no import path"),
                            "folders and files are named by letters, digits, `_` and `-`",
                            "write it as `\"./folder/file\"`",
                        );
                        return None;
                    }
                    parts.push(part);
                }
            }
        }
        let last = parts.last().copied().unwrap_or("");
        if let Some(stem) = last.strip_suffix(".cop") {
            let shorter = format!("{}{stem}", &import[..import.len() - last.len()]);
            self.diagnostics.push(
                Diagnostic::error("E0702", "an import path leaves `.cop` out")
                    .at(span, "")
                    .edit(span, format!("\"{shorter}\"")),
            );
            return None;
        }
        Some(format!("{}.cop", parts.join("/")))
    }

    fn file(&mut self, from: usize, path: &str, import: &str, span: Span) -> Option<usize> {
        if *self.modules[from].path == *path {
            self.diagnostics.push(
                Diagnostic::error("E0704", "a file imports itself")
                    .at(span, format!("this is `{path}`"))
                    .help("remove the import: names of the file are known in all of it"),
            );
            return None;
        }
        if let Some(known) = self.by_path.get(path) {
            return *known;
        }
        if self.too_many(span) {
            return None;
        }
        match self.sources.read(path) {
            Ok(text) => Some(self.add(path, &text)),
            Err(error) => {
                self.by_path.insert(path.to_string(), None);
                self.missing(path, import, span, &error);
                None
            }
        }
    }

    fn too_many(&mut self, span: Span) -> bool {
        let full = self.modules.len() >= MAX_MODULES;
        if full {
            self.diagnostics.push(
                Diagnostic::error(
                    "E0705",
                    format!("a program has at most {MAX_MODULES} files"),
                )
                .at(span, "one more"),
            );
        }
        full
    }

    fn missing(&mut self, path: &str, import: &str, span: Span, error: &SourceError) {
        let mut message = Diagnostic::error("E0703", format!("there is no file `{path}`"))
            .at(span, "imported here");
        match error {
            SourceError::NotFound => {
                let (folder, name) = import.rsplit_once('/').unwrap_or(("", import));
                let near: Vec<String> = self.names_beside(path);
                if let Some(near) = nearest(name, near.iter().map(String::as_str)) {
                    message = message
                        .help(format!("there is {}", names::a(near)))
                        .edit(span, format!("\"{folder}/{near}\""));
                } else if near.is_empty() {
                    message = message.help(format!("make the file, or correct the path; `{path}` is counted from the folder of the root file"));
                } else {
                    message = message.help(format!("known in that folder: {}", list(&near)));
                }
            }
            other => {
                message.title = format!("cannot read `{path}`");
                message = message.note(other.to_string());
            }
        }
        self.diagnostics.push(message);
    }

    /// The names of the files in the folder of `path` that are known, without `.cop`.
    fn names_beside(&self, path: &str) -> Vec<String> {
        let folder = folder(path);
        let listed = self.sources.list(folder.trim_end_matches('/'));
        let loaded = self.by_path.keys().cloned();
        let mut names: Vec<String> = listed
            .into_iter()
            .map(|name| format!("{folder}{name}"))
            .chain(loaded)
            .filter_map(|known| {
                let name = known.strip_prefix(folder)?.strip_suffix(".cop")?;
                (!name.contains('/')).then(|| name.to_string())
            })
            .collect();
        names.sort();
        names.dedup();
        names.retain(|name| format!("{folder}{name}.cop") != path);
        names
    }

    fn library(&mut self, import: &str, span: Span) -> Option<usize> {
        if let Some(known) = self.by_path.get(import) {
            return *known;
        }
        if let Some((path, text)) = self.library.iter().find(|(path, _)| *path == import) {
            return Some(self.add(path, text));
        }
        self.by_path.insert(import.to_string(), None);
        if matches!(import, "host/files" | "host/messages") {
            self.diagnostics.push(
                Diagnostic::error("E0910", format!("not yet: `{import}`"))
                    .at(span, "a part of the language that is still to come"),
            );
            return None;
        }
        let prefix = import.split('/').next().unwrap_or("");
        let all: Vec<String> = self
            .library
            .iter()
            .filter(|(path, _)| path.starts_with("std/") || path.starts_with("host/"))
            .map(|(path, _)| path.to_string())
            .collect();
        let mut message = Diagnostic::error(
            "E0703",
            format!("there is no `{import}` in the standard library"),
        )
        .at(span, "");
        let alike: Vec<String> = all
            .iter()
            .filter(|path| path.split('/').next() == Some(prefix))
            .cloned()
            .collect();
        message = match nearest(import, all.iter().map(String::as_str)) {
            Some(near) => message
                .help(format!("there is `{near}`"))
                .edit(span, format!("\"{near}\"")),
            None => message.help(format!("there are {}", list(&alike))),
        };
        self.diagnostics.push(message);
        None
    }
}

fn folder(path: &str) -> &str {
    path.rfind('/').map_or("", |slash| &path[..=slash])
}

fn list(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
