//! `copc publish --rehearse N`: the last runs on a node done again with what would be published.
//!
//! A run is told what it was told then. Runs that were told the same are one rehearsal: most answers of a node are such.

use std::collections::BTreeMap;
use std::sync::Arc;

use cop_runtime::engine::{Engine, of_vm};
use cop_runtime::host::HostCall;
use cop_runtime::host::kv::key_argument;
use cop_runtime::library::ReadyProgram;
use cop_runtime::run::{RunEnd, RunRecord};
use cop_runtime::shown::shown_answer;
use cop_runtime::store::state::Shapes;
use cop_runtime::{Export, Failure, Hash, Namespace, RecordedRun};
use coputer::packages::fetch::Fetcher;
use coputer::publish::Built;
use serde_json::{Value, json};

use crate::arguments::PublishOptions;
use crate::ended::{Complaint, Ended, print};
use crate::key;
use crate::node;
use crate::say;

/// Runs of each kind of difference that are shown.
const SHOWN: usize = 5;

/// Does the last `count` runs of a program again with this build of it. Nothing is published.
pub fn rehearse(options: &PublishOptions, built: &Built, count: u32) -> Result<Ended, Complaint> {
    let (_, entry) = key::choose(&options.signing.place, options.signing.key.as_ref())?;
    let program = Namespace {
        address: entry.public.address(),
        name: options.name_of(built).clone(),
    };
    let (runs, shapes) = node::block_on(async {
        let runs = recorded(options, &program, count).await?;
        Ok::<_, Complaint>((runs, shapes(options, &program).await?))
    })?;
    let engine = of_vm(cop_vm::Engine::Auto);
    let mut before = Before {
        engine: &*engine,
        fetcher: Fetcher::new(
            &options
                .packages
                .with(None, options.node.data.as_deref())
                .fetch,
        ),
        known: BTreeMap::new(),
    };
    let after = ReadyProgram::of_bundle(&*engine, &built.bundle).map_err(refused)?;
    let mut rehearsal = Rehearsal::default();
    for (recorded, times) in &runs {
        let came = match before.run(recorded) {
            None => Came::Unknown,
            Some(before) => came(&before, recorded.clone().with_shapes(&shapes), &after),
        };
        rehearsal.enter(recorded, *times, came);
    }
    if options.json {
        print(&rehearsal.json());
    } else {
        say::out(&rehearsal.text(&program));
    }
    Ok(match rehearsal.is_well() {
        true => Ended::Well,
        false => Ended::Badly,
    })
}

/// The records of the last runs, each once, with how many runs were told the same.
async fn recorded(
    options: &PublishOptions,
    program: &Namespace,
    count: u32,
) -> Result<Vec<(RecordedRun, usize)>, Complaint> {
    let node = node::of(&options.node)?;
    let mut found: Vec<(RecordedRun, usize)> = Vec::new();
    let mut places: BTreeMap<(Hash, Hash, Hash), usize> = BTreeMap::new();
    for run in node.runs_of(program, count).await? {
        let Ok(id) = run.run.parse() else { continue };
        // A run may be forgotten meanwhile.
        let Ok(bytes) = node.recorded_run(&id, true).await else {
            continue;
        };
        let Ok(recorded) = RecordedRun::decode(&bytes) else {
            continue;
        };
        let same = (recorded.bundle, recorded.transcript, recorded.outcome);
        match places.get(&same) {
            Some(place) => found[*place].1 += 1,
            None => {
                places.insert(same, found.len());
                found.push((recorded, 1));
            }
        }
    }
    if found.is_empty() {
        return Err(Complaint::Failed(format!(
            "the node remembers no run of {}/{} to rehearse",
            program.address, program.name
        )));
    }
    Ok(found)
}

/// The shapes of what the program keeps. A release that reads it as other types asks for them, and the runs of then did not.
async fn shapes(options: &PublishOptions, program: &Namespace) -> Result<Shapes, Complaint> {
    let file = node::of(&options.node)?.export_state(program, None).await?;
    let export = Export::decode(&file);
    let unreadable = |error| Complaint::Failed(format!("the node's state of it: {error}"));
    Ok(export.map_err(unreadable)?.shapes)
}

fn refused(failure: Failure) -> Complaint {
    Complaint::Failed(format!("{}: {}", failure.title, failure.detail))
}

/// The programs that the runs were runs of.
struct Before<'a> {
    engine: &'a dyn Engine,
    fetcher: Fetcher,
    known: BTreeMap<Hash, Option<Arc<ReadyProgram>>>,
}

impl Before<'_> {
    /// What came out then; `None` if the program is not to be had any more.
    fn run(&mut self, recorded: &RecordedRun) -> Option<RunRecord> {
        let program = self.known.entry(recorded.bundle).or_insert_with(|| {
            let bundle = self.fetcher.bundle(&recorded.bundle).ok()?;
            let ready = ReadyProgram::of_bundle(self.engine, &bundle).ok()?;
            Some(Arc::new(ready))
        });
        recorded.replay(&*program.as_ref()?.program).ok()
    }
}

/// What a rehearsal came to.
enum Came {
    /// The same answer and writes; fuel before and after.
    Same(u64, u64),
    /// The same status; another body, header, cookie or write.
    Body(u64, u64),
    /// Another status.
    Status(String),
    /// It traps, and did not then.
    Trap(String),
    /// It asks what was not asked then.
    Question(String),
    /// The program of then is not to be had.
    Unknown,
}

fn came(before: &RunRecord, recorded: RecordedRun, after: &ReadyProgram) -> Came {
    let after = match recorded.replay(&*after.program) {
        Ok(after) => after,
        Err(failure) => return Came::Question(failure.detail.clone()),
    };
    let fuel = (before.fuel_used, after.fuel_used);
    match (&before.end, &after.end) {
        (RunEnd::Trapped(old), RunEnd::Trapped(new)) if old.kind == new.kind => {
            Came::Same(fuel.0, fuel.1)
        }
        (_, RunEnd::Trapped(trap)) => {
            let message = trap.message.iter().map(|message| format!(": {message}"));
            let message: String = message.collect();
            Came::Trap(trap.kind.name().to_owned() + &message + &retyped(&after))
        }
        (old, new) if end(old) != end(new) => {
            Came::Status(format!("{} → {}{}", end(old), end(new), retyped(&after)))
        }
        (old, new) if old == new && before.writes == after.writes => Came::Same(fuel.0, fuel.1),
        _ => Came::Body(fuel.0, fuel.1),
    }
}

/// That a run read something stored as another type, which may be why it came out differently.
fn retyped(record: &RunRecord) -> String {
    let mut key = "";
    for (question, answered) in record.transcript.exchanges() {
        match question.kind {
            HostCall::KvGet => key = key_argument(&question.argument).unwrap_or_default(),
            // Asked right after the value, if it was not stored as the type that is read.
            HostCall::KvShape => {
                let shape = shown_answer(&answered.bytes);
                return format!(
                    "; it reads `{key}` as another type than it was stored as: {shape}"
                );
            }
            _ => {}
        }
    }
    String::new()
}

fn end(end: &RunEnd) -> String {
    match end {
        RunEnd::Answered(response) | RunEnd::Aborted(response) => response.status.to_string(),
        RunEnd::Trapped(trap) => trap.kind.name().to_owned(),
        RunEnd::Failed(message) => message.clone(),
        RunEnd::Done => "done".to_owned(),
    }
}

/// Runs with one kind of difference.
#[derive(Default)]
struct Kind {
    runs: usize,
    /// What is different, and in which run.
    shown: Vec<(String, String)>,
}

impl Kind {
    fn enter(&mut self, recorded: &RecordedRun, times: usize, what: String) {
        self.runs += times;
        if self.shown.len() < SHOWN {
            let which = format!("{}  (run {})", recorded.request, recorded.run);
            self.shown.push((what, which));
        }
    }

    fn json(&self) -> Value {
        let shown = self.shown.iter();
        let shown = shown.map(|(what, which)| json!({ "what": what, "request": which }));
        json!({ "runs": self.runs, "examples": shown.collect::<Vec<_>>() })
    }
}

/// What all of them came to.
#[derive(Default)]
struct Rehearsal {
    runs: usize,
    different: usize,
    same: usize,
    unknown: usize,
    bodies: Kind,
    statuses: Kind,
    traps: Kind,
    questions: Kind,
    /// Fuel of all that were answered both times: before and after.
    fuel: (u64, u64),
    /// The greatest ratio of fuel after to before, and the request.
    most: Option<(f64, String)>,
}

impl Rehearsal {
    fn enter(&mut self, recorded: &RecordedRun, times: usize, came: Came) {
        self.runs += times;
        self.different += 1;
        if let Came::Same(before, after) | Came::Body(before, after) = came {
            let times = times as u64;
            self.fuel.0 += before.saturating_mul(times);
            self.fuel.1 += after.saturating_mul(times);
            let ratio = after as f64 / before.max(1) as f64;
            if self.most.as_ref().is_none_or(|(most, _)| ratio > *most) {
                self.most = Some((ratio, recorded.request.clone()));
            }
        }
        match came {
            Came::Same(..) => self.same += times,
            Came::Unknown => self.unknown += times,
            Came::Body(..) => self.bodies.enter(recorded, times, String::new()),
            Came::Status(what) => self.statuses.enter(recorded, times, what),
            Came::Trap(what) => self.traps.enter(recorded, times, what),
            Came::Question(what) => self.questions.enter(recorded, times, what),
        }
    }

    /// Whether nobody would be answered with another status or a trap.
    fn is_well(&self) -> bool {
        self.statuses.runs == 0 && self.traps.runs == 0
    }

    fn text(&self, program: &Namespace) -> String {
        let mut text = format!(
            "{} {} runs of {}, which were told {} different things; nothing was published\n",
            say::bold("rehearsed:"),
            say::count(self.runs as u64),
            program.name,
            say::count(self.different as u64)
        );
        text.push_str(&format!("{:>6}  the same answer and writes\n", self.same));
        for (kind, title, is_well) in [
            (
                &self.bodies,
                "the same status, another body, header or write",
                true,
            ),
            (&self.statuses, "another status", false),
            (&self.traps, "trapped", false),
            (
                &self.questions,
                "asked what was not asked then, so that nobody knows",
                true,
            ),
        ] {
            if kind.runs == 0 {
                continue;
            }
            let line = format!("{:>6}  {title}", kind.runs);
            text.push_str(&match is_well {
                true => line,
                false => say::bold_red(&line),
            });
            text.push('\n');
            for (what, which) in &kind.shown {
                let what = match what.as_str() {
                    "" => String::new(),
                    what => format!("{what}  "),
                };
                text.push_str(&format!("        {what}{which}\n"));
            }
        }
        if self.unknown > 0 {
            text.push_str(&format!(
                "{:>6}  could not be done again: the program of then is not to be had\n",
                self.unknown
            ));
        }
        if let (true, Some((most, request))) = (self.fuel.0 > 0, &self.most) {
            let all = self.fuel.1 as f64 / self.fuel.0 as f64;
            text.push_str(&format!(
                "fuel    {all:.2} times what it was; at most {most:.2} times, of {request}\n"
            ));
        }
        text
    }

    fn json(&self) -> Value {
        json!({
            "ok": self.is_well(),
            "runs": self.runs,
            "different": self.different,
            "same": self.same,
            "body": self.bodies.json(),
            "status": self.statuses.json(),
            "trap": self.traps.json(),
            "question": self.questions.json(),
            "unknown": self.unknown,
            "fuel_before": self.fuel.0,
            "fuel_after": self.fuel.1,
        })
    }
}
