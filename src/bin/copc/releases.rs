//! `copc releases`: the releases of a program on the node on this machine.

use cop_gateway::calendar::minute;
use coputer::client::ListedRelease;
use serde_json::json;

use crate::arguments::ReleasesOptions;
use crate::ended::{Complaint, Ended, print};
use crate::node;
use crate::say;
use crate::state::find;

/// Lists them, newest first.
pub fn releases(options: &ReleasesOptions) -> Result<Ended, Complaint> {
    let releases = node::block_on(async {
        let (node, program) = find(&options.program, &options.node).await?;
        let mut all: Vec<ListedRelease> = Vec::new();
        let mut before = u64::MAX;
        loop {
            let part = node.releases(&program, before).await?;
            let Some(last) = part.last() else {
                return Ok(all);
            };
            before = last.release;
            all.extend(part);
        }
    })?;
    if options.json {
        print(&json!({ "ok": true, "releases": releases }));
        return Ok(Ended::Well);
    }
    for (index, release) in releases.iter().enumerate() {
        // A rollback shows as the bundle of an older release.
        let older = releases.iter().skip(index + 1);
        let same = older.rev().find(|older| older.bundle == release.bundle);
        say::out(&as_text(release, same));
    }
    Ok(Ended::Well)
}

fn as_text(release: &ListedRelease, same: Option<&ListedRelease>) -> String {
    let asks = match release.capabilities.is_empty() {
        true => String::new(),
        false => format!(", uses {}", release.capabilities.join(", ")),
    };
    let same = same.map_or(String::new(), |older| {
        format!("  the bundle of release {}", older.release)
    });
    format!(
        "{}  {}  {}  {}{asks}{same}\n",
        say::bold(&format!("{:>4}", release.release)),
        minute(release.time_ms),
        release.bundle.get(..12).unwrap_or(&release.bundle),
        say::size(release.bundle_bytes),
    )
}
