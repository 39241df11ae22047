//! `copc publish`: a program built, signed, and handed to a node.

use cop_bytecode::Hash;
use cop_runtime::{ProgramKind, SecretKey, local_network};
use coputer::client::{NextRelease, NodeClient, Publication};
use coputer::packages::cache::PackageCache;
use coputer::packages::fetch::Fetcher;
use coputer::project::Project;
use coputer::publish::{Built, Place, sign};
use serde_json::json;

use crate::arguments::PublishOptions;
use crate::ended::{Complaint, Ended, diagnostics, print};
use crate::hand_on::{HandedOn, hand_on};
use crate::key;
use crate::node;
use crate::say;
use crate::subject::{Subject, is_bundle};
use crate::tell;
use crate::watch::Watch;

/// Builds, signs and stores a program.
pub fn publish(options: &PublishOptions) -> Result<Ended, Complaint> {
    let is_named = is_bundle(&options.path) || Project::at(&options.path)?.is_named;
    if !is_named && options.name.is_none() {
        return Err(Complaint::Usage(format!(
            "{} is no name that a program can be published under; choose one with --name NAME, or in cop.toml",
            options.path.display()
        )));
    }
    let from = options.packages.with(None, options.node.data.as_deref());
    let Subject { built, .. } = Subject::of(&options.path, &from, &Watch::default())?;
    let fetcher = Fetcher::new(&from.fetch);
    let stored = node::block_on(store(options, &built, fetcher.cache()))?;
    let Stored {
        publication,
        is_new,
        handed_on,
    } = &stored;
    if options.json {
        print(&as_json(&stored, &built));
    } else {
        tell::warnings(&built.report);
        let kind = built.bundle.manifest().kind;
        say::out(&as_text(publication, kind, *is_new));
        for package in &handed_on.given {
            say::note(&format!(
                "the node has got {package} too, which it is made of"
            ));
        }
        for (package, why) in &handed_on.lacking {
            say::note(&format!(
                "the node lacks {package}, which it is made of: {why}; it serves the program all the same"
            ));
        }
        if kind == ProgramKind::Command {
            say::note(
                "a command answers no requests, and its URLs say so; `fn handle` makes a web program",
            );
        }
    }
    Ok(Ended::Well)
}

/// What came of publishing.
struct Stored {
    publication: Publication,
    /// Whether the release was made now.
    is_new: bool,
    handed_on: HandedOn,
}

/// Asks the node for the release's place in line, signs, and stores; `false` if the newest release is this very bundle, which is
/// not released again. Everything that can fail without the password comes before it.
async fn store(
    options: &PublishOptions,
    built: &Built,
    cache: Option<&PackageCache>,
) -> Result<Stored, Complaint> {
    let name = match &options.name {
        Some(name) => name,
        None => &built.bundle.manifest().name,
    };
    let (keys, entry) = key::choose(&options.place, options.key.as_ref())?;
    let node = node::of(&options.node)?;
    let next = node.next_release(&entry.public.address(), name).await?;
    let place = place(&next)?;
    let bundle = built.bundle.hash().to_string();
    if let Some(newest) = next.published.filter(|newest| newest.bundle == bundle) {
        return Ok(Stored {
            publication: newest,
            is_new: false,
            handed_on: given(&node, cache, built).await,
        });
    }
    let secret: SecretKey = key::open(&keys, &entry, &options.password)?;
    let release = sign(&built.bundle, name, place, &secret)
        .map_err(|error| Complaint::Failed(format!("cannot sign the release: {error}")))?;
    if let Some(cache) = cache {
        // So that it can be handed on itself. A cache that cannot be written hinders nothing.
        let _ = cache.keep_bundle(&built.bundle);
        let _ = cache.keep_release(&release);
    }
    let (release, bundle) = (release.encode(), built.bundle.encode());
    Ok(Stored {
        publication: node.publish(&release, &bundle).await?,
        is_new: true,
        handed_on: given(&node, cache, built).await,
    })
}

async fn given(node: &NodeClient, cache: Option<&PackageCache>, built: &Built) -> HandedOn {
    match cache {
        Some(cache) => hand_on(node, cache, built).await,
        None => HandedOn::default(),
    }
}

fn place(next: &NextRelease) -> Result<Place, Complaint> {
    let previous = next.previous.as_ref().map(|hash| {
        hash.parse::<Hash>().map_err(|_| {
            Complaint::Failed(format!(
                "the node names the release before this one {hash:?}, which is no hash"
            ))
        })
    });
    Ok(Place {
        network: local_network(),
        number: next.next,
        previous: previous.transpose()?,
    })
}

fn as_text(publication: &Publication, kind: ProgramKind, is_new: bool) -> String {
    let Publication {
        address,
        name,
        release,
        bundle,
        urls,
        ..
    } = publication;
    let done = match is_new {
        true => say::green("published:"),
        false => say::green("unchanged:"),
    };
    let head =
        format!("{done} {name}, release {release}\npublisher  {address}\nbundle     {bundle}\n\n");
    if kind == ProgramKind::Library {
        let add = format!("copc add {address}/{name}@{release}");
        return format!(
            "{head}{}   makes another package use it; \"{address}/{name}@{release}\" imports it anywhere\n",
            say::bold(&add)
        );
    }
    format!(
        "{head}{}\n{}\n{}   exactly this bundle, without state\n",
        say::bold(&urls.host),
        urls.path,
        urls.pinned,
    )
}

fn as_json(stored: &Stored, built: &Built) -> serde_json::Value {
    let Publication {
        address,
        name,
        release,
        release_hash,
        bundle,
        program,
        already: _,
        urls,
    } = &stored.publication;
    json!({
        "ok": true,
        "address": address,
        "name": name,
        "kind": built.bundle.manifest().kind.as_str(),
        "release": release,
        "new": stored.is_new,
        "release_hash": release_hash,
        "bundle": bundle,
        "package": program,
        "handed_on": stored.handed_on.given,
        "urls": { "host": urls.host, "path": urls.path, "pinned": urls.pinned },
        "diagnostics": diagnostics(&built.report),
    })
}
