//! States of programs as they were, what differs between two of them, roots, and states on file.

use std::sync::Arc;

use bytes::Buf;
use cop_net::StateKeeper;
use cop_runtime::export::EXPORT_BYTES_MAX;
use cop_runtime::{Failure, RunId, ShownDifference, Span};
use futures_util::Stream;
use serde::Serialize;

use super::Management;
use super::routes::{Answer, octets, refused};
use super::state::{ChangeJson, KEYS_MAX, StateJson, namespace};
use crate::asked::Asked;
use crate::journal::{Kind, Record};
use crate::limits::Limits;
use crate::{body, own, refusal};

fn keeper(management: &Management) -> Result<&dyn StateKeeper, Failure> {
    management.executor.states().ok_or_else(refusal::no_states)
}

/// The number after `name=`, if there is one.
fn number(asked: &Asked, name: &str) -> Result<Option<u64>, Failure> {
    let text = asked.parameter(name);
    let number = text.map(|text| text.parse().map_err(|_| refusal::no_commit(&text)));
    number.transpose()
}

pub(super) async fn at(
    address: String,
    name: String,
    number: u64,
    asked: Asked,
    management: Arc<Management>,
) -> Answer {
    let find = || {
        let namespace = namespace(&address, &name)?;
        let prefix = asked.parameter("prefix").unwrap_or_default();
        let after = asked.parameter("after");
        let keeper = keeper(&management)?;
        keeper.state_at(&namespace, number, &prefix, after.as_deref(), KEYS_MAX)
    };
    let state = find().map_err(refused)?;
    Ok(own::json(&StateJson::from(state)))
}

#[derive(Serialize)]
struct DifferenceJson {
    from: u64,
    to: u64,
    keys: Vec<ChangeJson>,
}

impl From<ShownDifference> for DifferenceJson {
    fn from(difference: ShownDifference) -> DifferenceJson {
        DifferenceJson {
            from: difference.from,
            to: difference.to,
            keys: difference.keys.into_iter().map(ChangeJson::from).collect(),
        }
    }
}

pub(super) async fn difference(
    address: String,
    name: String,
    asked: Asked,
    management: Arc<Management>,
) -> Answer {
    let find = || {
        let namespace = namespace(&address, &name)?;
        let run = asked.parameter("run");
        let span = match run {
            Some(run) => {
                let id = run.parse::<RunId>();
                Span::Run(id.map_err(|_| refusal::no_such_run(&run))?)
            }
            None => {
                let of = |name| number(&asked, name)?.ok_or_else(|| refusal::no_commit(""));
                Span::Between(of("from")?, of("to")?)
            }
        };
        keeper(&management)?.difference(&namespace, span)
    };
    let difference = find().map_err(refused)?;
    Ok(own::json(&DifferenceJson::from(difference)))
}

#[derive(Serialize)]
struct RootJson {
    line: String,
    commit: u64,
    root: String,
}

pub(super) async fn root(
    address: String,
    name: String,
    asked: Asked,
    management: Arc<Management>,
) -> Answer {
    let namespace = namespace(&address, &name).map_err(refused)?;
    let at = number(&asked, "at").map_err(refused)?;
    let keeper = keeper(&management).map_err(refused)?;
    let root = keeper.root(&namespace, at).await.map_err(refused)?;
    Ok(own::json(&RootJson {
        line: root.line.to_string(),
        commit: root.number,
        root: root.root.to_string(),
    }))
}

pub(super) async fn export(
    address: String,
    name: String,
    asked: Asked,
    management: Arc<Management>,
) -> Answer {
    let namespace = namespace(&address, &name).map_err(refused)?;
    let at = number(&asked, "at").map_err(refused)?;
    let keeper = keeper(&management).map_err(refused)?;
    let file = keeper.export(&namespace, at).await.map_err(refused)?;
    Ok(octets(file))
}

#[derive(Serialize)]
struct ImportedJson {
    /// The line that begins with the import.
    line: String,
    /// The number of its commit.
    commit: u64,
    /// How many keys it changed.
    keys: usize,
}

pub(super) async fn import<B: Buf>(
    address: String,
    name: String,
    asked: Asked,
    body: impl Stream<Item = Result<B, warp::Error>>,
    management: Arc<Management>,
) -> Answer {
    let namespace = namespace(&address, &name).map_err(refused)?;
    let limits = Limits {
        body_bytes: EXPORT_BYTES_MAX,
        ..management.limits.clone()
    };
    let file = body::read(&asked, &limits, body).await.map_err(refused)?;
    let replaces = asked.parameter("replace").as_deref() == Some("1");
    let keeper = keeper(&management).map_err(refused)?;
    let imported = keeper.import(&namespace, &file.bytes, replaces).await;
    let imported = imported.map_err(refused)?;
    let text = format!("{} keys, by commit {}", imported.keys, imported.number);
    let record = Record::new(Kind::Imported, text).program(format!("{address}/{name}"));
    management.observer.journal.record(record);
    Ok(own::json(&ImportedJson {
        line: imported.line.to_string(),
        commit: imported.number,
        keys: imported.keys,
    }))
}
