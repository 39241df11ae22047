//! Where packages come from: the cache of this machine, then a node. Neither is believed: a release carries its publisher's
//! signature, a bundle is named by its hash, and both are checked here.

use std::fmt;
use std::path::PathBuf;

use cop_bytecode::Hash;
use cop_runtime::bundle::BUNDLE_BYTES_MAX;
use cop_runtime::release::RELEASE_BYTES_MAX;
use cop_runtime::{Address, Bundle, ProgramName, SignedRelease, local_network};
use hyper::body::Bytes;
use hyper::{Method, StatusCode};

use crate::http::{Ask, HttpClient};
use crate::node_file::{NodeFile, default_data_dir};
use crate::packages::cache::PackageCache;

/// Most bytes of a failure that a node tells.
const PROBLEM_BYTES: usize = 64 << 10;
/// The folder of the cache within that of the user.
const CACHE_FOLDER: &str = "packages";

/// How packages are got.
#[derive(Clone, Debug, Default)]
pub struct FetchOptions {
    /// URL of the node to ask; else the one that runs on this machine.
    pub node: Option<String>,
    /// Ask nobody.
    pub offline: bool,
    /// Data folder of the node on this machine; else the usual one.
    pub data_dir: Option<PathBuf>,
    /// Folder of the cache; else the usual one.
    pub cache_dir: Option<PathBuf>,
}

/// Why a package is not had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError {
    /// What came was not what was asked for, and not merely absent.
    pub is_untrue: bool,
    /// What is wrong.
    pub why: String,
    /// What to do.
    pub help: String,
}

impl fmt::Display for FetchError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}; {}", self.why, self.help)
    }
}

impl std::error::Error for FetchError {}

fn absent(why: impl Into<String>, help: impl Into<String>) -> FetchError {
    FetchError {
        is_untrue: false,
        why: why.into(),
        help: help.into(),
    }
}

fn untrue(why: String) -> FetchError {
    FetchError {
        is_untrue: true,
        why,
        help: "do not use what this node says; ask another one with `--node URL`".to_owned(),
    }
}

/// Gets releases and bundles.
pub struct Fetcher {
    options: FetchOptions,
    cache: Option<PackageCache>,
}

impl Fetcher {
    /// One that gets packages like this.
    pub fn new(options: &FetchOptions) -> Fetcher {
        let usual = || default_data_dir().map(|folder| folder.join(CACHE_FOLDER));
        let folder = options.cache_dir.clone().or_else(usual);
        Fetcher {
            options: options.clone(),
            cache: folder.map(PackageCache::new),
        }
    }

    /// The packages that this machine has seen, if there is a folder for them.
    pub fn cache(&self) -> Option<&PackageCache> {
        self.cache.as_ref()
    }

    /// The release with this number, if this machine has seen it.
    pub fn known_release(
        &self,
        address: &Address,
        name: &ProgramName,
        number: u64,
    ) -> Option<SignedRelease> {
        self.cache.as_ref()?.release(address, name, number)
    }

    /// The release with this number.
    ///
    /// # Errors
    /// Nobody has it, or what a node gave is not it.
    pub fn release(
        &self,
        address: &Address,
        name: &ProgramName,
        number: u64,
    ) -> Result<SignedRelease, FetchError> {
        match self.known_release(address, name, number) {
            Some(known) => Ok(known),
            None => self.fetch_release(address, name, Some(number)),
        }
    }

    /// The newest release of a name that a node knows.
    ///
    /// # Errors
    /// The node has none, or what it gave is not one.
    pub fn newest_release(
        &self,
        address: &Address,
        name: &ProgramName,
    ) -> Result<SignedRelease, FetchError> {
        self.fetch_release(address, name, None)
    }

    fn fetch_release(
        &self,
        address: &Address,
        name: &ProgramName,
        number: Option<u64>,
    ) -> Result<SignedRelease, FetchError> {
        let which = match number {
            Some(number) => format!("releases/{address}/{name}@{number}"),
            None => format!("releases/{address}/{name}"),
        };
        let (node, bytes) = self.ask(&which, RELEASE_BYTES_MAX)?;
        let signed = SignedRelease::decode(&bytes).map_err(|error| {
            untrue(format!("what the node {node} gives is no release: {error}"))
        })?;
        let release = signed.release();
        let is_it = signed.address() == *address
            && release.name == *name
            && number.is_none_or(|number| release.number == number);
        if !is_it {
            return Err(untrue(format!(
                "the node {node} gives release {} of `{}` by {} instead",
                release.number,
                release.name,
                signed.address()
            )));
        }
        if release.network != local_network() {
            return Err(untrue(format!(
                "the release was signed for another network, {}",
                release.network
            )));
        }
        if let Some(cache) = &self.cache {
            // A cache that cannot be written costs time the next time, and nothing else.
            let _ = cache.keep_release(&signed);
        }
        Ok(signed)
    }

    /// The bundle with this hash.
    ///
    /// # Errors
    /// Nobody has it, or what a node gave is not it.
    pub fn bundle(&self, hash: &Hash) -> Result<Bundle, FetchError> {
        if let Some(known) = self.cache.as_ref().and_then(|cache| cache.bundle(hash)) {
            return Ok(known);
        }
        let (node, bytes) = self.ask(&format!("bundles/{hash}"), BUNDLE_BYTES_MAX)?;
        let bundle = Bundle::decode(&bytes)
            .map_err(|error| untrue(format!("what the node {node} gives is no bundle: {error}")))?;
        if bundle.hash() != *hash {
            return Err(untrue(format!(
                "the node {node} gives the bundle {} instead of {hash}",
                bundle.hash()
            )));
        }
        if let Some(cache) = &self.cache {
            // As above.
            let _ = cache.keep_bundle(&bundle);
        }
        Ok(bundle)
    }

    /// Asks the node for something that was published; gives the node's URL too.
    fn ask(&self, which: &str, most: usize) -> Result<(String, Bytes), FetchError> {
        if self.options.offline {
            return Err(absent(
                "it is not on this machine, and `--offline` lets nobody be asked",
                "leave `--offline` out once",
            ));
        }
        let node = self.node()?;
        let url = format!("{}/.well-known/coputer/{which}", node.trim_end_matches('/'));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|cause| {
                absent(
                    format!("cannot prepare to ask a node: {cause}"),
                    "try again",
                )
            })?;
        let asked = runtime.block_on(HttpClient::default().ask(Ask {
            method: Method::GET,
            url: &url,
            bearer: None,
            body: Vec::new(),
            answer_bytes: most.max(PROBLEM_BYTES),
        }));
        let (status, body) = asked.map_err(|why| {
            absent(
                format!("cannot ask the node at {node}: {why}"),
                "start a node with `copd start`, or name one with `--node http://HOST:2517`",
            )
        })?;
        match status {
            StatusCode::OK => Ok((node, body)),
            StatusCode::NOT_FOUND => Err(absent(
                format!("the node {node} does not have it"),
                "check address, name and number, or ask another node with `--node URL`",
            )),
            other => Err(absent(
                format!("the node {node} answers {other}"),
                "try again later, or ask another node with `--node URL`",
            )),
        }
    }

    /// The URL of the node to ask.
    fn node(&self) -> Result<String, FetchError> {
        if let Some(url) = &self.options.node {
            if url.starts_with("http://") {
                return Ok(url.clone());
            }
            return Err(absent(
                format!("`{url}` is not the URL of a node"),
                "write it like `--node http://HOST:2517`",
            ));
        }
        let help = "start a node with `copd start`, or name one with `--node http://HOST:2517`";
        let data = self.options.data_dir.clone().or_else(default_data_dir);
        let Some(data) = data else {
            return Err(absent("there is no home folder to find the node in", help));
        };
        let file = NodeFile::read(&data)
            .map_err(|_| absent(format!("no node runs on {}", data.display()), help))?;
        Ok(file.url)
    }
}
