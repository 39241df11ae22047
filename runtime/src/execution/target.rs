//! Which program answers a request, and under which rights.

use std::sync::Arc;

use cop_bytecode::Hash;

use super::Shared;
use super::publish::check_limits;
use super::web::broken;
use crate::address::{Address, ProgramName};
use crate::answer::ProgramRef;
use crate::assets::Asset;
use crate::engine::Limits;
use crate::failure::{Failure, FailureCode};
use crate::host::WITH_STATE;
use crate::host::world::store_failure;
use crate::keys::PublicKey;
use crate::library::ReadyProgram;
use crate::manifest::ProgramKind;
use crate::release::SignedRelease;
use crate::state::{Snapshot, States};
use crate::store::state::Namespace;

/// What a request is answered with: a program, under the rights that its release gives it.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) ready: Arc<ReadyProgram>,
    pub(super) limits: Limits,
    /// Publisher, name and release number; `None` for a bundle by its hash alone.
    pub(super) named: Option<(Address, ProgramName, u64)>,
    /// The publisher's key, likewise.
    pub(super) publisher: Option<PublicKey>,
    /// The hash of the release, likewise.
    pub(super) release_hash: Option<Hash>,
    /// Whose state the program may use.
    pub(super) namespace: Option<Namespace>,
}

/// Finds the program, and the release by which it was asked for; none for a bundle by its hash alone.
async fn find(
    shared: &Arc<Shared>,
    program: &ProgramRef,
) -> Result<(Arc<ReadyProgram>, Option<Arc<SignedRelease>>), Failure> {
    let unknown = |detail: String| {
        Failure::new(
            FailureCode::NoSuchProgram,
            "there is no such program here",
            detail,
        )
        .hint("check the address; publish it with `copc publish`")
    };
    let (bundle, named) = match program {
        ProgramRef::Pinned(bundle) => (*bundle, None),
        ProgramRef::Named {
            address,
            name,
            release,
        } => {
            let wanted = (*address, name.clone(), *release);
            let found = shared.heads.find(&shared.store, &wanted);
            let signed =
                found
                    .map_err(|error| store_failure(&error))?
                    .ok_or_else(|| match release {
                        None => unknown(format!(
                            "{address} has published nothing named `{name}` here"
                        )),
                        Some(number) => unknown(format!(
                            "release {number} of `{name}` by {address} is not here"
                        )),
                    })?;
            (signed.release().bundle, Some(signed))
        }
    };
    let ready = ready_program(shared, bundle)
        .await?
        .ok_or_else(|| unknown(format!("no bundle {bundle} is stored here")))?;
    Ok((ready, named))
}

/// A file of a program that is served without running it, by its path below `assets/`.
pub(super) async fn asset(
    shared: &Arc<Shared>,
    program: &ProgramRef,
    path: &str,
) -> Result<Option<Asset>, Failure> {
    let (ready, _) = find(shared, program).await?;
    let Some(hash) = ready.assets.get(path).copied() else {
        return Ok(None);
    };
    if let Some(asset) = shared.assets.in_memory(&hash) {
        return Ok(Some(asset));
    }
    let shared = shared.clone();
    let read = move || {
        let read = shared.assets.load(&shared.store, &hash);
        read.map_err(|error| store_failure(&error))
    };
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|_| Err(broken()))
}

/// Finds the program and what it may do.
pub(super) async fn resolve(shared: &Arc<Shared>, program: &ProgramRef) -> Result<Target, Failure> {
    let (ready, named) = find(shared, program).await?;
    let manifest = &ready.manifest;
    if manifest.kind != ProgramKind::Web {
        return Err(Failure::new(
            FailureCode::NoSuchProgram,
            "this program answers no requests",
            format!(
                "`{}` is a {}, not a web program",
                manifest.name,
                manifest.kind.as_str()
            ),
        )
        .hint(match manifest.kind {
            ProgramKind::Library => "use a library in a program of your own with `copc add`",
            _ => "run a command with `copc run`",
        }));
    }
    let (limits, granted) = match &named {
        Some(signed) => {
            let release = signed.release();
            let limits = Limits {
                fuel: release.fuel,
                memory_bytes: release.memory_bytes,
            };
            (limits, release.capabilities.as_slice())
        }
        None => {
            let limits = Limits {
                fuel: manifest.fuel,
                memory_bytes: manifest.memory_bytes,
            };
            (limits, &[][..])
        }
    };
    check_limits(&shared.config, limits.fuel, limits.memory_bytes)?;
    let denied = manifest
        .capabilities
        .iter()
        .find(|needed| !granted.contains(needed));
    if let Some(denied) = denied {
        let detail = match named {
            Some(_) => {
                format!("it needs `{denied}`, which its publisher has not granted in this release")
            }
            None => format!(
                "it needs `{denied}`, and a program that is called by its hash runs without state"
            ),
        };
        return Err(Failure::new(
            FailureCode::Denied,
            "the program may not run like this",
            detail,
        )
        .hint("call it by its publisher's address and its name"));
    }
    let publisher = named.as_ref().map(|signed| signed.release().key);
    let release_hash = named.as_ref().map(|signed| signed.hash());
    let named = named.map(|signed| {
        let release = signed.release();
        (signed.address(), release.name.clone(), release.number)
    });
    let has_state = manifest
        .capabilities
        .iter()
        .any(|capability| WITH_STATE.contains(&capability.as_str()));
    Ok(Target {
        namespace: named
            .as_ref()
            .filter(|_| has_state)
            .map(|(address, name, _)| Namespace {
                address: *address,
                name: name.clone(),
            }),
        named,
        publisher,
        release_hash,
        limits,
        ready,
    })
}

/// The program from memory, or read and verified on a thread where that may take a while.
async fn ready_program(
    shared: &Arc<Shared>,
    bundle: Hash,
) -> Result<Option<Arc<ReadyProgram>>, Failure> {
    if let Some(ready) = shared.library.in_memory(&bundle) {
        return Ok(Some(ready));
    }
    let library = shared.library.clone();
    let store = shared.store.clone();
    let loaded = tokio::task::spawn_blocking(move || library.load(&store, &bundle)).await;
    loaded.unwrap_or_else(|_| Err(broken()))
}

/// The program's state as it is now, if it has any.
pub(super) fn snapshot(states: &States, target: &Target) -> Option<Snapshot> {
    let namespace = target.namespace.as_ref()?;
    Some(states.snapshot(namespace))
}
