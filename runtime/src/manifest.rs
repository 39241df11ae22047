//! What a program is, in a few facts: the first file that a node reads of a bundle.
//!
//! ```text
//!  "copt" 2 │ name │ kind │ package hash │ capabilities │ origins │ fuel │ memory │ compiler │ hash of the sources
//! ```
//! Without origins it has version 1, and they are left out; with version 3, which may have none of them, no run is kept on disk. It is made by the compiler from `cop.toml` and the compiled package. Nothing in it is believed: a node compares it with the
//! package before it stores the bundle.

use std::fmt;

use cop_bytecode::{Hash, limits};

use crate::address::{NameError, ProgramName};
use crate::codec::{CodecError, Reader, Writer};
use crate::host::http::{ORIGINS_MAX, origin};

const MAGIC: &[u8; 4] = b"copt";
/// Of a manifest that lists origins.
const VERSION: u8 = 2;
/// Of one whose runs are not kept on disk, whether or not it lists origins.
const VERSION_UNRECORDED: u8 = 3;
/// Of one that lists none.
const VERSION_WITHOUT_ORIGINS: u8 = 1;
const TEXT_BYTES_MAX: usize = 64;

/// What a program is, by its entry point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProgramKind {
    /// `fn main`: run by its user.
    Command,
    /// `fn handle`: answers requests.
    Web,
    /// No entry point: used by other packages.
    Library,
}

impl ProgramKind {
    const ALL: [ProgramKind; 3] = [ProgramKind::Command, ProgramKind::Web, ProgramKind::Library];

    /// `command`, `web` or `library`.
    pub fn as_str(self) -> &'static str {
        match self {
            ProgramKind::Command => "command",
            ProgramKind::Web => "web",
            ProgramKind::Library => "library",
        }
    }

    /// The name of its entry point.
    pub fn entry(self) -> Option<&'static str> {
        match self {
            ProgramKind::Command => Some("main"),
            ProgramKind::Web => Some("handle"),
            ProgramKind::Library => None,
        }
    }
}

/// The manifest of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The program's name as its author calls it. A release may publish it under another.
    pub name: ProgramName,
    /// What it is, and with that its entry point.
    pub kind: ProgramKind,
    /// The package.
    pub package: Hash,
    /// What the entry point may touch, such as `kv`: sorted, each once.
    pub capabilities: Vec<String>,
    /// The origins that it may ask by `http`, such as `https://api.example.org`: sorted, each once.
    pub origins: Vec<String>,
    /// Whether a node may keep runs that trapped or wrote on its disk, to be done again.
    pub records_runs: bool,
    /// Fuel that a run may use.
    pub fuel: u64,
    /// Memory that a run may use, in bytes.
    pub memory_bytes: u64,
    /// Name and version of the compiler that made the package.
    pub compiler: String,
    /// Hash of the sources: [`crate::bundle::source_hash`].
    pub sources: Hash,
}

/// Why bytes are not a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestError {
    /// The bytes are not canonical.
    Codec(CodecError),
    /// The name is not allowed.
    Name(NameError),
    /// The kind has a number that means nothing.
    Kind(u8),
    /// The capabilities are not sorted, or one is not a name of 1 to 64 of `a-z` and `_`.
    Capabilities,
    /// The origins are none or too many, not sorted, or one is not written as it is to be.
    Origins,
    /// Fuel or memory is 0 or more than the edition allows.
    Limits,
    /// The compiler's name is not 1 to 64 characters of printable ASCII.
    Compiler,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ManifestError::Codec(error) => error.fmt(out),
            ManifestError::Name(error) => error.fmt(out),
            ManifestError::Kind(number) => write!(out, "there is no program kind {number}"),
            ManifestError::Capabilities => out.write_str(
                "capabilities must be sorted, each once, and made of 1 to 64 of a-z and `_`",
            ),
            ManifestError::Origins => write!(
                out,
                "origins must be 1 to {ORIGINS_MAX}, sorted, each once, and like `https://example.org`"
            ),
            ManifestError::Limits => write!(
                out,
                "fuel must be 1 to {}, memory 1 to {} bytes",
                limits::FUEL_MAX,
                limits::MEMORY_MAX
            ),
            ManifestError::Compiler => {
                out.write_str("the compiler's name must be 1 to 64 characters of printable ASCII")
            }
        }
    }
}

impl std::error::Error for ManifestError {}

impl From<CodecError> for ManifestError {
    fn from(error: CodecError) -> ManifestError {
        ManifestError::Codec(error)
    }
}

impl Manifest {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let version = match (self.records_runs, self.origins.is_empty()) {
            (false, _) => VERSION_UNRECORDED,
            (true, true) => VERSION_WITHOUT_ORIGINS,
            (true, false) => VERSION,
        };
        let mut writer = Writer::format(MAGIC, version);
        writer
            .text(self.name.as_str())
            .byte(self.kind as u8)
            .raw(&self.package.0)
            .texts(&self.capabilities);
        if version != VERSION_WITHOUT_ORIGINS {
            writer.texts(&self.origins);
        }
        writer
            .count(self.fuel)
            .count(self.memory_bytes)
            .text(&self.compiler)
            .raw(&self.sources.0);
        writer.finish()
    }

    /// Reads canonical bytes, and refuses values that no manifest may have.
    pub fn decode(bytes: &[u8]) -> Result<Manifest, ManifestError> {
        let version = match bytes.get(MAGIC.len()) {
            Some(&known @ (VERSION | VERSION_UNRECORDED)) => known,
            _ => VERSION_WITHOUT_ORIGINS,
        };
        let lists_origins = version != VERSION_WITHOUT_ORIGINS;
        let mut reader = Reader::format(bytes, MAGIC, version)?;
        let manifest = Manifest {
            name: reader.text()?.parse().map_err(ManifestError::Name)?,
            kind: {
                let number = reader.byte()?;
                *ProgramKind::ALL
                    .get(usize::from(number))
                    .ok_or(ManifestError::Kind(number))?
            },
            package: Hash(reader.array()?),
            capabilities: reader.texts()?,
            origins: match lists_origins {
                true => reader.texts()?,
                false => Vec::new(),
            },
            records_runs: version != VERSION_UNRECORDED,
            fuel: reader.count()?,
            memory_bytes: reader.count()?,
            compiler: reader.text()?.to_owned(),
            sources: Hash(reader.array()?),
        };
        reader.end()?;
        if !capabilities_are_canonical(&manifest.capabilities) {
            return Err(ManifestError::Capabilities);
        }
        let has_none = version == VERSION_UNRECORDED && manifest.origins.is_empty();
        if lists_origins && !has_none && !origins_are_canonical(&manifest.origins) {
            return Err(ManifestError::Origins);
        }
        if !limits_are_allowed(manifest.fuel, manifest.memory_bytes) {
            return Err(ManifestError::Limits);
        }
        let printable = manifest.compiler.bytes().all(|b| (0x20..0x7f).contains(&b));
        if !printable || !(1..=TEXT_BYTES_MAX).contains(&manifest.compiler.len()) {
            return Err(ManifestError::Compiler);
        }
        Ok(manifest)
    }
}

/// Whether a list of capabilities is sorted, without repeats, and made of plausible names.
pub fn capabilities_are_canonical(capabilities: &[String]) -> bool {
    capabilities.is_sorted_by(|left, right| left < right)
        && capabilities.iter().all(|name| {
            (1..=TEXT_BYTES_MAX).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        })
}

/// Whether a list of origins is one that a manifest may have.
fn origins_are_canonical(origins: &[String]) -> bool {
    (1..=ORIGINS_MAX).contains(&origins.len())
        && origins.is_sorted_by(|left, right| left < right)
        && origins.iter().all(|text| origin(text).as_ref() == Ok(text))
}

/// Whether a release may ask for these limits in this edition.
pub fn limits_are_allowed(fuel: u64, memory_bytes: u64) -> bool {
    (1..=limits::FUEL_MAX).contains(&fuel) && (1..=limits::MEMORY_MAX).contains(&memory_bytes)
}
