//! What programs keep: a look at it, at what changed it, and undoing a change.

use std::sync::Arc;

use cop_runtime::{Address, Failure, Namespace, ProgramName, ShownChange, ShownCommit, ShownState};
use serde::Serialize;

use super::Management;
use super::routes::{Answer, refused};
use crate::asked::Asked;
use crate::journal::{Kind, Record};
use crate::{own, refusal};

/// Most keys in one answer.
pub(super) const KEYS_MAX: usize = 100;
/// Most commits in one answer.
const COMMITS_MAX: usize = 50;

#[derive(Serialize)]
pub(super) struct StateJson {
    commit: u64,
    bytes: u64,
    keys: Vec<KeyJson>,
    /// Whether there are more; the last key is then the next `after`.
    more: bool,
}

#[derive(Serialize)]
struct KeyJson {
    key: String,
    value: String,
    due_ms: Option<i64>,
}

impl From<ShownState> for StateJson {
    fn from(state: ShownState) -> StateJson {
        let keys = state.keys.into_iter().map(|shown| KeyJson {
            key: shown.key,
            value: shown.value,
            due_ms: shown.due_ms,
        });
        StateJson {
            commit: state.commit,
            bytes: state.bytes,
            keys: keys.collect(),
            more: state.has_more,
        }
    }
}

#[derive(Serialize)]
struct HistoryJson {
    commits: Vec<CommitJson>,
}

#[derive(Serialize)]
struct CommitJson {
    number: u64,
    time_ms: i64,
    run: Option<String>,
    keys: Vec<ChangeJson>,
}

#[derive(Serialize)]
pub(super) struct ChangeJson {
    key: String,
    before: Option<String>,
    after: Option<String>,
}

impl From<ShownChange> for ChangeJson {
    fn from((key, before, after): ShownChange) -> ChangeJson {
        ChangeJson { key, before, after }
    }
}

impl From<ShownCommit> for CommitJson {
    fn from(commit: ShownCommit) -> CommitJson {
        let keys = commit.keys.into_iter();
        CommitJson {
            number: commit.number,
            time_ms: commit.time_ms,
            run: commit.run.map(|run| run.to_string()),
            keys: keys.map(ChangeJson::from).collect(),
        }
    }
}

pub(super) fn namespace(address: &str, name: &str) -> Result<Namespace, Failure> {
    Ok(Namespace {
        address: address
            .parse::<Address>()
            .map_err(|error| refusal::bad_address(address, &error))?,
        name: name
            .parse::<ProgramName>()
            .map_err(|error| refusal::bad_name(name, &error))?,
    })
}

pub(super) async fn list(
    address: String,
    name: String,
    asked: Asked,
    management: Arc<Management>,
) -> Answer {
    let find = || {
        let namespace = namespace(&address, &name)?;
        let prefix = asked.parameter("prefix").unwrap_or_default();
        let after = asked.parameter("after");
        management
            .executor
            .state(&namespace, &prefix, after.as_deref(), KEYS_MAX)
    };
    let state = find().map_err(refused)?;
    Ok(own::json(&StateJson::from(state)))
}

pub(super) async fn history(
    address: String,
    name: String,
    asked: Asked,
    management: Arc<Management>,
) -> Answer {
    let find = || {
        let namespace = namespace(&address, &name)?;
        let before = asked.parameter("before").and_then(|text| text.parse().ok());
        management
            .executor
            .history(&namespace, before.unwrap_or(u64::MAX), COMMITS_MAX)
    };
    let commits = find().map_err(refused)?;
    Ok(own::json(&HistoryJson {
        commits: commits.into_iter().map(CommitJson::from).collect(),
    }))
}

#[derive(Serialize)]
struct UndoneJson {
    /// The number of the commit that undoes.
    commit: u64,
}

pub(super) async fn undo(
    address: String,
    name: String,
    number: u64,
    _: Asked,
    management: Arc<Management>,
) -> Answer {
    let namespace = namespace(&address, &name).map_err(refused)?;
    let undone = management.executor.undo(&namespace, number).await;
    let commit = undone.map_err(refused)?;
    let text = format!("commit {number}, by commit {commit}");
    let record = Record::new(Kind::Undone, text).program(format!("{address}/{name}"));
    management.observer.journal.record(record);
    Ok(own::json(&UndoneJson { commit }))
}
