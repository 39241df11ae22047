//! Publishing: everything is checked before anything is written.

use std::sync::Arc;

use bytes::Bytes;

use super::{Published, Shared};
use crate::bundle::Bundle;
use crate::failure::{Failure, FailureCode};
use crate::host::world::store_failure;
use crate::library::ReadyProgram;
use crate::release::{OutOfOrder, SignedRelease, Standing};
use crate::store::programs::{KeepError, PublishError};

pub(super) async fn publish(
    shared: &Arc<Shared>,
    release: Vec<u8>,
    bundle: Bytes,
) -> Result<Published, Failure> {
    shared.admit()?;
    let heads = shared.heads.clone();
    let library = shared.library.clone();
    let store = shared.store.clone();
    let states = shared.states.clone();
    let config = shared.config.clone();
    let work = move || {
        let signed = SignedRelease::decode(&release).map_err(|error| {
            Failure::new(
                FailureCode::BadSignature,
                "the release was refused",
                error.to_string(),
            )
            .hint("publish again with `copc publish`, which signs anew")
        })?;
        check_network(&config.network, &signed.release().network)?;
        check_limits(
            &config,
            signed.release().fuel,
            signed.release().memory_bytes,
        )?;
        let bundle = Bundle::decode(&bundle).map_err(|error| {
            Failure::new(
                FailureCode::BadBundle,
                "the bundle was refused",
                error.to_string(),
            )
            .hint("build it again with `copc build`")
        })?;
        let ready = ReadyProgram::of_bundle(library.engine(), &bundle)?;
        check_names(&signed, &bundle)?;
        let standing = store
            .publish(&signed, &bundle, config.publisher_quota_bytes)
            .map_err(|error| publish_failure(&error, &signed))?;
        states.refresh().map_err(|error| store_failure(&error))?;
        library.keep(Arc::new(ready));
        let release = signed.release();
        heads.forget(&signed.address(), &release.name);
        Ok(Published {
            address: signed.address(),
            name: release.name.clone(),
            number: release.number,
            release_hash: signed.hash(),
            bundle_hash: release.bundle,
            package_hash: release.package,
            already: standing == Standing::Already,
        })
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(published) => published,
        Err(_) => Err(Failure::new(
            FailureCode::Internal,
            "publishing failed",
            "a defect of this node ended it; nothing was changed",
        )),
    }
}

fn check_network(own: &cop_bytecode::Hash, of: &cop_bytecode::Hash) -> Result<(), Failure> {
    if own == of {
        return Ok(());
    }
    Err(Failure::new(
        FailureCode::BadSignature,
        "the release is for another network",
        format!("it was signed for the network {of}, this node belongs to {own}"),
    )
    .hint("publish to a node of that network, or sign for this one"))
}

/// Whether this node grants what a release asks for.
pub(super) fn check_limits(
    config: &super::ExecutionConfig,
    fuel: u64,
    memory_bytes: u64,
) -> Result<(), Failure> {
    if fuel <= config.fuel_max && memory_bytes <= config.memory_max_bytes {
        return Ok(());
    }
    Err(Failure::new(
        FailureCode::LimitsTooHigh,
        "the release asks for more than this node grants",
        format!(
            "it asks for {fuel} fuel and {memory_bytes} bytes of memory; this node grants {} and {}",
            config.fuel_max, config.memory_max_bytes
        ),
    )
    .hint("lower the limits in cop.toml and publish again"))
}

fn check_names(signed: &SignedRelease, bundle: &Bundle) -> Result<(), Failure> {
    let release = signed.release();
    for (what, named, found) in [
        ("bundle", release.bundle, bundle.hash()),
        ("package", release.package, bundle.manifest().package),
    ] {
        if named != found {
            return Err(Failure::new(
                FailureCode::BadBundle,
                "the bundle is not the one that was signed",
                format!("the release names the {what} {named}, this one is {found}"),
            )
            .hint("publish again with `copc publish`, which signs anew"));
        }
    }
    Ok(())
}

fn publish_failure(error: &PublishError, signed: &SignedRelease) -> Failure {
    let release = signed.release();
    match error {
        PublishError::Order(order) => {
            let failure = Failure::new(
                FailureCode::StaleRelease,
                format!(
                    "release {} of `{}` was refused",
                    release.number, release.name
                ),
                order.to_string(),
            );
            match order {
                OutOfOrder::Contradiction { .. } => failure.hint(format!(
                    "both releases were kept as evidence, this one is {}; sign the next with a new number",
                    signed.hash()
                )),
                _ => failure.hint("ask the node for its newest release and sign the one after it"),
            }
        }
        PublishError::Revoked(reason) => Failure::new(
            FailureCode::BadSignature,
            "the key was revoked",
            format!("its owner ended it: {reason:?}"),
        )
        .hint("publish with another key"),
        PublishError::Share { used, added, limit } => Failure::new(
            FailureCode::Quota,
            "the publisher's share of the store is used up",
            format!("its bundles use {used} bytes of {limit}, this one would add {added}"),
        )
        .hint("publish a smaller bundle, or ask the operator of the node for more room"),
        PublishError::Store(error) => store_failure(error),
    }
}

pub(super) fn keep_record(shared: &Shared, record: &[u8]) -> Result<(), Failure> {
    let network = &shared.config.network;
    shared
        .store
        .keep_record(network, record)
        .map_err(|error| match error {
            KeepError::Record(error) => Failure::new(
                FailureCode::BadSignature,
                "the record was refused",
                error.to_string(),
            ),
            KeepError::Network(of) => match check_network(network, &of) {
                Err(failure) => failure,
                Ok(()) => Failure::new(FailureCode::Internal, "the record was refused", ""),
            },
            KeepError::Store(error) => store_failure(&error),
        })
}
