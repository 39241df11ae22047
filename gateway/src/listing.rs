//! Programs and releases as JSON: the same for publisher pages and for the management interface.

use cop_runtime::{ProgramListing, ReleaseInfo};
use serde::Serialize;

/// One release.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ReleaseJson {
    address: String,
    name: String,
    release: u64,
    release_hash: String,
    bundle: String,
    program: String,
    kind: &'static str,
    time_ms: u64,
    capabilities: Vec<String>,
    fuel: u64,
    memory_bytes: u64,
    bundle_bytes: u64,
    paths: Paths,
}

/// Where a program is found on this node.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Paths {
    /// First label of its own host.
    host_label: String,
    by_name: String,
    by_release: String,
    pinned: String,
}

/// One published name.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ProgramJson {
    #[serde(flatten)]
    newest: ReleaseJson,
    releases: u64,
    state_bytes: u64,
}

impl From<&ReleaseInfo> for ReleaseJson {
    fn from(info: &ReleaseInfo) -> ReleaseJson {
        let (address, name, number) = (info.address, &info.name, info.number);
        ReleaseJson {
            address: address.to_string(),
            name: name.to_string(),
            release: number,
            release_hash: info.release_hash.to_string(),
            bundle: info.bundle_hash.to_string(),
            program: info.package_hash.to_string(),
            kind: info.kind.as_str(),
            time_ms: info.time_ms,
            capabilities: info.capabilities.clone(),
            fuel: info.fuel,
            memory_bytes: info.memory_bytes,
            bundle_bytes: info.bundle_bytes,
            paths: Paths {
                host_label: format!("{name}-{address}"),
                by_name: format!("/~{address}/{name}/"),
                by_release: format!("/~{address}/{name}@{number}/"),
                pinned: format!("/b3/{}/", info.bundle_hash),
            },
        }
    }
}

impl From<&ProgramListing> for ProgramJson {
    fn from(listing: &ProgramListing) -> ProgramJson {
        ProgramJson {
            newest: ReleaseJson::from(&listing.newest),
            releases: listing.releases,
            state_bytes: listing.state_bytes,
        }
    }
}
