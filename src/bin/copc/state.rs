//! `copc state`: what a program keeps on the node on this machine, what changed it, and undoing a change.

use cop_runtime::host::files::{shown_key, shown_value};
use cop_runtime::{Address, Namespace, ProgramName};
use coputer::client::{NodeClient, PastCommit, StateKey};
use serde_json::json;

use crate::arguments::{OwnNode, StateCommand, StatePlace};
use crate::ended::{Complaint, Ended, print};
use crate::node;
use crate::say;
use crate::states;

/// Does what is asked for.
pub fn state(command: &StateCommand) -> Result<Ended, Complaint> {
    node::block_on(async {
        match command {
            StateCommand::List {
                program,
                prefix,
                place,
            } => list(program, prefix, place).await,
            StateCommand::History {
                program,
                all,
                place,
            } => history(program, *all, place).await,
            StateCommand::Undo {
                program,
                commit,
                place,
            } => undo(program, *commit, place).await,
            StateCommand::At {
                program,
                commit,
                prefix,
                place,
            } => states::at(program, *commit, prefix, place).await,
            StateCommand::Diff {
                program,
                span,
                place,
            } => states::diff(program, span, place).await,
            StateCommand::Root { program, at, place } => states::root(program, *at, place).await,
            StateCommand::Export {
                program,
                file,
                at,
                place,
            } => states::export(program, file, *at, place).await,
            StateCommand::Import {
                program,
                file,
                replace,
                place,
            } => states::import(program, file, *replace, place).await,
        }
    })
}

async fn list(program: &str, prefix: &str, place: &StatePlace) -> Result<Ended, Complaint> {
    let (node, program) = find(program, &place.node).await?;
    let mut after: Option<String> = None;
    let mut keys = Vec::new();
    let (commit, bytes) = loop {
        let part = node.state(&program, prefix, after.as_deref()).await?;
        let more = part.more;
        if !place.json {
            tell_keys(&part.keys);
        }
        after = part.keys.last().map(|last| last.key.clone());
        keys.extend(part.keys);
        if !more {
            break (part.commit, part.bytes);
        }
    };
    if place.json {
        print(&json!({ "ok": true, "commit": commit, "bytes": bytes, "keys": keys }));
    } else {
        let count = keys.len();
        let what = if count == 1 { "key" } else { "keys" };
        say::err(&format!(
            "{count} {what}, {} in all, after commit {commit}\n",
            say::size(bytes)
        ));
    }
    Ok(Ended::Well)
}

/// A line for each key.
pub fn tell_keys(keys: &[StateKey]) {
    for key in keys {
        let name = say::bold(&shown_key(&key.key));
        say::out(&format!("{name}: {}\n", shown_value(&key.key, &key.value)));
    }
}

async fn history(program: &str, all: bool, place: &StatePlace) -> Result<Ended, Complaint> {
    let (node, program) = find(program, &place.node).await?;
    let mut before = u64::MAX;
    let mut told = Vec::new();
    loop {
        let commits = node.history(&program, before).await?;
        let Some(last) = commits.last() else { break };
        before = last.number;
        if !place.json {
            commits.iter().for_each(|commit| say::out(&as_text(commit)));
        }
        told.extend(commits);
        if !all {
            break;
        }
    }
    if place.json {
        print(&json!({ "ok": true, "commits": told }));
    } else if told.is_empty() {
        say::err("nothing was committed yet, or nothing is kept of it\n");
    }
    Ok(Ended::Well)
}

fn as_text(commit: &PastCommit) -> String {
    let who = match &commit.run {
        Some(run) => format!("run {run}"),
        None => "keys whose time was over".to_owned(),
    };
    let mut text = format!(
        "{}  {who}\n",
        say::bold(&format!("commit {}", commit.number))
    );
    for change in &commit.keys {
        text.push_str(&states::as_text(change));
    }
    text
}

async fn undo(program: &str, commit: u64, place: &StatePlace) -> Result<Ended, Complaint> {
    let (node, program) = find(program, &place.node).await?;
    let by = node.undo(&program, commit).await?;
    if place.json {
        print(&json!({ "ok": true, "undone": commit, "commit": by }));
    } else {
        say::out(&format!(
            "{} commit {commit} of {}, by commit {by}, which can be undone too\n",
            say::green("undone:"),
            program.name
        ));
    }
    Ok(Ended::Well)
}

/// The node, and the program of this name, or of this `ADDRESS/NAME`.
pub async fn find(program: &str, node: &OwnNode) -> Result<(NodeClient, Namespace), Complaint> {
    let node = node::of(node)?;
    let unknown = |why: String| Complaint::Usage(format!("{program:?} is no program: {why}"));
    let namespace = match program.split_once('/') {
        Some((address, name)) => Namespace {
            address: address
                .parse::<Address>()
                .map_err(|error| unknown(error.to_string()))?,
            name: name
                .parse::<ProgramName>()
                .map_err(|error| unknown(error.to_string()))?,
        },
        None => by_name(&node, program).await?,
    };
    Ok((node, namespace))
}

/// The only program of this name on the node.
async fn by_name(node: &NodeClient, name: &str) -> Result<Namespace, Complaint> {
    let mut found = node.programs().await?;
    found.retain(|program| program.name == name);
    match found.as_slice() {
        [one] => {
            let unreadable = || Complaint::Failed(format!("the node tells of no program: {one:?}"));
            Ok(Namespace {
                address: one.address.parse().map_err(|_| unreadable())?,
                name: one.name.parse().map_err(|_| unreadable())?,
            })
        }
        [] => Err(Complaint::Failed(format!(
            "nobody has published anything named {name:?} on this node; copc publish does"
        ))),
        several => Err(Complaint::Failed(format!(
            "several publishers have a {name:?} here; say which: {}",
            several
                .iter()
                .map(|program| format!("{}/{name}", program.address))
                .collect::<Vec<_>>()
                .join(", ")
        ))),
    }
}
