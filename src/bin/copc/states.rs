//! `copc state at`, `diff`, `root`, `export` and `import`: what a program kept earlier, what differs, and its state on file.

use std::io::Write;
use std::path::Path;

use cop_runtime::host::files::{shown_key, shown_value};
use coputer::client::PastChange;
use serde_json::json;

use crate::arguments::StatePlace;
use crate::ended::{Complaint, Ended, print};
use crate::say;
use crate::state::{find, tell_keys};

pub async fn at(
    program: &str,
    commit: u64,
    prefix: &str,
    place: &StatePlace,
) -> Result<Ended, Complaint> {
    let (node, program) = find(program, &place.node).await?;
    let mut after: Option<String> = None;
    let mut keys = Vec::new();
    loop {
        let part = node
            .state_at(&program, commit, prefix, after.as_deref())
            .await?;
        if !place.json {
            tell_keys(&part.keys);
        }
        after = part.keys.last().map(|last| last.key.clone());
        keys.extend(part.keys);
        if !part.more {
            break;
        }
    }
    if place.json {
        print(&json!({ "ok": true, "commit": commit, "keys": keys }));
    } else {
        let what = if keys.len() == 1 { "key" } else { "keys" };
        say::err(&format!("{} {what}, after commit {commit}\n", keys.len()));
    }
    Ok(Ended::Well)
}

pub async fn diff(program: &str, span: &str, place: &StatePlace) -> Result<Ended, Complaint> {
    let query = query_of(span)?;
    let (node, program) = find(program, &place.node).await?;
    let difference = node.state_difference(&program, &query).await?;
    if place.json {
        let (from, to, keys) = (difference.from, difference.to, difference.keys);
        print(&json!({ "ok": true, "from": from, "to": to, "keys": keys }));
        return Ok(Ended::Well);
    }
    difference
        .keys
        .iter()
        .for_each(|change| say::out(&as_text(change)));
    let count = difference.keys.len();
    let what = if count == 1 {
        "key differs"
    } else {
        "keys differ"
    };
    say::err(&format!(
        "{count} {what} between commit {} and commit {}\n",
        difference.from, difference.to
    ));
    Ok(Ended::Well)
}

/// What a run's id or `A..B` asks the node for.
fn query_of(span: &str) -> Result<String, Complaint> {
    let no_commit = |text: &str| {
        Complaint::Usage(format!(
            "{text:?} is not the number of a commit; write 17..20, or the id of a run"
        ))
    };
    match span.split_once("..") {
        None => Ok(format!("run={span}")),
        Some((from, to)) => {
            let number = |text: &str| text.trim().parse::<u64>().map_err(|_| no_commit(text));
            Ok(format!("from={}&to={}", number(from)?, number(to)?))
        }
    }
}

/// A key that changed, as a line for what it held and one for what it holds.
pub fn as_text(change: &PastChange) -> String {
    let mut text = String::new();
    for (sign, value) in [("-", &change.before), ("+", &change.after)] {
        if let Some(value) = value {
            let value = shown_value(&change.key, value);
            let line = format!("{sign} {}: {value}", shown_key(&change.key));
            text.push_str(&format!("  {}\n", say::difference(&line)));
        }
    }
    text
}

pub async fn root(program: &str, at: Option<u64>, place: &StatePlace) -> Result<Ended, Complaint> {
    let (node, program) = find(program, &place.node).await?;
    let root = node.state_root(&program, at).await?;
    if place.json {
        print(&json!({ "ok": true, "line": root.line, "commit": root.commit, "root": root.root }));
    } else {
        say::out(&format!("{}\n", root.root));
        say::err(&format!("commit {} of line {}\n", root.commit, root.line));
    }
    Ok(Ended::Well)
}

pub async fn export(
    program: &str,
    file: &Path,
    at: Option<u64>,
    place: &StatePlace,
) -> Result<Ended, Complaint> {
    let (node, program) = find(program, &place.node).await?;
    let content = node.export_state(&program, at).await?;
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .and_then(|mut out| {
            out.write_all(&content)?;
            out.sync_all()
        });
    written.map_err(|cause| {
        Complaint::Failed(format!(
            "cannot write {}: {cause}; name a file that is not there yet",
            file.display()
        ))
    })?;
    let bytes = content.len() as u64;
    if place.json {
        print(&json!({ "ok": true, "file": file.display().to_string(), "bytes": bytes }));
    } else {
        say::out(&format!(
            "{} {} of {}, {}\n",
            say::green("exported:"),
            file.display(),
            program.name,
            say::size(bytes)
        ));
    }
    Ok(Ended::Well)
}

pub async fn import(
    program: &str,
    file: &Path,
    replace: bool,
    place: &StatePlace,
) -> Result<Ended, Complaint> {
    let content = std::fs::read(file)
        .map_err(|cause| Complaint::Failed(format!("cannot read {}: {cause}", file.display())))?;
    let (node, program) = find(program, &place.node).await?;
    let imported = node.import_state(&program, content, replace).await?;
    if place.json {
        let (line, commit, keys) = (imported.line, imported.commit, imported.keys);
        print(&json!({ "ok": true, "line": line, "commit": commit, "keys": keys }));
    } else {
        say::out(&format!(
            "{} {} into {}: commit {} changes {} keys and begins line {}\n",
            say::green("imported:"),
            file.display(),
            program.name,
            imported.commit,
            imported.keys,
            imported.line
        ));
    }
    Ok(Ended::Well)
}
