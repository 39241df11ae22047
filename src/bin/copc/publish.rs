//! `copc publish`: a program built, signed, and handed to a node.

use cop_bytecode::Hash;
use cop_runtime::keys::{KeyEntry, KeyStore};
use cop_runtime::{Address, Bundle, ProgramKind, ProgramName, SecretKey, local_network};
use coputer::client::{NextRelease, NodeClient, Publication};
use coputer::packages::cache::PackageCache;
use coputer::packages::fetch::Fetcher;
use coputer::project::Project;
use coputer::publish::{Built, Place, sign};
use serde_json::json;

use crate::arguments::{PublishOptions, SigningOptions};
use crate::ended::{Complaint, Ended, diagnostics, print};
use crate::hand_on::{HandedOn, hand_on};
use crate::key;
use crate::node;
use crate::rehearse::rehearse;
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
    if let Some(count) = options.rehearse {
        return rehearse(options, &built, count);
    }
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

async fn store(
    options: &PublishOptions,
    built: &Built,
    cache: Option<&PackageCache>,
) -> Result<Stored, Complaint> {
    let name = options.name_of(built);
    let node = node::of(&options.node)?;
    let signed = Signed::by(&options.signing)?;
    let (publication, is_new) = signed.release(&node, name, &built.bundle, cache).await?;
    Ok(Stored {
        publication,
        is_new,
        handed_on: given(&node, cache, built).await,
    })
}

impl PublishOptions {
    /// The name that a program is published under.
    pub fn name_of<'a>(&'a self, built: &'a Built) -> &'a ProgramName {
        match &self.name {
            Some(name) => name,
            None => &built.bundle.manifest().name,
        }
    }
}

/// Releases signed by a key that was chosen, and is not opened until it must be.
pub struct Signed<'a> {
    keys: KeyStore,
    entry: KeyEntry,
    options: &'a SigningOptions,
}

impl<'a> Signed<'a> {
    /// By the key that is named, or the usual one.
    pub fn by(options: &'a SigningOptions) -> Result<Signed<'a>, Complaint> {
        let (keys, entry) = key::choose(&options.place, options.key.as_ref())?;
        Ok(Signed {
            keys,
            entry,
            options,
        })
    }

    /// Whose releases they are.
    pub fn address(&self) -> Address {
        self.entry.public.address()
    }

    /// Asks the node for the release's place in line, signs, and stores; `false` if the newest release is this very bundle,
    /// which is not released again. Everything that can fail without the password comes before it.
    pub async fn release(
        &self,
        node: &NodeClient,
        name: &ProgramName,
        bundle: &Bundle,
        cache: Option<&PackageCache>,
    ) -> Result<(Publication, bool), Complaint> {
        let next = node.next_release(&self.address(), name).await?;
        let place = place(&next)?;
        let hash = bundle.hash().to_string();
        if let Some(newest) = next.published.filter(|newest| newest.bundle == hash) {
            return Ok((newest, false));
        }
        let secret: SecretKey = key::open(&self.keys, &self.entry, &self.options.password)?;
        let release = sign(bundle, name, place, &secret)
            .map_err(|error| Complaint::Failed(format!("cannot sign the release: {error}")))?;
        if let Some(cache) = cache {
            // So that it can be handed on itself. A cache that cannot be written hinders nothing.
            let _ = cache.keep_bundle(bundle);
            let _ = cache.keep_release(&release);
        }
        let publication = node.publish(&release.encode(), &bundle.encode()).await?;
        Ok((publication, true))
    }
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
