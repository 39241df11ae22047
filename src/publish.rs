//! From a project to what a node stores: compile, pack, sign.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use cop_bytecode::{EncodeError, Hash, encode, limits};
use cop_compiler::compile::{
    Compilation, CompileOptions, Compiled, ProgramKind as CompiledKind, compile, compile_both,
};
use cop_compiler::manifest::Kind;
use cop_runtime::bundle::{BundleError, SOURCES, source_hash};
use cop_runtime::host::{HostCall, Source};
use cop_runtime::release::ReleaseError;
use cop_runtime::{
    Bundle, BundleParts, Manifest, ProgramKind, ProgramName, Release, SecretKey, SignedRelease,
};

use crate::constants::VmConstants;
use crate::packages::lock::{LOCK, LockFile};
use crate::packages::{self, Packages};
use crate::project::{Project, ProjectError, ROOT};
use crate::report::Report;

/// What bundles say made them.
const COMPILER: &str = concat!("copc ", env!("CARGO_PKG_VERSION"));

/// A project made into a bundle.
#[derive(Debug)]
pub struct Built {
    /// The archive that is published.
    pub bundle: Bundle,
    /// Warnings.
    pub report: Report,
}

impl Built {
    /// The packages that it is made of besides its own, as its lock file says.
    pub fn packages(&self) -> LockFile {
        let text = self.bundle.file(&format!("{SOURCES}{LOCK}"));
        let text = text.map(|bytes| String::from_utf8_lossy(bytes));
        // Without one, or with one that is none, there is nothing to tell.
        text.and_then(|text| LockFile::parse(&text).ok())
            .unwrap_or_default()
    }
}

/// Why a project is not built.
#[derive(Debug)]
pub enum BuildError {
    /// The source has errors.
    Source(Report),
    /// The manifest says that it is another kind of program than its root file makes it.
    Kind {
        /// What the manifest says.
        said: &'static str,
        /// What it is.
        is: &'static str,
    },
    /// Outside its tests it calls this function, which sets what stands for the world in a test.
    OnlyForTests(String),
    /// The compiler made something that is no package: its own defect.
    Package(EncodeError),
    /// The files beside it cannot be read.
    Assets(ProjectError),
    /// The package does not fit into a bundle.
    Bundle(BundleError),
}

impl fmt::Display for BuildError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Source(report) => report.fmt(out),
            BuildError::Kind { said, is } => write!(
                out,
                "the manifest says that this is a {said} program, but its {ROOT} makes it a {is} program: `fn main` is the entry point \
                 of a command, `fn handle` of a web program; change `kind`, or leave it out"
            ),
            BuildError::OnlyForTests(function) => write!(
                out,
                "outside its tests it calls `{function}`, by a function of std/test that is about the time, the random numbers, the store \
                 or the snapshots of a test; call such functions in `test` blocks only"
            ),
            BuildError::Package(error) => write!(
                out,
                "the compiler made a package that cannot be written ({error}); this is a defect of the compiler, please report it"
            ),
            BuildError::Assets(error) => error.fmt(out),
            BuildError::Bundle(error) => write!(out, "it does not fit into a bundle: {error}"),
        }
    }
}

impl std::error::Error for BuildError {}

/// Compiles a project and packs what came of it. The same text gives the same bundle, wherever it lies.
///
/// # Errors
/// See [`BuildError`].
pub fn build(project: &Project, from: &packages::Options) -> Result<Built, BuildError> {
    let packages = Packages::open(project, from).map_err(BuildError::Source)?;
    let (report, compiled) = compiled(project, &packages, false)?;
    let bundle = bundle(project, &packages, &compiled)?;
    Ok(Built { bundle, report })
}

/// The same with all that is said of its tests, which are no part of the bundle.
///
/// # Errors
/// See [`BuildError`].
pub fn checked(project: &Project, from: &packages::Options) -> Result<Built, BuildError> {
    let packages = Packages::open(project, from).map_err(BuildError::Source)?;
    let (compilation, without_tests) = compile_both(ROOT, &packages, options(true));
    let (report, _) = kept(project, &packages, compilation)?;
    let Some(compiled) = without_tests else {
        return Err(BuildError::Source(report));
    };
    let bundle = bundle(project, &packages, &compiled)?;
    Ok(Built { bundle, report })
}

fn bundle(
    project: &Project,
    packages: &Packages<'_>,
    compiled: &Compiled,
) -> Result<Bundle, BuildError> {
    let calls = compiled.package.host_functions.iter();
    let mut doubles = calls.filter(|call| {
        HostCall::find(&call.interface, &call.name)
            .is_some_and(|known| known.source() == Source::Double)
    });
    if let Some(call) = doubles.next() {
        let name = format!("{}.{}", call.interface, call.name);
        return Err(BuildError::OnlyForTests(name));
    }
    pack(project, compiled, packages.sources())
}

/// Compiles a project whose packages were found, and keeps its lock file. With `tests`, they are entry points.
///
/// # Errors
/// The source has errors, or the lock file must not change and would.
pub fn compiled(
    project: &Project,
    packages: &Packages<'_>,
    tests: bool,
) -> Result<(Report, Compiled), BuildError> {
    kept(project, packages, compile(ROOT, packages, options(tests)))
}

/// A compilation without errors, after the lock file was kept.
fn kept(
    project: &Project,
    packages: &Packages<'_>,
    compilation: Compilation,
) -> Result<(Report, Compiled), BuildError> {
    let Compilation {
        files,
        diagnostics,
        compiled,
    } = compilation;
    let report = Report::of(project, diagnostics, &files);
    let compiled = compiled.filter(|_| !report.diagnostics.has_errors());
    let kept = packages.finish(compiled.is_some());
    match compiled {
        None => Err(BuildError::Source(report)),
        Some(compiled) => kept
            .map_err(BuildError::Source)
            .map(|()| (report, compiled)),
    }
}

/// A project compiled up to and including a pass of the compiler ([`cop_compiler::middle::passes`]), to be looked at.
///
/// # Errors
/// The source has errors.
pub fn compiled_until(
    project: &Project,
    from: &packages::Options,
    pass: &str,
) -> Result<(Report, Compiled), BuildError> {
    let options = CompileOptions {
        last: Some(pass),
        ..options(false)
    };
    compiled_to_be_looked_at(project, from, options)
}

/// A project compiled for a debugger: nothing is improved, and it is told where variables are. It does what the program does, for
/// another amount of fuel.
///
/// # Errors
/// The source has errors.
pub fn compiled_to_step(
    project: &Project,
    from: &packages::Options,
) -> Result<(Report, Compiled), BuildError> {
    let options = CompileOptions {
        debug: true,
        ..options(false)
    };
    compiled_to_be_looked_at(project, from, options)
}

fn compiled_to_be_looked_at(
    project: &Project,
    from: &packages::Options,
    options: CompileOptions<'_>,
) -> Result<(Report, Compiled), BuildError> {
    let packages = Packages::open(project, from).map_err(BuildError::Source)?;
    let Compilation {
        files,
        diagnostics,
        compiled,
    } = compile(ROOT, &packages, options);
    let report = Report::of(project, diagnostics, &files);
    match compiled.filter(|_| !report.diagnostics.has_errors()) {
        None => Err(BuildError::Source(report)),
        Some(compiled) => Ok((report, compiled)),
    }
}

/// How programs are compiled: constants have values, and tests become entry points if they are to be run.
pub fn options(tests: bool) -> CompileOptions<'static> {
    CompileOptions {
        tests,
        constants: Some(&VmConstants),
        last: None,
        debug: false,
    }
}

fn pack(
    project: &Project,
    compiled: &Compiled,
    sources: BTreeMap<String, Vec<u8>>,
) -> Result<Bundle, BuildError> {
    let kind = match compiled.kind {
        CompiledKind::Command => ProgramKind::Command,
        CompiledKind::Web => ProgramKind::Web,
        CompiledKind::Library => ProgramKind::Library,
    };
    let said = project.kind.map(|kind| match kind {
        Kind::Command => ProgramKind::Command,
        Kind::Web => ProgramKind::Web,
        Kind::Library => ProgramKind::Library,
    });
    if let Some(said) = said
        && said != kind
    {
        return Err(BuildError::Kind {
            said: said.as_str(),
            is: kind.as_str(),
        });
    }
    let encoded = encode(&compiled.package).map_err(BuildError::Package)?;
    let manifest = Manifest {
        name: project.name.clone(),
        kind,
        package: encoded.hash(),
        capabilities: capabilities(compiled, kind),
        origins: project.origins.clone(),
        records_runs: project.records_runs,
        fuel: project.fuel.unwrap_or(limits::FUEL_DEFAULT),
        memory_bytes: project.memory_bytes.unwrap_or(limits::MEMORY_DEFAULT),
        compiler: COMPILER.to_owned(),
        sources: source_hash(
            sources
                .iter()
                .map(|(path, content)| (path.as_str(), content.as_slice())),
        ),
    };
    Bundle::build(BundleParts {
        manifest,
        interface: encoded.interface,
        code: encoded.code,
        source_map: compiled.source_map.encode(),
        sources,
        assets: match kind {
            ProgramKind::Web => project.assets().map_err(BuildError::Assets)?,
            // Nobody could ask for them.
            ProgramKind::Command | ProgramKind::Library => BTreeMap::new(),
        },
    })
    .map_err(BuildError::Bundle)
}

/// What the entry point's parameters ask for: sorted, each once.
fn capabilities(compiled: &Compiled, kind: ProgramKind) -> Vec<String> {
    let entry = compiled
        .package
        .entries
        .iter()
        .find(|entry| Some(entry.name.as_str()) == kind.entry());
    let mut capabilities = entry.map_or_else(Vec::new, |entry| entry.capabilities.clone());
    capabilities.sort();
    capabilities.dedup();
    capabilities
}

/// Where the next release of a name stands in its line of releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The network that it is for.
    pub network: Hash,
    /// Its number.
    pub number: u64,
    /// The hash of the release before it; `None` for the first.
    pub previous: Option<Hash>,
}

/// Signs a bundle as the next release of `name`, now, and grants it what its entry point asks for.
///
/// # Errors
/// The place is not one that a release can have.
pub fn sign(
    bundle: &Bundle,
    name: &ProgramName,
    place: Place,
    key: &SecretKey,
) -> Result<SignedRelease, ReleaseError> {
    let manifest = bundle.manifest();
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let release = Release {
        network: place.network,
        key: key.public(),
        name: name.clone(),
        number: place.number,
        bundle: bundle.hash(),
        package: manifest.package,
        previous: place.previous,
        time_ms: u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX),
        capabilities: manifest.capabilities.clone(),
        fuel: manifest.fuel,
        memory_bytes: manifest.memory_bytes,
        homes: Vec::new(),
    };
    release.sign(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "import { Request, Response } from \"std/web\"\nimport { greeting } from \"./greeting\"\n\
                        fn handle(req: Request) -> Response { Response.text(greeting()) }\n";

    fn project(settings: Option<&str>, greeting: &str) -> Project {
        let mut files = BTreeMap::from([
            (ROOT.to_owned(), TEXT.as_bytes().to_vec()),
            (
                "greeting.cop".to_owned(),
                format!("pub fn greeting() -> String {{ {greeting} }}").into_bytes(),
            ),
            ("unused.cop".to_owned(), b"not even cop".to_vec()),
        ]);
        if let Some(settings) = settings {
            files.insert("cop.toml".to_owned(), settings.as_bytes().to_vec());
        }
        Project::in_memory("hello", files).expect("a project")
    }

    fn built(project: &Project) -> Result<Built, BuildError> {
        build(project, &packages::Options::default())
    }

    #[test]
    fn a_project_becomes_a_bundle_with_what_it_is_made_of() {
        let made = built(&project(None, "\"hi\"")).expect("built");
        let manifest = made.bundle.manifest();
        assert_eq!(
            (manifest.name.as_str(), manifest.kind),
            ("hello", ProgramKind::Web)
        );
        assert_eq!(
            (manifest.fuel, manifest.memory_bytes),
            (limits::FUEL_DEFAULT, limits::MEMORY_DEFAULT)
        );
        let sources: Vec<&str> = made.bundle.sources().map(|(path, _)| path).collect();
        assert_eq!(sources, ["greeting.cop", "main.cop"]);
        assert_eq!(
            Bundle::decode(&made.bundle.encode())
                .expect("decoded")
                .hash(),
            made.bundle.hash()
        );
        assert_eq!(
            built(&project(None, "\"hi\""))
                .expect("built")
                .bundle
                .hash(),
            made.bundle.hash()
        );
        assert_ne!(
            built(&project(None, "\"ho\""))
                .expect("built")
                .bundle
                .hash(),
            made.bundle.hash()
        );
    }

    #[test]
    fn the_same_text_gives_the_same_bundle_wherever_it_lies() {
        let text = "import { Request, Response } from \"std/web\"\nfn handle(req: Request) -> Response { Response.text(req.path) }\n";
        let scratch = tempfile::tempdir().expect("a folder");
        let mut hashes = Vec::new();
        for place in ["here", "a/much/longer place"] {
            let folder = scratch.path().join(place);
            std::fs::create_dir_all(folder.join("hello")).expect("made");
            std::fs::write(folder.join("hello/main.cop"), text).expect("written");
            std::fs::write(folder.join("hello.cop"), text).expect("written");
            for path in ["hello", "hello.cop"] {
                let project = Project::at(&folder.join(path)).expect("a project");
                hashes.push(built(&project).expect("built").bundle.hash());
            }
        }
        let files = BTreeMap::from([(ROOT.to_owned(), text.as_bytes().to_vec())]);
        let in_memory = Project::in_memory("hello", files).expect("a project");
        hashes.push(built(&in_memory).expect("built").bundle.hash());
        hashes.dedup();
        assert_eq!(hashes.len(), 1, "{hashes:?}");
    }

    #[test]
    fn a_release_says_what_the_bundle_is() {
        let bundle = built(&project(None, "\"hi\"")).expect("built").bundle;
        let key = SecretKey::generate().expect("a key");
        let place = Place {
            network: Hash([1; 32]),
            number: 1,
            previous: None,
        };
        let signed = sign(&bundle, &"other".parse().expect("a name"), place, &key).expect("signed");
        let read = SignedRelease::decode(&signed.encode()).expect("read");
        assert_eq!(
            (read.release().bundle, read.release().name.as_str()),
            (bundle.hash(), "other")
        );
        assert_eq!(read.address(), key.public().address());
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let error = built(&project(None, "1"))
            .expect_err("not a String")
            .to_string();
        assert!(error.contains("greeting.cop:1:"), "{error}");
        let error = built(&project(
            Some("name = \"a\"\nkind = \"command\"\n"),
            "\"hi\"",
        ))
        .expect_err("the wrong kind")
        .to_string();
        assert!(
            error.contains("a command program") && error.contains("a web program"),
            "{error}"
        );
    }
}
