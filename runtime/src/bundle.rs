//! The archive that is published: a sorted list of files, named by the hash of that list.
//!
//! ```text
//!  "copb" 1 │ count │ (path, size, file hash) × count, in order of path │ contents, in the same order
//! ```
//! Counts, sizes and the lengths of paths are LEB128; a file hash is [`file_hash`]. The *bundle hash* covers the list of (path,
//! file hash), so whoever has some of the files needs to fetch only the others. No times, no modes, no links.
//!
//! A bundle comes from strangers and its files may be written to disk, so paths are of the plainest kind (see [`check_path`]):
//! printable ASCII, which also means that whether two names collide on a disk that ignores case does not depend on anybody's
//! Unicode tables. What the encoder would not write is refused: [`Bundle::encode`] of a decoded bundle gives the same bytes.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use cop_bytecode::Hash;

use crate::codec::{CodecError, Reader, Writer};
use crate::manifest::{Manifest, ManifestError};

/// Most bytes of a bundle.
pub const BUNDLE_BYTES_MAX: usize = 32 << 20;
/// Most files of a bundle.
pub const FILES_MAX: usize = 10_000;
/// Most bytes of a path.
pub const PATH_BYTES_MAX: usize = 255;

/// The manifest's path.
pub const MANIFEST: &str = "manifest";
/// The path of the package's interface.
pub const INTERFACE: &str = "package.copi";
/// The path of the package's code.
pub const CODE: &str = "package.copc";
/// The path of the source map.
pub const SOURCE_MAP: &str = "source.map";
/// What the paths of sources begin with.
pub const SOURCES: &str = "sources/";
/// What the paths of assets begin with.
pub const ASSETS: &str = "assets/";

const MAGIC: &[u8; 4] = b"copb";
const VERSION: u8 = 1;

/// The name of a file's content.
pub fn file_hash(content: &[u8]) -> Hash {
    Hash::tagged("cop file 1", &[content])
}

/// The hash of a bundle that has these files, in order of path.
pub(crate) fn bundle_hash<'a>(files: impl Iterator<Item = (&'a str, Hash)>) -> Hash {
    list_hash("cop bundle 1", files)
}

/// The hash of a sorted list of files under a tag.
fn list_hash<'a>(tag: &str, files: impl Iterator<Item = (&'a str, Hash)>) -> Hash {
    let mut list = Writer::new();
    let mut count = 0;
    for (path, hash) in files {
        list.text(path).raw(&hash.0);
        count += 1;
    }
    let mut counted = Writer::new();
    counted.count(count);
    Hash::tagged(tag, &[&counted.finish(), &list.finish()])
}

/// The hash of a program's sources: (path below `sources/`, file hash), sorted. The manifest carries it, so that a rebuild can be
/// compared without fetching the bundle.
pub fn source_hash<'a>(sources: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Hash {
    let sorted: BTreeMap<&str, &[u8]> = sources.into_iter().collect();
    list_hash(
        "cop sources 1",
        sorted
            .into_iter()
            .map(|(path, content)| (path, file_hash(content))),
    )
}

/// Why bytes or files are not a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundleError {
    /// Larger than [`BUNDLE_BYTES_MAX`].
    TooLarge(usize),
    /// More files than [`FILES_MAX`].
    TooManyFiles(u64),
    /// The bytes are not canonical.
    Codec(CodecError),
    /// A path that is not allowed.
    Path {
        /// The path, shortened if it is long.
        path: String,
        /// What is wrong with it.
        problem: PathProblem,
    },
    /// The files are not in order of path, or a path stands twice.
    Order(String),
    /// Two paths that are the same on a disk that ignores case, or a file where another path has a folder.
    Collision(String, String),
    /// The content of this file has another hash than the list says.
    Content(String),
    /// A file that every bundle has is absent.
    Missing(&'static str),
    /// A file that no bundle of this version has.
    Unexpected(String),
    /// The manifest is wrong.
    Manifest(ManifestError),
    /// The manifest names another hash of the sources than theirs.
    Sources,
}

/// What can be wrong with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathProblem {
    /// Empty, or longer than [`PATH_BYTES_MAX`].
    Length,
    /// Begins with `/`, or has an empty part.
    Absolute,
    /// Has a part `.` or `..`.
    Dots,
    /// Has a character other than printable ASCII, or one of `\ : * ? " < > |`.
    Character,
    /// A part ends with a dot or a space, which some disks drop.
    Ending,
}

impl fmt::Display for BundleError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BundleError::TooLarge(size) => write!(
                out,
                "the bundle has {size} bytes, at most {BUNDLE_BYTES_MAX} are allowed"
            ),
            BundleError::TooManyFiles(count) => write!(
                out,
                "the bundle has {count} files, at most {FILES_MAX} are allowed"
            ),
            BundleError::Codec(error) => write!(out, "the bundle is malformed: {error}"),
            BundleError::Path { path, problem } => {
                write!(out, "the path {path:?} is not allowed in a bundle: ")?;
                out.write_str(match problem {
                    PathProblem::Length => "it must have 1 to 255 bytes",
                    PathProblem::Absolute => "it must be relative, without empty parts",
                    PathProblem::Dots => "it must not have a part `.` or `..`",
                    PathProblem::Character => {
                        "it must be printable ASCII without \\ : * ? \" < > |"
                    }
                    PathProblem::Ending => "no part may end with a dot or a space",
                })
            }
            BundleError::Order(path) => write!(
                out,
                "the bundle is malformed: {path:?} is out of order or stands twice"
            ),
            BundleError::Collision(one, other) => write!(
                out,
                "{one:?} and {other:?} would be the same file on some disks"
            ),
            BundleError::Content(path) => write!(
                out,
                "the content of {path:?} does not match its hash in the bundle's list"
            ),
            BundleError::Missing(path) => write!(out, "the bundle has no file {path:?}"),
            BundleError::Unexpected(path) => {
                write!(out, "the bundle has a file {path:?}, which belongs nowhere")
            }
            BundleError::Manifest(error) => write!(out, "the manifest is wrong: {error}"),
            BundleError::Sources => {
                out.write_str("the manifest names other sources than those in the bundle")
            }
        }
    }
}

impl std::error::Error for BundleError {}

impl From<CodecError> for BundleError {
    fn from(error: CodecError) -> BundleError {
        BundleError::Codec(error)
    }
}

/// What a bundle is made from.
#[derive(Clone, Debug)]
pub struct BundleParts {
    /// What the program is. Its source hash must be [`source_hash`] of `sources`.
    pub manifest: Manifest,
    /// The interface blob of the package.
    pub interface: Vec<u8>,
    /// The code blob of the package.
    pub code: Vec<u8>,
    /// Where instructions came from.
    pub source_map: Vec<u8>,
    /// Source files: path within the package (such as `main.cop`) and content.
    pub sources: BTreeMap<String, Vec<u8>>,
    /// Files served as they are: path and content.
    pub assets: BTreeMap<String, Vec<u8>>,
}

/// A well-formed bundle with everything that every bundle has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    files: BTreeMap<String, (Hash, Bytes)>,
    manifest: Manifest,
    hash: Hash,
}

impl Bundle {
    /// Puts a bundle together. Fails only on paths, sizes or a manifest that do not belong in one.
    pub fn build(parts: BundleParts) -> Result<Bundle, BundleError> {
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        files.insert(MANIFEST.to_owned(), parts.manifest.encode());
        files.insert(INTERFACE.to_owned(), parts.interface);
        files.insert(CODE.to_owned(), parts.code);
        files.insert(SOURCE_MAP.to_owned(), parts.source_map);
        for (prefix, group) in [(SOURCES, parts.sources), (ASSETS, parts.assets)] {
            files.extend(
                group
                    .into_iter()
                    .map(|(path, content)| (format!("{prefix}{path}"), content)),
            );
        }
        let bundle = Bundle::from_contents(files.into_iter().collect())?;
        let size = bundle.encode().len();
        if size > BUNDLE_BYTES_MAX {
            return Err(BundleError::TooLarge(size));
        }
        Ok(bundle)
    }

    /// Reads an archive. All limits are checked before anything of the size in question is kept.
    pub fn decode(bytes: &[u8]) -> Result<Bundle, BundleError> {
        if bytes.len() > BUNDLE_BYTES_MAX {
            return Err(BundleError::TooLarge(bytes.len()));
        }
        let mut reader = Reader::format(bytes, MAGIC, VERSION)?;
        let count = reader.count()?;
        if count > FILES_MAX as u64 {
            return Err(BundleError::TooManyFiles(count));
        }
        let mut list: Vec<(&str, usize, Hash)> = Vec::new();
        for _ in 0..count {
            let path = reader.text()?;
            check_path(path)?;
            let size = reader.bounded_count()?;
            let hash = Hash(reader.array()?);
            if list.last().is_some_and(|(before, ..)| *before >= path) {
                return Err(BundleError::Order(shortened(path)));
            }
            list.push((path, size, hash));
        }
        let mut files = BTreeMap::new();
        for (path, size, hash) in list {
            let content = reader.raw(size)?;
            if file_hash(content) != hash {
                return Err(BundleError::Content(path.to_owned()));
            }
            files.insert(path.to_owned(), (hash, Bytes::copy_from_slice(content)));
        }
        reader.end()?;
        Bundle::from_files(files)
    }

    /// A bundle from files whose hashes are computed here.
    pub(crate) fn from_contents(files: Vec<(String, Vec<u8>)>) -> Result<Bundle, BundleError> {
        let hashed = files
            .into_iter()
            .map(|(path, content)| (path, (file_hash(&content), Bytes::from(content))));
        Bundle::from_files(hashed.collect())
    }

    fn from_files(files: BTreeMap<String, (Hash, Bytes)>) -> Result<Bundle, BundleError> {
        if files.len() > FILES_MAX {
            return Err(BundleError::TooManyFiles(files.len() as u64));
        }
        for path in files.keys() {
            check_path(path)?;
            let known = [MANIFEST, INTERFACE, CODE, SOURCE_MAP].contains(&path.as_str())
                || path.starts_with(SOURCES)
                || path.starts_with(ASSETS);
            if !known {
                return Err(BundleError::Unexpected(path.clone()));
            }
        }
        check_collisions(files.keys().map(String::as_str))?;
        for path in [MANIFEST, INTERFACE, CODE, SOURCE_MAP] {
            if !files.contains_key(path) {
                return Err(BundleError::Missing(path));
            }
        }
        let manifest = Manifest::decode(&files[MANIFEST].1).map_err(BundleError::Manifest)?;
        let hash = bundle_hash(files.iter().map(|(path, (hash, _))| (path.as_str(), *hash)));
        let bundle = Bundle {
            files,
            manifest,
            hash,
        };
        let sources = bundle.sources().map(|(path, content)| (path, &content[..]));
        if source_hash(sources) != bundle.manifest.sources {
            return Err(BundleError::Sources);
        }
        Ok(bundle)
    }

    /// The archive.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::format(MAGIC, VERSION);
        writer.count(self.files.len() as u64);
        for (path, (hash, content)) in &self.files {
            writer.text(path).count(content.len() as u64).raw(&hash.0);
        }
        for (_, content) in self.files.values() {
            writer.raw(content);
        }
        writer.finish()
    }

    /// The name of the bundle.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// What the program is, by the word of whoever built it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The content of a file.
    pub fn file(&self, path: &str) -> Option<&Bytes> {
        self.files.get(path).map(|(_, content)| content)
    }

    /// Every path with its file hash and content, in order.
    pub fn files(&self) -> impl Iterator<Item = (&str, Hash, &Bytes)> {
        self.files
            .iter()
            .map(|(path, (hash, content))| (path.as_str(), *hash, content))
    }

    /// The sources: path within the package, and content.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.files()
            .filter_map(|(path, _, content)| Some((path.strip_prefix(SOURCES)?, content)))
    }

    /// The files that are served as they are: path below `assets/`, and content.
    pub fn assets(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.files()
            .filter_map(|(path, _, content)| Some((path.strip_prefix(ASSETS)?, content)))
    }

    /// The interface blob of the package.
    pub fn interface(&self) -> &Bytes {
        &self.files[INTERFACE].1
    }

    /// The code blob of the package.
    pub fn code(&self) -> &Bytes {
        &self.files[CODE].1
    }

    /// The source map.
    pub fn source_map(&self) -> &Bytes {
        &self.files[SOURCE_MAP].1
    }
}

fn shortened(path: &str) -> String {
    path.chars().take(PATH_BYTES_MAX).collect()
}

/// Whether a path may stand in a bundle.
pub fn check_path(path: &str) -> Result<(), BundleError> {
    let refuse = |problem| {
        Err(BundleError::Path {
            path: shortened(path),
            problem,
        })
    };
    if path.is_empty() || path.len() > PATH_BYTES_MAX {
        return refuse(PathProblem::Length);
    }
    if path
        .bytes()
        .any(|byte| !(0x20..0x7f).contains(&byte) || b"\\:*?\"<>|".contains(&byte))
    {
        return refuse(PathProblem::Character);
    }
    for part in path.split('/') {
        match part {
            "" => return refuse(PathProblem::Absolute),
            "." | ".." => return refuse(PathProblem::Dots),
            _ if part.ends_with(['.', ' ']) => return refuse(PathProblem::Ending),
            _ => {}
        }
    }
    Ok(())
}

/// No two paths, nor any of their folders, may differ in case only; and no file may stand where another path has a folder.
fn check_collisions<'a>(paths: impl Iterator<Item = &'a str>) -> Result<(), BundleError> {
    let mut seen: BTreeMap<String, (&str, bool)> = BTreeMap::new();
    for path in paths {
        let folders = path
            .match_indices('/')
            .map(|(end, _)| (&path[..end], false));
        for (prefix, is_file) in folders.chain([(path, true)]) {
            match seen.insert(prefix.to_ascii_lowercase(), (prefix, is_file)) {
                Some((other, other_is_file)) if other != prefix || other_is_file || is_file => {
                    return Err(BundleError::Collision(other.to_owned(), prefix.to_owned()));
                }
                _ => {}
            }
        }
    }
    Ok(())
}
