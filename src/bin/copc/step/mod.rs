//! A debugger in the terminal: `copc run --step` and `copc replay --step`.
//!
//! The program is compiled again from its sources with nothing improved, so that every line and every variable is there; it does
//! the same, for another amount of fuel. A run is a function of what it is told, so going back is running again up to an earlier
//! instruction.

mod commands;
mod session;
mod source;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cop_bytecode::encode;
use cop_bytecode::limits::{FUEL_MAX, MEMORY_MAX};
use cop_runtime::engine::Limits;
use cop_runtime::local::OnLog;
use cop_runtime::run::{RunEnd, RunRecord};
use cop_runtime::stepping::{Moment, SteppedProgram, Watched, Watcher};
use cop_runtime::{Failure, RecordedRun};
use coputer::packages;
use coputer::project::Project;
use coputer::publish::compiled_to_step;

use crate::ended::{Complaint, Ended};
use crate::say;
use session::{After, Session};
use source::Source;

/// What a run under the debugger may use: what it used before says nothing, for it is compiled differently.
const MOST: Limits = Limits {
    fuel: FUEL_MAX,
    memory_bytes: MEMORY_MAX,
};

/// Steps through a recorded run, with the sources of this project.
pub fn replay(
    project: &Project,
    from: &packages::Options,
    recorded: &RecordedRun,
) -> Result<Ended, Complaint> {
    let mut recording = recorded.recording();
    recording.limits = MOST;
    step(project, from, &mut |program, mut on_log| {
        recording.replay_heard(program, None, Some(&mut *on_log))
    })
}

/// Does a run with a program that is watched; it must come out the same each time.
pub type Run<'a> = dyn FnMut(&SteppedProgram, OnLog) -> Result<RunRecord, Failure> + 'a;

/// Steps through a run.
pub fn step(
    project: &Project,
    from: &packages::Options,
    run: &mut Run<'_>,
) -> Result<Ended, Complaint> {
    let (report, compiled) = compiled_to_step(project, from)?;
    let encoded = encode(&compiled.package).map_err(|error| {
        Complaint::Failed(format!(
            "the compiler made a package that cannot be written ({error}); this is a defect of the compiler, please report it"
        ))
    })?;
    let source = Source::new(
        project,
        report.files,
        &compiled.package,
        compiled.source_map,
        compiled.variables,
    );
    let session = Arc::new(Mutex::new(Session::new(source)));
    let watched = session.clone();
    let program = SteppedProgram::load(
        &encoded.interface,
        &encoded.code,
        Box::new(move || Box::new(Watch(watched.clone()))),
    );
    let program = program.map_err(|why| {
        Complaint::Failed(format!(
            "compiled for the debugger, the program does not verify ({why}); this is a defect of the compiler, please report it"
        ))
    })?;
    say::out("commands: step next out back continue break vars print stack list help quit\n");
    loop {
        locked(&session).begin();
        let heard = session.clone();
        let on_log: OnLog = Box::new(move |line| locked(&heard).log.push(line.to_owned()));
        let ended = run(&program, on_log);
        let after = match ended {
            Ok(record) => {
                locked(&session).over(&end(&record), matches!(record.end, RunEnd::Trapped(_)))
            }
            Err(failure) => locked(&session).refused(&failure),
        };
        match after {
            After::Again => {}
            After::Quit => return Ok(Ended::Well),
        }
    }
}

struct Watch(Arc<Mutex<Session>>);

impl Watcher for Watch {
    fn at(&mut self, moment: &Moment<'_>) -> Watched {
        locked(&self.0).at(moment)
    }
}

/// A session is changed in whole commands, so one that was left in a panic is as good as any.
fn locked(session: &Mutex<Session>) -> MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a run ended, in one line.
fn end(record: &RunRecord) -> String {
    match &record.end {
        RunEnd::Done => "done".to_owned(),
        RunEnd::Failed(message) => format!("ended with the error: {message}"),
        RunEnd::Answered(response) | RunEnd::Aborted(response) => format!(
            "answered with status {}, {}, {} written",
            response.status,
            say::size(response.body.len() as u64),
            match record.writes.len() {
                1 => "1 key".to_owned(),
                count => format!("{count} keys"),
            }
        ),
        RunEnd::Trapped(trap) => {
            let message = cop_runtime::report::trap_message(
                trap.kind,
                trap.operands,
                trap.message.as_deref(),
            );
            format!("trapped {}: {message}", trap.kind.name())
        }
    }
}
