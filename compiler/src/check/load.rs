//! Reads the files of a program: the root, what it imports, and the core.

mod bodies;
mod foreign;

use super::names;
use super::suggest::nearest;
use crate::ast::{self, ItemKind};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::package::{self, Foreign, MAX_CHAIN, MAX_PACKAGES, Package, PackageError};
use crate::parser::Names;
use crate::source::{SourceError, SourceMap, Sources, Span};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bodies::Bodies;
pub(super) use bodies::Read;

/// The most files in one program, those of the library included.
const MAX_MODULES: usize = 1000;
/// Of so many files that are not there the folders are looked through for others like them.
const MOST_LOOKED_FOR: usize = 100;

/// A package, by its position among those of the program.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct PackageId(u32);

impl PackageId {
    /// The one that is compiled.
    pub(super) const OWN: PackageId = PackageId(0);
    /// The core and `std`.
    pub(super) const LIBRARY: PackageId = PackageId(u32::MAX);

    fn index(self) -> usize {
        self.0 as usize
    }
}

/// A package of the program.
pub(super) struct KnownPackage {
    package: Package,
    /// How many imports of packages lead to it.
    depth: usize,
    /// The packages that it imports.
    imports: BTreeSet<PackageId>,
}

/// All that a program is made of.
pub(super) struct Whole {
    /// The root file first.
    pub modules: Vec<Loaded>,
    /// The own one first; the library is none of them.
    pub packages: Vec<KnownPackage>,
}

impl Whole {
    /// How messages name a package.
    pub(super) fn package_name(&self, id: PackageId) -> &str {
        match self.packages.get(id.index()) {
            _ if id == PackageId::OWN => "this package",
            Some(known) => &known.package.name,
            None => "std",
        }
    }
}

/// A module with its syntax tree.
pub(super) struct Loaded {
    /// As messages and the source map name it: `main.cop`, `views/list.cop`, `std/web`, `core/list`, and of other packages
    /// `../shapes/main.cop`, `cop1…/html@3/main.cop`.
    pub path: Rc<str>,
    /// The package that it belongs to.
    pub package: PackageId,
    /// How files of other packages import it.
    pub called: Vec<(PackageId, Rc<str>)>,
    /// Whether it belongs to the core or to `std`.
    pub is_std: bool,
    /// Whether it belongs to the core.
    pub is_core: bool,
    /// Its tree.
    pub ast: ast::File,
    /// The bodies of its functions and tests, by their first byte. They are taken out of the tree so that each can go when it
    /// was checked. Those of the library are not even read before, nor are any if they are read [later](Read::Later).
    bodies: RefCell<Bodies>,
    /// The names in bodies that were read later.
    names: RefCell<Names>,
    /// For each import, in source order, the module it names; `None` if that could not be had.
    pub imports: Vec<Option<usize>>,
}

struct Loader<'l> {
    sources: &'l dyn Sources,
    library: &'l [(&'l str, &'l str)],
    bodies: Read,
    files: &'l mut SourceMap,
    diagnostics: &'l mut Diagnostics,
    modules: Vec<Loaded>,
    /// Path to module; `None` for what could not be loaded.
    by_path: BTreeMap<(PackageId, String), Option<usize>>,
    /// Files that are not there and of which others like them were looked for.
    missed: usize,
    packages: Vec<KnownPackage>,
    /// What packages call others, to what that is; `None` for what could not be had.
    named: BTreeMap<(PackageId, String), Option<PackageId>>,
}

/// Loads the root and, breadth first, all that it needs; the core comes last. `None` if there is no root file.
pub(super) fn load(
    root: &str,
    sources: &dyn Sources,
    library: &[(&str, &str)],
    files: &mut SourceMap,
    bodies: Read,
    diagnostics: &mut Diagnostics,
) -> Option<Whole> {
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
        bodies,
        files,
        diagnostics,
        modules: Vec::new(),
        by_path: BTreeMap::new(),
        missed: 0,
        packages: vec![KnownPackage {
            package: Package {
                prefix: String::new(),
                name: String::new(),
                offers: Vec::new(),
            },
            depth: 0,
            imports: BTreeSet::new(),
        }],
        named: BTreeMap::new(),
    };
    loader.add(PackageId::OWN, root, &text);
    loader.add_offers();
    let mut next = 0;
    loader.follow(&mut next);
    for (path, text) in library.iter().filter(|(path, _)| path.starts_with("core/")) {
        let key = (PackageId::LIBRARY, path.to_string());
        if !loader.by_path.contains_key(&key) {
            loader.add(PackageId::LIBRARY, path, text);
        }
    }
    loader.follow(&mut next);
    Some(Whole {
        modules: loader.modules,
        packages: loader.packages,
    })
}

impl Loader<'_> {
    fn add(&mut self, package: PackageId, path: &str, text: &str) -> usize {
        let file = self.files.add(path, text);
        let (ast, bodies, names) = self.parse(package, file, text);
        let index = self.modules.len();
        let is_std = package == PackageId::LIBRARY;
        self.modules.push(Loaded {
            path: path.into(),
            package,
            called: Vec::new(),
            is_std,
            is_core: is_std && path.starts_with("core/"),
            ast,
            bodies: RefCell::new(bodies),
            names: RefCell::new(names),
            imports: Vec::new(),
        });
        self.by_path
            .insert((package, path.to_string()), Some(index));
        index
    }

    /// Loads the files that the package offers.
    fn add_offers(&mut self) {
        for file in self.sources.offers() {
            let path = format!("{file}.cop");
            if self.by_path.contains_key(&(PackageId::OWN, path.clone())) {
                continue;
            }
            match self.sources.read(&path) {
                Ok(text) => {
                    self.add(PackageId::OWN, &path, &text);
                }
                Err(error) => self.diagnostics.push(
                    Diagnostic::error("E0703", format!("there is no file `{path}` to offer"))
                        .note(error.to_string())
                        .help("make the file, or take it out of `offers` in `cop.toml`"),
                ),
            }
        }
    }

    /// Loads what the modules from `next` on import.
    fn follow(&mut self, next: &mut usize) {
        while *next < self.modules.len() {
            let wanted: Vec<(Rc<str>, Span)> = self.modules[*next]
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
            let package = self.modules[from].package;
            return self.file(from, package, &path, import, span);
        }
        if import.starts_with("std/")
            || import.starts_with("host/")
            || (is_std && import.starts_with("core/"))
        {
            return self.library(import, span);
        }
        match Foreign::read(import) {
            Some(Ok(foreign)) => self.foreign(from, &foreign, import, span),
            Some(Err((title, help))) => {
                self.diagnostics
                    .push(Diagnostic::error("E0702", title).at(span, "").help(help));
                None
            }
            None => {
                self.diagnostics.push(
                    Diagnostic::error("E0702", format!("`{import}` is no import path"))
                        .at(span, "names neither a file nor a library")
                        .help("write `\"./file\"` for a file of this package, `\"std/json\"` for the standard library, `\"html\"` for a package that `cop.toml` names"),
                );
                None
            }
        }
    }

    /// The path, from the root of the package, of an import that is relative to a file.
    fn relative(&mut self, from: usize, import: &str, span: Span) -> Option<String> {
        let prefix = &self.packages[self.modules[from].package.index()]
            .package
            .prefix;
        let within = &self.modules[from].path[prefix.len()..];
        let mut parts: Vec<&str> = folder(within)
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
                    if !package::is_file_part(part) {
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
        Some(format!("{prefix}{}.cop", parts.join("/")))
    }

    fn file(
        &mut self,
        from: usize,
        package: PackageId,
        path: &str,
        import: &str,
        span: Span,
    ) -> Option<usize> {
        if *self.modules[from].path == *path {
            self.diagnostics.push(
                Diagnostic::error("E0704", "a file imports itself")
                    .at(span, format!("this is `{path}`"))
                    .help("remove the import: names of the file are known in all of it"),
            );
            return None;
        }
        let key = (package, path.to_string());
        if let Some(known) = self.by_path.get(&key) {
            return *known;
        }
        if self.too_many(span) {
            return None;
        }
        match self.sources.read(path) {
            Ok(text) => Some(self.add(package, path, &text)),
            Err(error) => {
                self.by_path.insert(key, None);
                self.missing(package, path, import, span, &error);
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

    fn missing(
        &mut self,
        package: PackageId,
        path: &str,
        import: &str,
        span: Span,
        error: &SourceError,
    ) {
        let mut message = Diagnostic::error("E0703", format!("there is no file `{path}`"))
            .at(span, "imported here");
        match error {
            SourceError::NotFound if self.missed >= MOST_LOOKED_FOR => {}
            SourceError::NotFound if package != PackageId::OWN => {
                let name = &self.packages[package.index()].package.name;
                message = message.help(format!("that is for the author of `{name}` to mend"));
            }
            SourceError::NotFound => {
                self.missed += 1;
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
        let loaded = self.by_path.keys().map(|(_, path)| path.clone());
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

    /// The module of the library, or the interface of a capability, with this name.
    fn in_library(&self, name: &str) -> Option<&str> {
        let offered = |path: &&str| {
            let parts = path.split_once('/');
            parts.is_some_and(|(kind, own)| matches!(kind, "std" | "host") && own == name)
        };
        self.library.iter().map(|(path, _)| *path).find(offered)
    }

    fn library(&mut self, import: &str, span: Span) -> Option<usize> {
        let key = (PackageId::LIBRARY, import.to_string());
        if let Some(known) = self.by_path.get(&key) {
            return *known;
        }
        if let Some((path, text)) = self.library.iter().find(|(path, _)| *path == import) {
            return Some(self.add(PackageId::LIBRARY, path, text));
        }
        self.by_path.insert(key, None);
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
        let last = import.rsplit('/').next().unwrap_or(import);
        let near = self
            .in_library(last)
            .or_else(|| nearest(import, all.iter().map(String::as_str)));
        message = match near {
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
