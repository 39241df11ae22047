//! `copc replay`: a recorded run done again, with the program that it was a run of, or with another one.

use std::path::Path;

use cop_runtime::engine::of_vm;
use cop_runtime::library::ReadyProgram;
use cop_runtime::recorded::{RECORDED_BYTES_MAX, is_private};
use cop_runtime::run::{RunEnd, RunRecord};
use cop_runtime::shown::shown_answer;
use cop_runtime::{Bundle, Failure, Hash, RecordedRun, RunId};
use coputer::client::ListedRun;
use coputer::packages::fetch::{FetchOptions, Fetcher};
use coputer::project::Project;
use serde_json::{Value, json};

use crate::arguments::ReplayOptions;
use crate::differ;
use crate::ended::{Complaint, Ended, print};
use crate::key;
use crate::node;
use crate::say;
use crate::step;
use crate::subject::{self, Subject};
use crate::watch::Watch;

/// Most lines of differing bodies that are shown.
const LINES_SHOWN: usize = 40;

/// Lists the newest runs, or does one again.
pub fn replay(options: &ReplayOptions) -> Result<Ended, Complaint> {
    let Some(which) = &options.run else {
        return list(options);
    };
    let recorded = recorded(options, which)?;
    if let Some(path) = &options.save {
        let saved = match options.with_private {
            true => recorded.clone(),
            false => recorded.clone().without_private(),
        };
        std::fs::write(path, saved.encode()).map_err(|cause| {
            Complaint::Failed(format!("cannot write {}: {cause}", path.display()))
        })?;
    }
    if options.step {
        return stepped(options, &recorded);
    }
    let original = match (&options.bundle, &options.with) {
        (Some(path), _) => Some(named_bundle(path, &recorded.bundle)?),
        (None, None) => Some(bundle(options, &recorded.bundle)?),
        // The comparison is better with it, and goes without.
        (None, Some(_)) => bundle(options, &recorded.bundle).ok(),
    };
    let before = original.map(|bundle| run(options, &recorded, &bundle));
    let before = before.transpose()?;
    let after = match &options.with {
        None => None,
        Some(path) => {
            let from = options.packages.with(None, options.node.data.as_deref());
            let subject = Subject::of(path, &from, &Watch::default())?;
            Some(run(options, &recorded, &subject.built.bundle)?)
        }
    };
    let replayed = Replayed {
        recorded: &recorded,
        before,
        after,
    };
    if options.json {
        print(&replayed.json());
    } else {
        say::out(&replayed.text(options));
    }
    Ok(match replayed.is_same() {
        true => Ended::Well,
        false => Ended::Badly,
    })
}

/// Goes through the run line by line, with its own sources or with those of another program.
fn stepped(options: &ReplayOptions, recorded: &RecordedRun) -> Result<Ended, Complaint> {
    let mut from = options.packages.with(None, options.node.data.as_deref());
    let project = match &options.with {
        Some(path) => Subject::of(path, &from, &Watch::default())?.project,
        None => {
            let bundle = match &options.bundle {
                Some(path) => named_bundle(path, &recorded.bundle)?,
                None => bundle(options, &recorded.bundle)?,
            };
            // What it was made of stands in it.
            from.locked = true;
            Project::of_bundle(&bundle)?
        }
    };
    step::replay(&project, &from, recorded)
}

/// The record from a file, or of the node on this machine.
fn recorded(options: &ReplayOptions, which: &str) -> Result<RecordedRun, Complaint> {
    let bytes = match which.parse::<RunId>() {
        Ok(id) => node::block_on(async {
            let node = node::of(&options.node)?;
            // The node is the caller's own; what is private stays on this machine unless it is saved.
            Ok(node.recorded_run(&id, true).await?)
        })?,
        Err(_) => read(Path::new(which))?,
    };
    let mut recorded = RecordedRun::decode(&bytes)
        .map_err(|error| Complaint::Failed(format!("{which} is no recorded run: {error}")))?;
    if recorded.sealed.is_some() && options.with_private {
        let (keys, entry) = key::choose(&options.place, options.key.as_ref())?;
        let publisher = key::open(&keys, &entry, &options.password)?;
        if !recorded.open_sealed(&publisher) {
            return Err(Complaint::Failed(format!(
                "the private answers of the run are sealed for another key than `{}`; --key names the one that the program was published with",
                entry.name
            )));
        }
    }
    Ok(recorded)
}

fn read(path: &Path) -> Result<Vec<u8>, Complaint> {
    let failed = |why: String| {
        Complaint::Failed(format!(
            "cannot use {}: {why}; name a run by its 32 digits, or a .coprun file",
            path.display()
        ))
    };
    let size = std::fs::metadata(path).map_err(|cause| failed(cause.to_string()))?;
    if size.len() > RECORDED_BYTES_MAX as u64 {
        return Err(failed(format!(
            "it has {} bytes, at most {RECORDED_BYTES_MAX} are allowed",
            size.len()
        )));
    }
    std::fs::read(path).map_err(|cause| failed(cause.to_string()))
}

/// The bundle in a file, which must be the one that was run.
fn named_bundle(path: &Path, hash: &Hash) -> Result<Bundle, Complaint> {
    let bundle = subject::read(path)?;
    if bundle.hash() == *hash {
        return Ok(bundle);
    }
    Err(Complaint::Failed(format!(
        "{} is the bundle {}, the run was one of {hash}; --with runs other code on the same answers",
        path.display(),
        bundle.hash()
    )))
}

/// The bundle from the cache of this machine, or a node.
fn bundle(options: &ReplayOptions, hash: &Hash) -> Result<Bundle, Complaint> {
    let from = options.packages.with(None, options.node.data.as_deref());
    let fetch: FetchOptions = from.fetch;
    Fetcher::new(&fetch).bundle(hash).map_err(|error| {
        Complaint::Failed(format!(
            "the bundle {hash} that was run is not to be had: {error}; --bundle FILE names it"
        ))
    })
}

/// The run once more, with this bundle.
fn run(
    options: &ReplayOptions,
    recorded: &RecordedRun,
    bundle: &Bundle,
) -> Result<RunRecord, Complaint> {
    let refused = |failure: Failure| {
        let hint = failure.hint.as_ref();
        let hint = hint.map_or(String::new(), |hint| format!("; {hint}"));
        Complaint::Failed(format!("{}: {}{hint}", failure.title, failure.detail))
    };
    let engine = of_vm(options.engine.engine());
    let ready = ReadyProgram::of_bundle(&*engine, bundle).map_err(refused)?;
    recorded.replay(&*ready.program).map_err(refused)
}

/// The newest runs of the node on this machine.
fn list(options: &ReplayOptions) -> Result<Ended, Complaint> {
    let runs = node::block_on(async {
        let node = node::of(&options.node)?;
        Ok(node.newest_runs().await?)
    })?;
    if options.json {
        print(&json!({ "ok": true, "runs": runs }));
        return Ok(Ended::Well);
    }
    if runs.is_empty() {
        say::out("the node remembers no runs\n");
    }
    for run in &runs {
        say::out(&format!("{}\n", listed(run)));
    }
    Ok(Ended::Well)
}

fn listed(run: &ListedRun) -> String {
    let program = match (&run.name, run.release) {
        (Some(name), Some(release)) => format!("{name}@{release}"),
        _ => run.bundle.chars().take(12).collect(),
    };
    let end = match (run.status, &run.trap) {
        (Some(status), _) => status.to_string(),
        (None, Some(trap)) => say::red(trap),
        (None, None) => "–".to_owned(),
    };
    format!(
        "{}  {program:<24} {:<4} {end}  {}",
        run.run, run.cache, run.request
    )
}

/// A run that was done again.
struct Replayed<'a> {
    recorded: &'a RecordedRun,
    /// With the program that it was a run of.
    before: Option<RunRecord>,
    /// With another one.
    after: Option<RunRecord>,
}

impl Replayed<'_> {
    /// Whether the last program that was run did to the bit what was done then.
    fn is_same(&self) -> bool {
        let last = self.after.as_ref().or(self.before.as_ref());
        last.is_some_and(|record| self.is_as_then(record))
    }

    fn is_as_then(&self, record: &RunRecord) -> bool {
        record.outcome_hash() == self.recorded.outcome
    }

    fn text(&self, options: &ReplayOptions) -> String {
        let recorded = self.recorded;
        let mut lines = vec![format!(
            "{} {}, run {}",
            say::bold("replayed:"),
            recorded.request,
            recorded.run
        )];
        let count = recorded.answers.iter().len();
        let answers = if count == 1 { "answer" } else { "answers" };
        lines.push(format!("told       {count} {answers}"));
        if options.answers {
            let answers = recorded.answers.iter();
            lines.extend(answers.map(|(question, answer)| match answer {
                Some(answer) if options.with_private || !is_private(question) => {
                    format!("  {question}\n    {}", shown_answer(answer))
                }
                _ => format!("  {question}\n    •••"),
            }));
        }
        if let Some(before) = &self.before {
            lines.push(format!("outcome    {}", outcome(before)));
            lines.push(match self.is_as_then(before) {
                true => say::green("the same as then, to the bit"),
                false => say::bold_red(
                    "not what came out then: this engine or the one that ran it has a defect; please report it with the .coprun file",
                ),
            });
        }
        if let Some(after) = &self.after {
            lines.push(format!("other code {}", outcome(after)));
            if self.is_same() {
                lines.push(say::green("the same as then, to the bit"));
            } else if let Some(before) = &self.before {
                lines.extend(differences(before, after));
            } else {
                lines.push("not the same as then".to_owned());
            }
        }
        lines.join("\n") + "\n"
    }

    fn json(&self) -> Value {
        let of = |record: &RunRecord| {
            json!({
                "same": self.is_as_then(record),
                "outcome": record.outcome_hash().to_string(),
                "fuel": record.fuel_used,
                "peak_memory_bytes": record.peak_memory_bytes,
                "status": status(record),
                "trap": trap(record),
            })
        };
        json!({
            "ok": self.is_same(),
            "run": self.recorded.run.to_string(),
            "request": self.recorded.request,
            "bundle": self.recorded.bundle.to_string(),
            "outcome": self.recorded.outcome.to_string(),
            "replayed": self.before.as_ref().map(of),
            "with": self.after.as_ref().map(of),
        })
    }
}

fn status(record: &RunRecord) -> Option<u16> {
    match &record.end {
        RunEnd::Answered(response) | RunEnd::Aborted(response) => Some(response.status),
        _ => None,
    }
}

fn trap(record: &RunRecord) -> Option<&'static str> {
    match &record.end {
        RunEnd::Trapped(trap) => Some(trap.kind.name()),
        _ => None,
    }
}

fn outcome(record: &RunRecord) -> String {
    let end = match &record.end {
        RunEnd::Done => "done".to_owned(),
        RunEnd::Failed(message) => format!("error: {message}"),
        RunEnd::Answered(response) | RunEnd::Aborted(response) => format!(
            "status {}, {}",
            response.status,
            say::size(response.body.len() as u64)
        ),
        RunEnd::Trapped(trap) => format!("trapped {}", trap.kind.name()),
    };
    format!(
        "{end}; {} fuel, {} at the peak, {} writes, {} lines of log",
        say::count(record.fuel_used),
        say::size(record.peak_memory_bytes),
        record.writes.len(),
        record.log.lines().len()
    )
}

/// What differs between two runs that were told the same.
fn differences(before: &RunRecord, after: &RunRecord) -> Vec<String> {
    let text = |record: &RunRecord| match &record.end {
        RunEnd::Answered(response) | RunEnd::Aborted(response) => {
            let mut text = format!("status {}\n", response.status);
            for (name, value) in &response.headers {
                text.push_str(&format!("{name}: {value}\n"));
            }
            for cookie in &response.cookies {
                text.push_str(&format!("set-cookie: {cookie}\n"));
            }
            text + "\n" + &String::from_utf8_lossy(&response.body)
        }
        RunEnd::Trapped(trap) => format!("{} {}", trap.kind.name(), trap.operands[0]),
        RunEnd::Failed(message) => message.clone(),
        RunEnd::Done => String::new(),
    };
    let writes = |record: &RunRecord| {
        let writes = record.writes.iter();
        let lines = writes.map(|(key, write)| format!("writes {key}: {write:?}"));
        lines.collect::<Vec<_>>().join("\n")
    };
    let log = |record: &RunRecord| record.log.lines().join("\n");
    let mut lines = Vec::new();
    for (old, new) in [
        (text(before), text(after)),
        (writes(before), writes(after)),
        (log(before), log(after)),
    ] {
        lines.extend(differ::lines(&old, &new));
    }
    let left_out = lines.len().saturating_sub(LINES_SHOWN);
    lines.truncate(LINES_SHOWN);
    let mut lines: Vec<String> = lines.iter().map(|line| say::difference(line)).collect();
    if left_out > 0 {
        lines.push(format!("… and {left_out} more lines"));
    }
    if lines.is_empty() {
        lines.push(
            "the answer, the writes and the log are the same; fuel or memory differ".to_owned(),
        );
    }
    lines
}
