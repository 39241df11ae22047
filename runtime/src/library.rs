//! Programs that are ready to run: decoded, verified and kept in memory as long as there is room.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use cop_bytecode::Hash;
use cop_bytecode::source_map::SourceMap;

use crate::bundle::{ASSETS, Bundle};
use crate::engine::{Engine, Loaded};
use crate::failure::{Failure, FailureCode};
use crate::host::CAPABILITIES;
use crate::host::world::store_failure;
use crate::manifest::Manifest;
use crate::store::Store;

/// Programs that are kept in memory.
const PROGRAMS_MAX: usize = 256;

/// Packages without machine code that are remembered.
const DISTRUSTED_MAX: usize = 4096;

/// A verified program with what its bundle says of it.
pub struct ReadyProgram {
    /// The bundle it is from.
    pub bundle: Hash,
    /// What it is.
    pub manifest: Manifest,
    /// The program.
    pub program: Arc<dyn Loaded>,
    /// Where its instructions came from.
    pub source_map: SourceMap,
    /// The hashes of the files that are served as they are, by path below `assets/`.
    pub assets: BTreeMap<String, Hash>,
}

impl ReadyProgram {
    /// Verifies a bundle: its package must be what the manifest says, and all that it asks of a host must exist.
    pub fn of_bundle(engine: &dyn Engine, bundle: &Bundle) -> Result<ReadyProgram, Failure> {
        let refuse = |detail: String| {
            Failure::new(FailureCode::BadBundle, "the bundle was refused", detail)
                .hint("build it again with `copc build`")
        };
        let manifest = bundle.manifest();
        let program = engine
            .load(bundle.interface(), bundle.code())
            .map_err(|reason| refuse(format!("its package does not verify: {reason}")))?;
        if program.hash() != manifest.package {
            return Err(refuse(format!(
                "its manifest names the package {}, but the package in it is {}",
                manifest.package,
                program.hash()
            )));
        }
        if let Some(entry) = manifest.kind.entry() {
            let mut capabilities = program
                .capabilities(entry)
                .ok_or_else(|| refuse(format!("its package has no entry point `{entry}`")))?;
            capabilities.sort();
            capabilities.dedup();
            if capabilities != manifest.capabilities {
                return Err(refuse(format!(
                    "its manifest names the capabilities {:?}, but `{entry}` takes {capabilities:?}",
                    manifest.capabilities
                )));
            }
        } else if !manifest.capabilities.is_empty() {
            return Err(refuse("a library takes no capabilities".to_owned()));
        }
        let unknown = manifest
            .capabilities
            .iter()
            .find(|capability| !CAPABILITIES.contains(&capability.as_str()));
        if let Some(unknown) = unknown {
            return Err(refuse(format!("this node has no capability `{unknown}`")));
        }
        let source_map = SourceMap::decode(bundle.source_map())
            .map_err(|error| refuse(format!("its source map is malformed: {error}")))?;
        Ok(ReadyProgram {
            bundle: bundle.hash(),
            manifest: manifest.clone(),
            program,
            source_map,
            assets: bundle
                .files()
                .filter_map(|(path, hash, _)| Some((path.strip_prefix(ASSETS)?.to_owned(), hash)))
                .collect(),
        })
    }
}

/// The programs in memory, by bundle.
pub struct Library {
    engine: Arc<dyn Engine>,
    ready: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    programs: HashMap<Hash, (Arc<ReadyProgram>, u64)>,
    uses: u64,
    /// Packages that run without machine code.
    distrusted: BTreeSet<Hash>,
}

impl Library {
    /// An empty one.
    pub fn new(engine: Arc<dyn Engine>) -> Library {
        Library {
            engine,
            ready: Mutex::default(),
        }
    }

    /// The engine that runs the programs.
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// Reads and verifies the program of a stored bundle, and keeps it; `None` if the bundle is not stored.
    pub fn load(&self, store: &Store, bundle: &Hash) -> Result<Option<Arc<ReadyProgram>>, Failure> {
        let stored = store
            .bundle(bundle)
            .map_err(|error| store_failure(&error))?;
        let Some(stored) = stored else {
            return Ok(None);
        };
        let ready = Arc::new(ReadyProgram::of_bundle(&*self.engine, &stored)?);
        self.keep(ready.clone());
        Ok(Some(ready))
    }

    /// The program of a bundle, if it is in memory.
    pub fn in_memory(&self, bundle: &Hash) -> Option<Arc<ReadyProgram>> {
        let mut shelf = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.uses += 1;
        let now = shelf.uses;
        let (ready, used_at) = shelf.programs.get_mut(bundle)?;
        *used_at = now;
        Some(ready.clone())
    }

    /// Lets a package run without machine code, now and when it is loaded again.
    pub fn distrust(&self, package: Hash) {
        let mut shelf = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if shelf.distrusted.len() < DISTRUSTED_MAX {
            shelf.distrusted.insert(package);
        }
        let programs = shelf.programs.values();
        programs
            .filter(|(ready, _)| ready.manifest.package == package)
            .for_each(|(ready, _)| ready.program.distrust_machine_code());
    }

    /// Keeps a verified program, in the place of the least recently used one if there is no room.
    pub fn keep(&self, ready: Arc<ReadyProgram>) {
        let mut shelf = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.uses += 1;
        let now = shelf.uses;
        if shelf.distrusted.contains(&ready.manifest.package) {
            ready.program.distrust_machine_code();
        }
        if shelf.programs.len() >= PROGRAMS_MAX {
            let oldest = shelf
                .programs
                .iter()
                .min_by_key(|(_, (_, used_at))| *used_at);
            if let Some(oldest) = oldest.map(|(hash, _)| *hash) {
                shelf.programs.remove(&oldest);
            }
        }
        shelf.programs.insert(ready.bundle, (ready, now));
    }
}
