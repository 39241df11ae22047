//! Runs that the node remembers: a list of the newest, and the record of one.

use std::sync::Arc;

use cop_runtime::recorded::is_private;
use cop_runtime::report::trap_message;
use cop_runtime::run::RunEnd;
use cop_runtime::shown::shown_answer;
use cop_runtime::{KeptRun, Opener, RunId};
use serde::Serialize;

use super::Management;
use super::routes::{Answer, octets, refused};
use super::state::namespace;
use crate::asked::Asked;
use crate::{own, receipt, refusal};

/// Runs in the list, unless it is said how many.
const LISTED: usize = 100;
/// Most runs in the list.
const LISTED_MAX: usize = 1024;

#[derive(Serialize)]
struct RunsJson {
    runs: Vec<RunJson>,
}

/// A run in few words.
#[derive(Serialize)]
struct RunJson {
    run: String,
    at_ms: i64,
    request: String,
    address: Option<String>,
    name: Option<String>,
    release: Option<u64>,
    bundle: String,
    cache: &'static str,
    fuel_used: u64,
    wrote: bool,
    /// The status of the answer; `null` if there was none.
    status: Option<u16>,
    /// The name of the trap that ended it.
    trap: Option<&'static str>,
}

impl RunJson {
    fn of(kept: &KeptRun) -> RunJson {
        let info = &kept.info;
        let (status, trap) = match &kept.record.end {
            RunEnd::Answered(response) | RunEnd::Aborted(response) => (Some(response.status), None),
            RunEnd::Trapped(trap) => (None, Some(trap.kind.name())),
            RunEnd::Done | RunEnd::Failed(_) => (None, None),
        };
        RunJson {
            run: info.run.to_string(),
            at_ms: kept.at_ms,
            request: kept.request.clone(),
            address: info.address.map(|address| address.to_string()),
            name: info.name.as_ref().map(ToString::to_string),
            release: info.release,
            bundle: info.bundle.to_string(),
            cache: info.cache.as_str(),
            fuel_used: info.fuel_used,
            wrote: info.wrote,
            status,
            trap,
        }
    }
}

/// The newest runs: of all programs, or of `?program=ADDRESS/NAME`; `&count=N` of them.
pub(super) async fn newest(asked: Asked, management: Arc<Management>) -> Answer {
    let find = || {
        let program = asked.parameter("program");
        let program = program.map(|program| {
            let (address, name) = program.split_once('/').unwrap_or((&program, ""));
            namespace(address, name)
        });
        program.transpose()
    };
    let program = find().map_err(refused)?;
    let count = asked
        .parameter("count")
        .and_then(|count| count.parse().ok());
    let count = count.unwrap_or(LISTED).min(LISTED_MAX);
    let among = if program.is_some() { usize::MAX } else { count };
    let is_meant = |kept: &&KeptRun| match &program {
        Some(program) => {
            kept.info.address == Some(program.address)
                && kept.info.name.as_ref() == Some(&program.name)
        }
        None => true,
    };
    let runs = management.executor.newest_runs(among);
    let runs = runs.iter().filter(is_meant).take(count);
    Ok(own::json(&RunsJson {
        runs: runs.map(RunJson::of).collect(),
    }))
}

/// A run with all that it was told, for people.
#[derive(Serialize)]
struct ToldJson {
    #[serde(flatten)]
    run: RunJson,
    fuel_limit: u64,
    peak_memory_bytes: u64,
    memory_limit_bytes: u64,
    body_bytes: Option<usize>,
    trap_message: Option<String>,
    answers: Vec<AnswerJson>,
    /// The keys that it wrote.
    writes: Vec<String>,
    log: Vec<String>,
}

#[derive(Serialize)]
struct AnswerJson {
    question: String,
    /// Shortened; `null` where it is the asker's own.
    answer: Option<String>,
}

impl ToldJson {
    fn of(kept: &KeptRun) -> ToldJson {
        let (info, record) = (&kept.info, &kept.record);
        let answers = record.transcript.exchanges();
        ToldJson {
            run: RunJson::of(kept),
            fuel_limit: info.fuel_limit,
            peak_memory_bytes: info.peak_memory_bytes,
            memory_limit_bytes: info.memory_limit_bytes,
            body_bytes: match &record.end {
                RunEnd::Answered(response) | RunEnd::Aborted(response) => Some(response.body.len()),
                _ => None,
            },
            trap_message: match &record.end {
                RunEnd::Trapped(trap) => Some(trap_message(
                    trap.kind,
                    trap.operands,
                    record.trap_detail.as_deref(),
                )),
                _ => None,
            },
            answers: answers
                .map(|(question, answered)| AnswerJson {
                    question: question.to_string(),
                    answer: (!is_private(question)).then(|| shown_answer(&answered.bytes)),
                })
                .collect(),
            writes: record.writes.keys().map(ToString::to_string).collect(),
            log: record.log.lines().to_vec(),
        }
    }
}

/// What a run was told and what came of it, without what is the asker's own.
pub(super) async fn told(run: String, _: Asked, management: Arc<Management>) -> Answer {
    let id = run.parse::<RunId>().ok();
    let runs = management.executor.newest_runs(usize::MAX);
    let found = runs.iter().find(|kept| Some(kept.info.run) == id);
    let found = found.ok_or_else(|| refused(refusal::no_such_run(&run)))?;
    Ok(own::json(&ToldJson::of(found)))
}

pub(super) async fn recorded(run: String, asked: Asked, management: Arc<Management>) -> Answer {
    let with_private = asked.parameter("private").as_deref() == Some("1");
    let id = run.parse::<RunId>().ok();
    let found = id.and_then(|id| management.executor.recorded_run(&id, with_private));
    let found = found.ok_or_else(|| refused(refusal::no_such_run(&run)))?;
    Ok(octets(found.encode()))
}

/// The receipt of a run with all that the owner may see.
pub(super) async fn opened_receipt(
    run: String,
    asked: Asked,
    management: Arc<Management>,
) -> Answer {
    let with_private = asked.parameter("private").as_deref() == Some("1");
    let opener = Opener::Owner { with_private };
    let id = run.parse::<RunId>().ok();
    let found = id.and_then(|id| management.executor.opened_receipt(&id, opener));
    let found = found.ok_or_else(|| refused(refusal::no_receipt(&run)))?;
    Ok(receipt::handed_out(&found))
}
