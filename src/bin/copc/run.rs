//! `copc run`: a command with its arguments, or one request to a web program.

use std::time::Instant;

use cop_bytecode::limits;
use cop_runtime::engine::{Limits, Loaded, WatchedProgram, of_vm};
use cop_runtime::host::clock::system_now_ms;
use cop_runtime::host::response::Response;
use cop_runtime::host::world::{Randomness, SystemRandomness};
use cop_runtime::library::ReadyProgram;
use cop_runtime::local::{DoubleClock, SeededRandomness};
use cop_runtime::run::{RunEnd, RunRecord};
use cop_runtime::{Doubles, Failure, ProgramKind, WebRequest};
use coputer::packages;
use coputer::project::Project;
use coputer::report::Report;
use hyper::StatusCode;
use serde_json::{Value, json};

use crate::arguments::{LimitOptions, RunOptions};
use crate::copies::CopiedLines;
use crate::elsewhere::Outside;
use crate::ended::{Complaint, Ended, diagnostics, print};
use crate::request::request;
use crate::say;
use crate::step;
use crate::subject::Subject;
use crate::tell::{self, Trapped, Used};
use crate::watch::{self, Watch};

/// Builds a program and runs it, once or whenever its files change.
pub fn run(options: &RunOptions) -> Result<Ended, Complaint> {
    if options.watch {
        return watch::for_ever(|watch| once(options, watch));
    }
    once(options, &Watch::default())
}

fn once(options: &RunOptions, watch: &Watch) -> Result<Ended, Complaint> {
    watch.note_project(&options.path);
    let from = options.packages.with(options.node.url.as_deref(), None);
    let Subject { project, built } = Subject::of(&options.path, &from, watch)?;
    let input = input(options, built.bundle.manifest().kind)?;
    if options.step {
        tell::warnings(&built.report);
        return stepped(&project, &from, input);
    }
    let engine = of_vm(options.engine.engine());
    let refused = |failure: Failure| Complaint::Failed(failure.to_string());
    let ready = ReadyProgram::of_bundle(&*engine, &built.bundle).map_err(refused)?;
    if !options.json {
        tell::warnings(&built.report);
    }
    let limits = granted(options.limits, &project, MOST);
    let mut doubles = Doubles::live();
    let origins = &built.bundle.manifest().origins;
    doubles.elsewhere = Some(Box::new(Outside::new(origins, &options.outside.reach)));
    doubles.cancelled = Some(watch.cancelled());
    // A command's log is its output; beside a response it is a remark.
    doubles.on_log = match (options.json, &input) {
        (true, _) => None,
        (false, Input::Request(_)) => Some(Box::new(say::err_line)),
        (false, Input::Arguments(_)) => Some(Box::new(say::line)),
    };
    let watched = match options.copies {
        true => {
            let program = WatchedProgram::load(built.bundle.interface(), built.bundle.code());
            Some(program.map_err(Complaint::Failed)?)
        }
        false => None,
    };
    let program: &dyn Loaded = match &watched {
        Some(watched) => watched,
        None => &*ready.program,
    };
    let begun = Instant::now();
    let record = match input {
        Input::Arguments(arguments) => doubles.run_command(program, arguments, limits),
        Input::Request(request) => doubles.run_request(program, &request, limits),
    };
    let record = record.map_err(refused)?;
    let copies = watched.map(|watched| {
        CopiedLines::of(
            &watched.copies(),
            &ready.source_map,
            &project,
            &built.report,
        )
    });
    let ran = Ran {
        project: &project,
        report: &built.report,
        ready: &ready,
        used: Used {
            record: &record,
            limits,
            time: begun.elapsed(),
            engine: engine.name(),
        },
    };
    if options.json {
        let mut object = ran.json();
        if let Some(copies) = &copies {
            object["copies"] = copies.json();
        }
        print(&object);
    } else {
        ran.tell();
        if let Some(copies) = &copies {
            say::err(&copies.text());
        }
        if options.stats {
            say::err(&ran.used.text());
        }
    }
    Ok(match record.end {
        RunEnd::Done | RunEnd::Answered(_) | RunEnd::Aborted(_) => Ended::Well,
        RunEnd::Failed(_) | RunEnd::Trapped(_) => Ended::Badly,
    })
}

/// Goes through the run line by line.
fn stepped(project: &Project, from: &packages::Options, input: Input) -> Result<Ended, Complaint> {
    let (now_ms, mut seed) = (system_now_ms(), [0; 8]);
    let drawn = SystemRandomness.fill(&mut seed);
    drawn.map_err(|cause| Complaint::Failed(format!("the system gives no randomness: {cause}")))?;
    step::step(project, from, &mut |program, on_log| {
        // Going back is running again, so each run is told the same.
        let mut doubles = Doubles::empty();
        doubles.clock = DoubleClock::Fixed(now_ms);
        doubles.randomness = Box::new(SeededRandomness::new(u64::from_le_bytes(seed)));
        doubles.on_log = Some(on_log);
        match &input {
            Input::Arguments(arguments) => doubles.run_command(program, arguments.clone(), MOST),
            Input::Request(request) => doubles.run_request(program, request, MOST),
        }
    })
}

/// The most that a run may use.
pub const MOST: Limits = Limits {
    fuel: limits::FUEL_MAX,
    memory_bytes: limits::MEMORY_MAX,
};

/// What a run may use: as asked for, else as the manifest says, else what is usual.
pub fn granted(asked: LimitOptions, project: &Project, usual: Limits) -> Limits {
    let memory_bytes = asked.memory.map(|mib| mib << 20);
    Limits {
        fuel: asked.fuel.or(project.fuel).unwrap_or(usual.fuel),
        memory_bytes: memory_bytes
            .or(project.memory_bytes)
            .unwrap_or(usual.memory_bytes),
    }
}

/// What a program is given.
enum Input {
    Arguments(Vec<String>),
    Request(WebRequest),
}

/// What the options give a program of this kind.
fn input(options: &RunOptions, kind: ProgramKind) -> Result<Input, Complaint> {
    let is_request = options.request.is_some() || !options.parts.is_empty();
    match kind {
        ProgramKind::Library => Err(Complaint::Failed(
            "this is a library, which cannot be run: it has neither `fn main` nor `fn handle`; `copc test` runs its tests"
                .to_owned(),
        )),
        ProgramKind::Web if !options.arguments.is_empty() => Err(Complaint::Usage(
            "this is a web program, which has no arguments; --request 'GET /path' says what to ask it"
                .to_owned(),
        )),
        ProgramKind::Web => Ok(Input::Request(request(
            options.request.as_deref(),
            &options.parts,
        )?)),
        ProgramKind::Command if is_request => Err(Complaint::Usage(
            "this is a command, which answers no requests; give it arguments behind --".to_owned(),
        )),
        ProgramKind::Command => Ok(Input::Arguments(options.arguments.clone())),
    }
}

/// A run that is over.
struct Ran<'a> {
    project: &'a Project,
    report: &'a Report,
    ready: &'a ReadyProgram,
    used: Used<'a>,
}

impl Ran<'_> {
    fn record(&self) -> &RunRecord {
        self.used.record
    }

    fn trapped<'t>(&'t self, trap: &'t cop_runtime::engine::Trap) -> Trapped<'t> {
        Trapped {
            trap,
            detail: self.record().trap_detail.as_deref(),
            map: &self.ready.source_map,
            project: self.project,
            report: self.report,
        }
    }

    fn tell(&self) {
        let record = self.record();
        match &record.end {
            RunEnd::Done => {}
            RunEnd::Failed(message) => say::error(message),
            RunEnd::Answered(response) | RunEnd::Aborted(response) => tell_response(response),
            RunEnd::Trapped(trap) => say::err(&self.trapped(trap).text()),
        }
        if record.wrote() {
            say::note(&format!(
                "{} of the program's store would be written; `copc run` keeps nothing, a node does",
                match record.writes.len() {
                    1 => "one key".to_owned(),
                    several => format!("{several} keys"),
                }
            ));
        }
    }

    fn json(&self) -> Value {
        let record = self.record();
        let (end, ok) = match &record.end {
            RunEnd::Done => ("done", true),
            RunEnd::Answered(_) => ("answered", true),
            RunEnd::Aborted(_) => ("aborted", true),
            RunEnd::Failed(_) => ("error", false),
            RunEnd::Trapped(_) => ("trapped", false),
        };
        let mut object = json!({
            "ok": ok,
            "name": self.ready.manifest.name.as_str(),
            "kind": self.ready.manifest.kind.as_str(),
            "end": end,
            "log": record.log.lines(),
            "writes": record.writes.len(),
            "stats": self.used.json(),
            "diagnostics": diagnostics(self.report),
        });
        match &record.end {
            RunEnd::Done => {}
            RunEnd::Failed(message) => object["error"] = json!(message),
            RunEnd::Answered(response) | RunEnd::Aborted(response) => {
                object["response"] = response_json(response);
            }
            RunEnd::Trapped(trap) => object["trap"] = self.trapped(trap).json(),
        }
        object
    }
}

/// The headers of a response, cookies included.
fn headers(response: &Response) -> impl Iterator<Item = (&str, &str)> {
    let headers = response.headers.iter();
    let cookies = response.cookies.iter();
    headers
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .chain(cookies.map(|cookie| ("set-cookie", cookie.as_str())))
}

/// Status, headers and body, as they would go out.
fn tell_response(response: &Response) {
    let reason = StatusCode::from_u16(response.status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("");
    let mut head = format!(
        "{}\n",
        say::bold(format!("{} {reason}", response.status).trim_end())
    );
    for (name, value) in headers(response) {
        head.push_str(&format!("{name}: {value}\n"));
    }
    head.push('\n');
    say::out(&head);
    if say::is_terminal() && std::str::from_utf8(&response.body).is_err() {
        say::note(&format!(
            "the body is no text: {}",
            say::size(response.body.len() as u64)
        ));
        return;
    }
    say::out_raw(&response.body);
    if !response.body.is_empty() && !response.body.ends_with(b"\n") {
        say::out_raw(b"\n");
    }
}

fn response_json(response: &Response) -> Value {
    let headers: Vec<[&str; 2]> = headers(response)
        .map(|(name, value)| [name, value])
        .collect();
    json!({
        "status": response.status,
        "headers": headers,
        // A body that is no text has no JSON.
        "body": std::str::from_utf8(&response.body).ok(),
        "body_bytes": response.body.len(),
    })
}
