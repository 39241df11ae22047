//! Which package an import or a dependency is.
//!
//! 1. What `cop.toml` names is resolved before anything is compiled, that of packages in folders included; addresses in import
//!    strings when the compiler meets them.
//! 2. A package in a folder is what lies there. A published one is a bundle: the one that `cop.lock` names, else the one
//!    that the publisher's release of that number names.
//! 3. The packages of a published package are those that the lock file *in its bundle* names, so it means the same to all.
//!    Their entries become ours too: the lock file is the list of all that a program is made of.
//! 4. Afterwards `cop.lock` says what was used. Under `--locked` it must have said so before.
//!
//! Two spellings that lead to one bundle are one package; two bundles of one release are a fault of their publisher.

mod archive;
mod published;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cop_bytecode::Hash;
use cop_compiler::diagnostic::{Diagnostic, Diagnostics};
use cop_compiler::manifest::{self, Dependency, Manifest, Target};
use cop_compiler::package::{
    self, Fault, MAX_PACKAGES, Missing, Package, PackageError, Published, Which,
};
use cop_compiler::source::{FileId, SourceError, Sources};
use cop_runtime::{Address, Bundle, ProgramName};

use crate::packages::fetch::{FetchError, FetchOptions, Fetcher};
use crate::packages::lock::{LOCK, LockFile, Locked};
use crate::packages::paths::{bundled, join};
use crate::project::{Project, ROOT, SETTINGS};
use crate::report::Report;

use archive::{Archive, in_archive, read_archive};
use published::enter;

/// Most bytes of all published packages of a program, in their bundles.
pub const PACKAGES_BYTES_MAX: u64 = 256 << 20;
/// Characters of a hash in the names of packages.
const HASH_SHOWN: usize = 8;

/// How the packages of a program are found.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where published ones come from.
    pub fetch: FetchOptions,
    /// `cop.lock` must not change.
    pub locked: bool,
}

/// The packages of a program: what the compiler reads.
pub struct Packages<'a> {
    project: &'a Project,
    fetcher: Fetcher,
    is_locked: bool,
    /// What `cop.lock` said.
    old: LockFile,
    /// Its text, if there is one.
    old_text: Option<String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By the prefix of their files.
    packages: BTreeMap<String, Known>,
    /// The prefix of a bundle's own package.
    prefixes: BTreeMap<Hash, String>,
    /// Bytes of all bundles.
    size: u64,
    /// What the lock file is to say.
    used: BTreeMap<String, Option<Locked>>,
    /// The files of the project and of the packages in folders that were read, by path from the project.
    read: BTreeMap<String, Vec<u8>>,
}

/// A package whose manifest was read.
#[derive(Clone)]
struct Known {
    tree: Tree,
    /// Where in the tree: `""`, or a folder without `/` at its end.
    folder: String,
    name: String,
    offers: Vec<String>,
    dependencies: Vec<Dependency>,
}

/// Where the files of a package are.
#[derive(Clone)]
enum Tree {
    /// On disk, from the project's folder on.
    Own,
    /// In a bundle.
    Bundle(Arc<Archive>),
}

impl<'a> Packages<'a> {
    /// Finds the packages that the manifest of a project names.
    ///
    /// # Errors
    /// What is wrong with them, with places in the manifests.
    pub fn open(project: &'a Project, options: &Options) -> Result<Packages<'a>, Report> {
        let mut report = Report::default();
        let old_text = project.lock_text();
        let old = match old_text.as_deref().map(LockFile::parse) {
            None => LockFile::default(),
            Some(Ok(lock)) => lock,
            Some(Err(error)) => {
                let shown = project.shown_file(LOCK);
                let message = Fault::Lock
                    .error(format!("{shown}:{}: {}", error.line, error.why))
                    .help(format!(
                        "restore `{LOCK}` from version control, or remove it: copc writes it anew"
                    ));
                report.diagnostics.push(message);
                return Err(report);
            }
        };
        let packages = Packages {
            project,
            fetcher: Fetcher::new(&options.fetch),
            is_locked: options.locked,
            old,
            old_text,
            state: Mutex::default(),
        };
        packages.open_own(&mut report);
        if report.diagnostics.has_errors() {
            return Err(report);
        }
        Ok(packages)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the manifests of the project and of the packages in folders, and resolves all that they name.
    fn open_own(&self, report: &mut Report) {
        let mut state = self.state();
        let mut waiting = vec![String::new()];
        while let Some(folder) = waiting.pop() {
            let known = self.read_own(&mut state, &folder, report);
            let prefix = prefix_of(&folder);
            state.packages.insert(prefix, known.clone());
            for dependency in &known.dependencies {
                match self.resolve(&mut state, &known, &dependency.target) {
                    Ok(Found::Package(_)) => {}
                    Ok(Found::Unread(folder)) => waiting.push(folder),
                    Err(fault) => report.diagnostics.push(fault.at(dependency.span, "", "")),
                }
            }
        }
    }

    /// Reads the manifest of a package in a folder.
    fn read_own(&self, state: &mut State, folder: &str, report: &mut Report) -> Known {
        let mut known = Known {
            tree: Tree::Own,
            folder: folder.to_owned(),
            name: if folder.is_empty() { "." } else { folder }.to_owned(),
            offers: Vec::new(),
            dependencies: Vec::new(),
        };
        let path = format!("{}{SETTINGS}", prefix_of(folder));
        if let Ok(bytes) = self.project.read(&path) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let file = report.files.add(&self.project.shown_file(&path), &text);
            if let Some(read) = manifest::parse(file, &text, &mut report.diagnostics) {
                known.offers = read.offers;
                known.dependencies = read.dependencies;
            }
            state.read.insert(path, bytes);
        }
        known
    }

    /// Which package a target is, seen from another one.
    fn resolve(
        &self,
        state: &mut State,
        from: &Known,
        target: &Target,
    ) -> Result<Found, Box<Missing>> {
        match (target, &from.tree) {
            (Target::Path(path), Tree::Own) => self.in_folder(state, from, path),
            (Target::Path(path), Tree::Bundle(archive)) => in_archive(state, from, path, archive),
            (Target::Published(published), Tree::Own) => self.published(state, published),
            (Target::Published(published), Tree::Bundle(archive)) => {
                let name = published.to_string();
                let Some(Some(locked)) = archive.lock.entries.get(&name) else {
                    return refuse(Fault::Untrue
                        .error(format!("`{}` does not say which bundle `{name}` is", archive.name))
                        .note("its bundle has no lock file with that entry, so it was not made by copc")
                        .help("ask its author to publish it again"));
                };
                self.locked(state, published, *locked)
            }
        }
    }

    /// A package in a folder.
    fn in_folder(
        &self,
        state: &mut State,
        from: &Known,
        path: &str,
    ) -> Result<Found, Box<Missing>> {
        let folder = join(&from.folder, path).ok_or_else(|| {
            Fault::Absent
                .error(format!("`{path}` leads too far up"))
                .help("keep packages that belong together in one folder")
        })?;
        // Seen from a package beside it, the project is in a folder too.
        let prefix = match self.project.is_at(&folder) {
            true => String::new(),
            false => prefix_of(&folder),
        };
        if state.packages.contains_key(&prefix) {
            return Ok(Found::Package(prefix));
        }
        let root = format!("{prefix}{ROOT}");
        match self.project.read(&root) {
            Ok(bytes) => {
                state.read.insert(root, bytes);
                enter(state, &folder, None)?;
                Ok(Found::Unread(folder))
            }
            Err(error) => {
                let fault = Fault::Absent
                    .error(format!("there is no package at `{path}`"))
                    .note(format!("{}: {error}", self.project.shown_file(&root)));
                let near = self.near(&folder, path);
                let message = match &near {
                    Some(near) => fault.help(format!("there is one at `{near}`")),
                    None => fault.help(format!(
                        "a package is a folder with a `{ROOT}`; the path is counted from the folder of this `{SETTINGS}`"
                    )),
                };
                Err(Box::new(Missing {
                    message,
                    instead: near,
                }))
            }
        }
    }

    /// A path that leads to a package, in the place of one that leads to none.
    fn near(&self, folder: &str, path: &str) -> Option<String> {
        let (beside, name) = folder.rsplit_once('/')?;
        let all = self.project.list(beside);
        let packages = all.iter().filter(|other| {
            let root = format!("{beside}/{other}/{ROOT}");
            self.project.read(&root).is_ok()
        });
        let near = package::nearest_name(name, packages.map(String::as_str))?;
        let written = path.trim_end_matches('/').strip_suffix(name)?;
        Some(format!("{written}{near}"))
    }

    /// The lock file as it is to be.
    fn lock(&self, is_compiled: bool) -> LockFile {
        let used = self.state().used.clone();
        if is_compiled {
            return LockFile { entries: used };
        }
        // Imports may have been lost to errors.
        let mut entries = self.old.entries.clone();
        entries.extend(used);
        LockFile { entries }
    }

    /// Writes `cop.lock`, if it does not yet say what was used. `is_compiled` says that the source had no errors, so that
    /// what was not used is not needed.
    ///
    /// # Errors
    /// It may not be changed, or cannot be written.
    pub fn finish(&self, is_compiled: bool) -> Result<(), Report> {
        let lock = self.lock(is_compiled);
        let fault = |fault: Diagnostic| {
            let mut report = Report::default();
            report.diagnostics.push(fault);
            Err(report)
        };
        let text = lock.text();
        let is_same = match &self.old_text {
            Some(_) => self.old == lock,
            None => lock.entries.is_empty(),
        };
        if is_same {
            return Ok(());
        }
        if self.is_locked && is_compiled {
            let changed = lock
                .entries
                .iter()
                .find(|(name, locked)| self.old.entries.get(*name) != Some(*locked));
            let unused = self
                .old
                .entries
                .keys()
                .find(|name| !lock.entries.contains_key(*name));
            let what = match (changed, unused) {
                (Some((name, _)), _) => format!("it has no entry for `{name}`"),
                (None, Some(name)) => format!("nothing uses `{name}` any more"),
                (None, None) => "it is not as copc writes it".to_owned(),
            };
            return fault(
                Fault::Lock
                    .error(format!("`{LOCK}` is not up to date"))
                    .note(what)
                    .help(format!(
                        "run `copc check` without `--locked`, and commit `{LOCK}`"
                    )),
            );
        }
        if self.is_locked {
            return Ok(());
        }
        match self.project.write_lock(&text) {
            Ok(()) => Ok(()),
            Err(cause) => fault(Fault::Lock.error(format!(
                "cannot write {}: {cause}",
                self.project.shown_file(LOCK)
            ))),
        }
    }

    /// All that the program is made of and that is not published by others, by path in a bundle: the files that were read, the
    /// manifests, and the lock file if there are other packages.
    pub fn sources(&self) -> BTreeMap<String, Vec<u8>> {
        let lock = self.lock(true);
        let state = self.state();
        let read = state.read.iter();
        let mut sources: BTreeMap<String, Vec<u8>> = read
            .map(|(path, bytes)| (bundled(path), bytes.clone()))
            .collect();
        if !lock.entries.is_empty() {
            sources.insert(LOCK.to_owned(), lock.text().into_bytes());
        }
        sources
    }
}

/// A fault as a result.
fn refuse<T>(fault: Diagnostic) -> Result<T, Box<Missing>> {
    Err(fault.into())
}

/// What a target is.
enum Found {
    /// A package with this prefix.
    Package(String),
    /// The package in this folder, whose manifest is still to be read.
    Unread(String),
}

/// What the paths of a folder's files begin with.
fn prefix_of(folder: &str) -> String {
    match folder {
        "" => String::new(),
        folder => format!("{folder}/"),
    }
}

/// The path of a source in a bundle.
fn source(path: &str) -> String {
    format!("{}{path}", cop_runtime::bundle::SOURCES)
}

impl Sources for Packages<'_> {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        let mut state = self.state();
        // Paths of published packages hold a character that those of folders' modules cannot.
        let archive = state
            .packages
            .iter()
            .find_map(|(prefix, known)| match &known.tree {
                Tree::Bundle(archive) if path.starts_with(prefix.as_str()) => Some(archive.clone()),
                _ => None,
            });
        let bytes = match archive {
            Some(archive) => {
                let within = source(&path[archive.prefix.len()..]);
                let file = archive.bundle.file(&within);
                return match file.map(|bytes| String::from_utf8(bytes.to_vec())) {
                    None => Err(SourceError::NotFound),
                    Some(text) => text.map_err(|_| SourceError::NotText),
                };
            }
            None => self.project.read(path)?,
        };
        let text = String::from_utf8(bytes).map_err(|_| SourceError::NotText)?;
        state
            .read
            .insert(path.to_owned(), text.clone().into_bytes());
        Ok(text)
    }

    fn list(&self, folder: &str) -> Vec<String> {
        self.project.list(folder)
    }

    fn offers(&self) -> Vec<String> {
        let state = self.state();
        let own = state.packages.get("");
        own.map_or_else(Vec::new, |own| own.offers.clone())
    }

    fn package(&self, from: &str, wanted: &str) -> Result<Package, PackageError> {
        let mut state = self.state();
        let Some(from) = state.packages.get(from).cloned() else {
            return Err(PackageError::NotNamed(Vec::new()));
        };
        let named = |name: &str| from.dependencies.iter().find(|one| one.name == name);
        let target = if package::begins_with_address(wanted) {
            let read = Published::read(wanted).map(|(published, _)| published);
            read.map(Target::Published).map_err(|(what, _)| what)
        } else if let Some(dependency) = named(wanted) {
            Ok(dependency.target.clone())
        } else {
            let names = from.dependencies.iter().map(|one| one.name.clone());
            return Err(PackageError::NotNamed(names.collect()));
        };
        let target =
            target.map_err(|what| PackageError::Fault(Fault::Absent.error(what).into()))?;
        let found = self.resolve(&mut state, &from, &target);
        let prefix = match found.map_err(PackageError::Fault)? {
            Found::Package(prefix) => prefix,
            Found::Unread(folder) => prefix_of(&folder),
        };
        let Some(known) = state.packages.get(&prefix) else {
            return Err(PackageError::NotNamed(Vec::new()));
        };
        Ok(Package {
            prefix,
            name: known.name.clone(),
            offers: known.offers.clone(),
        })
    }
}
