//! Who sees each answer: counts it, and writes down what is worth it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cop_net::Executor;
use cop_runtime::{Cache, FailureCode, RunInfo};

use crate::answered::{Answered, OnAnswer};
use crate::journal::{Journal, Kind, Record};
use crate::measures::Measures;

/// Failures that a limit makes.
const LIMITS: [FailureCode; 11] = [
    FailureCode::Timeout,
    FailureCode::TooLarge,
    FailureCode::UriTooLong,
    FailureCode::HeadersTooLarge,
    FailureCode::LimitsTooHigh,
    FailureCode::Quota,
    FailureCode::BudgetSpent,
    FailureCode::TooMany,
    FailureCode::Conflict,
    FailureCode::Overloaded,
    FailureCode::Deadline,
];
/// The same of the same program is written down once in this time.
const QUIET: Duration = Duration::from_secs(1);
/// What is remembered for that.
const QUIET_MAX: usize = 256;
/// Longest path that is written down, in bytes.
const PATH_SHOWN: usize = 512;
/// Runs among which the one is looked for that was just answered.
const JUST_NOW: usize = 16;

/// Sees each answer of a gateway.
pub struct Observer {
    pub(crate) journal: Arc<Journal>,
    pub(crate) measures: Measures,
    executor: Arc<dyn Executor>,
    told: Mutex<BTreeMap<String, (Instant, u64)>>,
}

impl Observer {
    /// Writes down in this journal; what programs log is asked of `executor`.
    pub fn new(journal: Arc<Journal>, executor: Arc<dyn Executor>) -> Arc<Observer> {
        Arc::new(Observer {
            journal,
            measures: Measures::default(),
            executor,
            told: Mutex::default(),
        })
    }

    /// What a gateway calls; `also` is called after it.
    pub fn on_answer(self: &Arc<Observer>, also: Option<OnAnswer>) -> OnAnswer {
        let observer = self.clone();
        OnAnswer::new(move |answered| {
            observer.see(answered);
            if let Some(also) = &also {
                also.call(answered);
            }
        })
    }

    fn see(&self, answered: &Answered<'_>) {
        self.measures.enter(answered);
        let program = answered.run.and_then(program);
        let about = |mut record: Record| {
            record.program.clone_from(&program);
            record.run = answered.run.map(|run| run.run.to_string());
            record
        };
        if self.journal.wants_traffic() {
            self.journal.record(about(request(answered)));
            self.log(answered, &about);
        }
        if let Some(trap) = answered.trap {
            let place = match (&trap.file, trap.line) {
                (Some(file), Some(line)) => format!(" in {file}:{line}"),
                _ => String::new(),
            };
            let text = format!(
                "{} {}: {}{place}",
                answered.method, answered.path, trap.name
            );
            let name = trap.name.clone();
            self.once(&name, program.as_deref(), || {
                about(Record::new(Kind::Trapped, text)).field("trap", name.clone())
            });
        } else if let Some(code) = answered.failure {
            let kind = match FailureCode::ALL.iter().find(|known| known.code() == code) {
                Some(FailureCode::Internal) => Kind::Failed,
                Some(known) if LIMITS.contains(known) => Kind::Limit,
                _ => return,
            };
            self.once(code, program.as_deref(), || {
                let text = format!("{} {}: {code}", answered.method, answered.path);
                about(Record::new(kind, text)).field("code", code)
            });
        }
    }

    /// Writes down what has not been written down just now; how often it was left out is told the next time.
    fn once(&self, what: &str, program: Option<&str>, record: impl FnOnce() -> Record) {
        let key = format!("{what} {}", program.unwrap_or_default());
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let left_out = match told.get_mut(&key) {
            Some((at, left_out)) if now.duration_since(*at) < QUIET => {
                *left_out += 1;
                return;
            }
            Some((_, left_out)) => *left_out,
            None => 0,
        };
        if told.len() >= QUIET_MAX {
            told.clear();
        }
        told.insert(key, (now, 0));
        drop(told);
        let record = record();
        self.journal.record(match left_out {
            0 => record,
            _ => record.field("left_out_before", left_out),
        });
    }

    /// The lines that the run logged; those of a hit were told when it ran.
    fn log(&self, answered: &Answered<'_>, about: &impl Fn(Record) -> Record) {
        let Some(run) = answered.run.filter(|run| run.cache == Cache::Miss) else {
            return;
        };
        let runs = self.executor.newest_runs(JUST_NOW);
        let Some(kept) = runs.iter().find(|kept| kept.info.run == run.run) else {
            return;
        };
        for line in kept.record.log.lines() {
            self.journal
                .record(about(Record::new(Kind::Log, line.clone())));
        }
    }
}

fn program(run: &RunInfo) -> Option<String> {
    let (address, name) = run.address.as_ref().zip(run.name.as_ref())?;
    Some(format!("{address}/{name}"))
}

/// An answer as a line of the access log. The query is not in it: people put secrets there.
fn request(answered: &Answered<'_>) -> Record {
    let (method, status) = (answered.method, answered.status);
    let path = &answered.path[..answered.path.floor_char_boundary(PATH_SHOWN)];
    let mut record = Record::new(Kind::Request, format!("{method} {path} {status}"))
        .field("method", method)
        .field("host", answered.host)
        .field("path", path)
        .field("status", status)
        .field("bytes", answered.body_bytes)
        .field(
            "time_us",
            u64::try_from(answered.time.as_micros()).unwrap_or(u64::MAX),
        );
    if let Some(run) = answered.run {
        record = record
            .field("cache", run.cache.as_str())
            .field("fuel", run.fuel_used);
    }
    match answered.failure {
        Some(code) => record.field("code", code),
        None => record,
    }
}
