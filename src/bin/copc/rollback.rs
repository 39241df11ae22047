//! `copc rollback`: an older release published again, as a new one.

use cop_runtime::Hash;
use coputer::client::ListedRelease;
use coputer::packages::fetch::Fetcher;
use serde_json::json;

use crate::arguments::{PackageOptions, RollbackOptions};
use crate::ended::{Complaint, Ended, print};
use crate::node;
use crate::publish::Signed;
use crate::say;
use crate::state::find;

/// Signs the bundle of an older release as the next one.
pub fn rollback(options: &RollbackOptions) -> Result<Ended, Complaint> {
    let signed = Signed::by(&options.signing)?;
    let (node, program, target) = node::block_on(async {
        let (node, program) = find(&options.program, &options.node).await?;
        if program.address != signed.address() {
            return Err(Complaint::Failed(format!(
                "{}/{} is not yours to publish: your key is that of {}; --key names another",
                program.address,
                program.name,
                signed.address()
            )));
        }
        let mut newest: Option<ListedRelease> = None;
        let mut before = u64::MAX;
        loop {
            let part = node.releases(&program, before).await?;
            let Some(last) = part.last() else {
                return Err(nothing_to_go_back_to(options, newest.as_ref()));
            };
            before = last.release;
            for release in part {
                let newest = newest.get_or_insert_with(|| release.clone());
                let is_meant = match options.to {
                    Some(number) => release.release == number,
                    None => release.bundle != newest.bundle,
                };
                if is_meant {
                    return Ok((node, program, release));
                }
            }
        }
    })?;
    let hash: Hash = target.bundle.parse().map_err(|_| {
        Complaint::Failed(format!(
            "the node names the bundle of release {} {:?}, which is no hash",
            target.release, target.bundle
        ))
    })?;
    let from = PackageOptions::default().with(None, options.node.data.as_deref());
    let bundle = Fetcher::new(&from.fetch).bundle(&hash).map_err(|error| {
        Complaint::Failed(format!(
            "the bundle of release {} is not to be had: {error}",
            target.release
        ))
    })?;
    let stored = signed.release(&node, &program.name, &bundle, None);
    let (publication, is_new) = node::block_on(stored)?;
    if options.json {
        print(&json!({
            "ok": true,
            "release": publication.release,
            "new": is_new,
            "of": target.release,
            "bundle": publication.bundle,
            "urls": { "host": publication.urls.host, "path": publication.urls.path, "pinned": publication.urls.pinned },
        }));
        return Ok(Ended::Well);
    }
    say::out(&match is_new {
        true => format!(
            "{} {}, release {} is what release {} was\n\n{}\n",
            say::green("rolled back:"),
            program.name,
            publication.release,
            target.release,
            say::bold(&publication.urls.host)
        ),
        false => format!(
            "{} release {} is what release {} was already\n",
            say::green("unchanged:"),
            publication.release,
            target.release
        ),
    });
    Ok(Ended::Well)
}

fn nothing_to_go_back_to(options: &RollbackOptions, newest: Option<&ListedRelease>) -> Complaint {
    let program = &options.program;
    let Some(newest) = newest else {
        return Complaint::Failed(format!("{program} has no release on this node"));
    };
    Complaint::Failed(match options.to {
        Some(number) => format!(
            "{program} has no release {number}; the newest is {}: `copc releases {program}` lists them",
            newest.release
        ),
        None => format!(
            "{program} has never been another program than it is now: there is nothing to go back to"
        ),
    })
}
