//! What an author wrote: a folder with `main.cop` and perhaps a `cop.toml`, or a single `.cop` file.
//!
//! A single file `hello.cop` is a program called `hello` with the usual limits; within the package it is `main.cop`, so that
//! the same text has the same hash in both shapes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cop_compiler::manifest::{self, Kind};
use cop_compiler::source::SourceError;
use cop_runtime::address::NAME_LENGTH_MAX;
use cop_runtime::bundle::{BUNDLE_BYTES_MAX, FILES_MAX};
use cop_runtime::host::http::{ORIGINS_MAX, origin};
use cop_runtime::{Bundle, ProgramName};

use crate::files::write_whole;
use crate::packages::lock::LOCK;
use crate::packages::paths::unbundled;
use crate::report::Report;
use crate::stamp::Stamp;

/// The root file of a package.
pub const ROOT: &str = "main.cop";
/// The file with an author's settings, see [`manifest`].
pub const SETTINGS: &str = "cop.toml";

/// The folder with the files that are served as they are.
pub const ASSETS: &str = "assets";
/// Deepest folder within that one.
const ASSETS_DEPTH_MAX: usize = 16;

/// A program before it is compiled.
#[derive(Debug)]
pub struct Project {
    /// What it is called, unless it is published under another name.
    pub name: ProgramName,
    /// Whether that is what its author called it, and not merely the nearest to a file's or folder's name that a program can have.
    pub is_named: bool,
    /// What its author says that it is.
    pub kind: Option<Kind>,
    /// Fuel that a run may use, if the author chose.
    pub fuel: Option<u64>,
    /// Memory that a run may use in bytes, if the author chose.
    pub memory_bytes: Option<u64>,
    /// The origins that `host/http` may ask: sorted, each once.
    pub origins: Vec<String>,
    /// Whether a node may keep runs of it on its disk.
    pub records_runs: bool,
    files: Files,
    /// What was looked for on disk, as it was just before.
    asked: Mutex<BTreeMap<PathBuf, Stamp>>,
}

/// Where the files of a project are.
#[derive(Debug)]
enum Files {
    /// In a folder: where it is, and how its user named it.
    Folder(PathBuf, PathBuf),
    /// One file, and its folder for what it imports.
    File(PathBuf),
    /// In memory, by path within the package.
    Table(BTreeMap<String, Vec<u8>>),
}

/// Why a path is not a project.
#[derive(Debug)]
pub enum ProjectError {
    /// Nothing is there, or it cannot be read.
    Unreadable {
        /// What was to be read.
        path: PathBuf,
        /// The system's reason.
        cause: io::Error,
    },
    /// The folder has no `main.cop`.
    NoRoot(PathBuf),
    /// The file is not a `.cop` file.
    NotSource(PathBuf),
    /// The name is not one that a program may have.
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file that would be served as it is cannot be.
    Asset {
        /// The file.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// What is listed as an origin is none, or too many are.
    Origins(String),
    /// The settings have mistakes.
    Settings(Report),
}

impl fmt::Display for ProjectError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProjectError::Unreadable { path, cause } => {
                write!(out, "cannot read {}: {cause}", path.display())
            }
            ProjectError::NoRoot(path) => {
                write!(
                    out,
                    "{} has no {ROOT}; name a folder with a {ROOT}, or a .cop file",
                    path.display()
                )
            }
            ProjectError::NotSource(path) => write!(out, "{} is not a .cop file", path.display()),
            ProjectError::Name { name, why } => {
                write!(
                    out,
                    "`{name}`, from {SETTINGS}, cannot be a program's name: {why}"
                )
            }
            ProjectError::Asset { path, why } => {
                write!(out, "{} cannot be served: {why}", path.display())
            }
            ProjectError::Origins(why) => write!(out, "{SETTINGS}, `http`: {why}"),
            ProjectError::Settings(report) => report.fmt(out),
        }
    }
}

impl std::error::Error for ProjectError {}

impl Project {
    /// The project at a path: a folder or a `.cop` file.
    ///
    /// # Errors
    /// See [`ProjectError`]. Source files are read when they are compiled, not here.
    pub fn at(path: &Path) -> Result<Project, ProjectError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |cause| ProjectError::Unreadable { path, cause }
        };
        if std::fs::metadata(path).map_err(unreadable(path))?.is_file() {
            if path.extension().is_none_or(|extension| extension != "cop") {
                return Err(ProjectError::NotSource(path.to_owned()));
            }
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            return Project::new(&stem, None, Files::File(path.to_owned()));
        }
        // `.` and `..` have no name of their own.
        let whole = path.canonicalize().map_err(unreadable(path))?;
        if !whole.join(ROOT).is_file() {
            return Err(ProjectError::NoRoot(path.to_owned()));
        }
        let settings_path = within(path).join(SETTINGS);
        let settings = match std::fs::read_to_string(&settings_path) {
            Ok(text) => Some((settings_path.display().to_string(), text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(cause) => return Err(unreadable(&settings_path)(cause)),
        };
        let folder_name = whole
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Project::new(&folder_name, settings, Files::Folder(whole, within(path)))
    }

    /// A project whose files are in memory: path within the package, and content. `name` counts unless its settings say
    /// otherwise.
    ///
    /// # Errors
    /// See [`ProjectError`].
    pub fn in_memory(
        name: &str,
        files: BTreeMap<String, Vec<u8>>,
    ) -> Result<Project, ProjectError> {
        if !files.contains_key(ROOT) {
            return Err(ProjectError::NoRoot(PathBuf::from(name)));
        }
        let settings = files.get(SETTINGS).map(|bytes| {
            (
                format!("{name}/{SETTINGS}"),
                String::from_utf8_lossy(bytes).into_owned(),
            )
        });
        Project::new(name, settings, Files::Table(files))
    }

    /// The project that a bundle is made from: the sources in it.
    ///
    /// # Errors
    /// See [`ProjectError`].
    pub fn of_bundle(bundle: &Bundle) -> Result<Project, ProjectError> {
        let sources = bundle.sources();
        let sources = sources.map(|(path, content)| (unbundled(path), content.to_vec()));
        let assets = bundle.assets();
        let assets = assets.map(|(path, content)| (format!("{ASSETS}/{path}"), content.to_vec()));
        let files = sources.chain(assets).collect();
        Project::in_memory(bundle.manifest().name.as_str(), files)
    }

    /// `settings` are path and text of `cop.toml`, if there is one.
    fn new(
        usual_name: &str,
        settings: Option<(String, String)>,
        files: Files,
    ) -> Result<Project, ProjectError> {
        let Some((path, text)) = settings else {
            let (name, is_named) = match usual_name.parse() {
                Ok(name) => (name, true),
                Err(_) => (nearest_name(usual_name)?, false),
            };
            return Ok(Project {
                name,
                is_named,
                kind: None,
                fuel: None,
                memory_bytes: None,
                origins: Vec::new(),
                records_runs: true,
                files,
                asked: Mutex::default(),
            });
        };
        let mut report = Report::default();
        let file = report.files.add(&path, &text);
        match manifest::parse(file, &text, &mut report.diagnostics) {
            Some(manifest) if !report.diagnostics.has_errors() => Ok(Project {
                name: program_name(&manifest.name)?,
                is_named: true,
                kind: manifest.kind,
                fuel: manifest.fuel,
                memory_bytes: manifest.memory_mib.map(|mib| mib << 20),
                origins: origins(manifest.http_origins)?,
                records_runs: manifest.records_runs,
                files,
                asked: Mutex::default(),
            }),
            _ => Err(ProjectError::Settings(report)),
        }
    }

    /// A file as the author would name it, for messages. Modules of the standard library and of published packages keep
    /// their names.
    pub fn shown(&self, path: &str) -> String {
        if !path.ends_with(".cop") || path.contains(['@', '#']) {
            return path.to_owned();
        }
        match &self.files {
            Files::File(file) if path == ROOT => file.display().to_string(),
            _ => self.shown_file(path),
        }
    }

    /// A file of the project, or of a package beside it, as the author would name it.
    pub fn shown_file(&self, path: &str) -> String {
        let shown = match &self.files {
            Files::Folder(_, named) => tidy(&named.join(path)),
            Files::File(file) => file.with_file_name(path),
            Files::Table(_) => PathBuf::from(path),
        };
        shown.display().to_string()
    }

    /// The files that were looked for on disk so far, each as it was just before, those included that were not there.
    pub fn asked(&self) -> BTreeMap<PathBuf, Stamp> {
        let asked = self.asked.lock();
        asked.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The content of a file: its path has `/`, and begins with `..` for packages beside the project.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        let from_disk = |path: &Path| {
            self.note(path);
            std::fs::read(path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => SourceError::NotFound,
                _ => SourceError::Unreadable(error.to_string()),
            })
        };
        // The compiler asks for paths within packages only, and a manifest's may lead up; this holds for any caller.
        let mut parts = Path::new(path).components().peekable();
        if !matches!(self.files, Files::File(_)) {
            while parts.next_if_eq(&Component::ParentDir).is_some() {}
        }
        if !parts.all(|part| matches!(part, Component::Normal(_))) {
            return Err(SourceError::NotFound);
        }
        match &self.files {
            Files::Folder(folder, _) => from_disk(&folder.join(path)),
            Files::File(file) if path == ROOT => from_disk(file),
            // A single file has no settings.
            Files::File(_) if path == SETTINGS => Err(SourceError::NotFound),
            Files::File(file) => from_disk(&file.parent().unwrap_or(Path::new("")).join(path)),
            Files::Table(files) => files.get(path).cloned().ok_or(SourceError::NotFound),
        }
    }

    /// Whether a path from the project's folder leads back to that folder.
    pub fn is_at(&self, path: &str) -> bool {
        match &self.files {
            Files::Folder(folder, _) => {
                let found = folder.join(path).canonicalize();
                path.is_empty() || found.is_ok_and(|found| found == *folder)
            }
            _ => path.is_empty(),
        }
    }

    /// The names of the files in a folder of the project, sorted.
    pub fn list(&self, folder: &str) -> Vec<String> {
        let on_disk = match &self.files {
            Files::Folder(root, _) => root.join(folder),
            Files::File(file) => file.parent().unwrap_or(Path::new("")).join(folder),
            Files::Table(files) => {
                let within = |path: &String| match path.rsplit_once('/') {
                    Some((within, name)) => (within == folder).then(|| name.to_owned()),
                    None => folder.is_empty().then(|| path.clone()),
                };
                return files.keys().filter_map(within).collect();
            }
        };
        let entries = std::fs::read_dir(on_disk).into_iter().flatten();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// The files that are served as they are, by path within the folder [`ASSETS`]. A single file has none, and files whose names
    /// begin with a dot are none.
    ///
    /// # Errors
    /// A file or folder cannot be read, is none (a link), has a name that is not text, or lies too deep.
    pub fn assets(&self) -> Result<BTreeMap<String, Vec<u8>>, ProjectError> {
        let mut assets = BTreeMap::new();
        match &self.files {
            Files::Folder(root, _) => self.add_assets(&root.join(ASSETS), "", 0, &mut assets)?,
            Files::File(_) => {}
            Files::Table(files) => {
                let prefix = format!("{ASSETS}/");
                let found = files.iter().filter_map(|(path, content)| {
                    Some((path.strip_prefix(&prefix)?.to_owned(), content.clone()))
                });
                assets.extend(found);
            }
        }
        Ok(assets)
    }

    /// Adds what is in a folder; `within` is its path within the assets, empty or ending with `/`.
    fn add_assets(
        &self,
        folder: &Path,
        within: &str,
        depth: usize,
        assets: &mut BTreeMap<String, Vec<u8>>,
    ) -> Result<(), ProjectError> {
        self.note(folder);
        let unreadable = |path: &Path, cause| ProjectError::Unreadable {
            path: path.to_owned(),
            cause,
        };
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if depth == 0 && error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(cause) => return Err(unreadable(folder, cause)),
        };
        for entry in entries {
            let entry = entry.map_err(|cause| unreadable(folder, cause))?;
            let path = entry.path();
            let kind = entry
                .file_type()
                .map_err(|cause| unreadable(&path, cause))?;
            let refused = |why: &'static str| ProjectError::Asset {
                path: path.clone(),
                why,
            };
            let name = entry.file_name().into_string();
            let name = name.map_err(|_| refused("its name is not text"))?;
            if name.starts_with('.') {
                continue;
            }
            let at = format!("{within}{name}");
            if kind.is_dir() {
                if depth == ASSETS_DEPTH_MAX {
                    return Err(refused("folders are nested more than 16 deep"));
                }
                self.add_assets(&path, &format!("{at}/"), depth + 1, assets)?;
            } else if kind.is_file() {
                self.note(&path);
                let size = entry.metadata().map_err(|cause| unreadable(&path, cause))?;
                if size.len() > BUNDLE_BYTES_MAX as u64 || assets.len() >= FILES_MAX {
                    return Err(refused("a bundle has room for 32 MiB and 10,000 files"));
                }
                let content = std::fs::read(&path).map_err(|cause| unreadable(&path, cause))?;
                assets.insert(at, content);
            } else {
                return Err(refused(
                    "it is a link or a device, and a bundle has files only",
                ));
            }
        }
        Ok(())
    }

    /// Remembers what a file or folder is before it is read.
    fn note(&self, path: &Path) {
        let stamp = Stamp::of(path);
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.entry(path.to_owned()).or_insert(stamp);
    }

    /// The text of `cop.lock`, if there is one.
    pub fn lock_text(&self) -> Option<String> {
        let bytes = match &self.files {
            Files::File(_) => None,
            _ => self.read(LOCK).ok(),
        };
        bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Writes `cop.lock`. Only a folder keeps one: a single file and what is in memory have none.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write_lock(&self, text: &str) -> io::Result<()> {
        match &self.files {
            Files::Folder(folder, _) => write_whole(&folder.join(LOCK), text.as_bytes()),
            Files::File(_) | Files::Table(_) => Ok(()),
        }
    }
}

/// A path without steps that lead back: `drawing/../shapes` is `shapes`.
fn tidy(path: &Path) -> PathBuf {
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in path.components() {
        match (part, parts.last()) {
            (Component::ParentDir, Some(Component::Normal(_))) => {
                parts.pop();
            }
            (part, _) => parts.push(part),
        }
    }
    parts.into_iter().collect()
}

/// The origins of a manifest, in its order.
fn origins(listed: Vec<String>) -> Result<Vec<String>, ProjectError> {
    if listed.len() > ORIGINS_MAX {
        let why = format!("at most {ORIGINS_MAX} origins are listed");
        return Err(ProjectError::Origins(why));
    }
    let origins: Result<BTreeSet<String>, String> =
        listed.iter().map(|text| origin(text)).collect();
    let origins = origins.map_err(ProjectError::Origins)?;
    Ok(origins.into_iter().collect())
}

fn program_name(name: &str) -> Result<ProgramName, ProjectError> {
    name.parse()
        .map_err(|why: cop_runtime::address::NameError| ProjectError::Name {
            name: name.to_owned(),
            why: why.to_string(),
        })
}

/// What a program can be called that lies in a file or folder of this name: `My_Page` is `my-page`.
fn nearest_name(name: &str) -> Result<ProgramName, ProjectError> {
    let mut nearest = String::new();
    for letter in name.chars().map(|letter| letter.to_ascii_lowercase()) {
        if letter.is_ascii_alphanumeric() {
            nearest.push(letter);
        } else if !nearest.is_empty() && !nearest.ends_with('-') {
            nearest.push('-');
        }
    }
    nearest.truncate(NAME_LENGTH_MAX);
    let nearest = nearest.trim_end_matches('-');
    program_name(if nearest.is_empty() {
        "program"
    } else {
        nearest
    })
}

/// The path before the names of files in it: nothing for this folder.
fn within(folder: &Path) -> PathBuf {
    folder.strip_prefix(".").unwrap_or(folder).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_folder(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("guest-book");
        std::fs::create_dir(&root).expect("made");
        for (name, text) in files {
            std::fs::write(root.join(name), text).expect("written");
        }
        (folder, root)
    }

    /// A path beside a folder.
    fn folder_name(folder: &Path, path: &str) -> String {
        folder.with_file_name("").join(path).display().to_string()
    }

    fn error(path: &Path) -> String {
        Project::at(path).expect_err("not a project").to_string()
    }

    #[test]
    fn a_folder_and_a_single_file_are_projects() {
        let (_folder, root) = in_folder(&[("main.cop", "a"), ("other.cop", "b")]);
        let project = Project::at(&root).expect("a project");
        assert_eq!(
            (project.name.as_str(), project.fuel, project.memory_bytes),
            ("guest-book", None, None)
        );
        assert_eq!(project.read(ROOT).as_deref(), Ok(&b"a"[..]));
        assert_eq!(project.read("nothing.cop"), Err(SourceError::NotFound));
        assert_eq!(
            project.read("a/../main.cop"),
            Err(SourceError::NotFound),
            "one spelling"
        );
        assert_eq!(project.list(""), ["main.cop", "other.cop"]);

        let single = Project::at(&root.join("other.cop")).expect("a project");
        assert_eq!(single.name.as_str(), "other");
        assert_eq!(single.read(ROOT).as_deref(), Ok(&b"b"[..]));
        assert_eq!(
            single.read("../guest-book/main.cop"),
            Err(SourceError::NotFound)
        );
        assert!(single.shown(ROOT).ends_with("guest-book/other.cop"));
        assert!(single.shown("a/b.cop").ends_with("guest-book/a/b.cop"));
        assert!(project.shown("a/b.cop").ends_with("guest-book/a/b.cop"));
        assert_eq!(project.shown("std/web"), "std/web");
        assert_eq!(project.shown("cop1a/b@3/main.cop"), "cop1a/b@3/main.cop");
        let beside = folder_name(&root, "shapes/main.cop");
        assert_eq!(project.shown("../shapes/main.cop"), beside);
    }

    #[test]
    fn settings_name_and_limit() {
        let (_folder, root) = in_folder(&[
            ("main.cop", ""),
            (SETTINGS, "name = \"notes\"\nfuel = 5_000\nmemory_mib = 2\n"),
        ]);
        let project = Project::at(&root).expect("a project");
        assert_eq!(
            (project.name.as_str(), project.fuel, project.memory_bytes),
            ("notes", Some(5000), Some(2 << 20))
        );
        for (text, expected) in [
            ("nmae = \"x\"", "nmae"),
            ("name = \"Notes\"", "cannot name a package"),
            ("name = \"notes-of-a-long-winter\"", "at most 20 characters"),
            ("name = \"a\"\nfuel = 0", "out of range"),
            ("name = ", "not TOML"),
        ] {
            std::fs::write(root.join(SETTINGS), text).expect("written");
            let message = error(&root);
            assert!(
                message.contains(expected) && message.contains(SETTINGS),
                "{text}: {message}"
            );
        }
    }

    #[test]
    fn what_is_not_a_project_is_told_so() {
        let (folder, root) = in_folder(&[("readme.md", "")]);
        assert!(error(&root).contains("has no main.cop"));
        assert!(error(&root.join("readme.md")).contains("is not a .cop file"));
        assert!(error(&folder.path().join("nothing")).contains("cannot read"));
    }

    #[test]
    fn any_file_name_gives_a_name() {
        for (given, name) in [
            ("My Program", "my-program"),
            ("__tmp.Ab9", "tmp-ab9"),
            ("a_very_long_name_indeed_", "a-very-long-name-ind"),
            ("nineteen_characters__x", "nineteen-characters"),
            ("é", "program"),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join(format!("{given}.cop"));
            std::fs::write(&path, "").expect("written");
            let project = Project::at(&path).expect("a project");
            assert_eq!((project.name.as_str(), project.is_named), (name, false));
        }
    }
}
