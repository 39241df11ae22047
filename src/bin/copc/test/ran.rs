//! A test that is over, and how it is told.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cop_compiler::compile::Compiled;
use cop_runtime::Doubles;
use cop_runtime::engine::{Limits, Loaded};
use cop_runtime::run::{RunEnd, RunRecord, Trying};
use coputer::project::Project;
use coputer::report::Report;
use serde_json::{Value, json};

use super::shrink;
use super::snapshots::{Snapshots, Taken};
use crate::ended::Complaint;
use crate::say;
use crate::tell::Trapped;

/// Fuel that is spent on finding a simpler value for a property that traps, in all.
const SHRINKING_FUEL: u64 = 2_000_000_000;

/// Everything that the tests of a program share.
pub struct Bench<'a> {
    pub project: &'a Project,
    pub report: &'a Report,
    pub compiled: &'a Compiled,
    pub program: &'a dyn Loaded,
    pub limits: Limits,
    pub snapshots: &'a Snapshots,
    /// Set when nobody waits for the results any more.
    pub cancelled: Arc<AtomicBool>,
}

/// A test that is over.
pub struct Ran<'a> {
    bench: &'a Bench<'a>,
    /// Which test of the program.
    pub number: usize,
    record: RunRecord,
    /// What it compared with snapshots.
    pub taken: Vec<Taken>,
    /// Whether the value that a property is tried with was made simpler.
    is_simplest: bool,
    time: Duration,
}

impl Bench<'_> {
    /// The path of a test's module.
    pub fn module(&self, number: usize) -> &str {
        &self.compiled.test_places[number].0
    }

    /// Runs a test.
    pub fn run(&self, number: usize) -> Result<Ran<'_>, Complaint> {
        let begun = Instant::now();
        let (record, taken) = self.run_once(number, None)?;
        let mut ran = Ran {
            bench: self,
            number,
            record,
            taken,
            is_simplest: false,
            time: begun.elapsed(),
        };
        self.simplify(&mut ran);
        Ok(ran)
    }

    /// Runs a test; a property may be given the choices to be tried with.
    fn run_once(
        &self,
        number: usize,
        choices: Option<(u32, Vec<i64>)>,
    ) -> Result<(RunRecord, Vec<Taken>), Complaint> {
        let taken = Mutex::new(Vec::new());
        let mut doubles = Doubles::empty();
        let snapshots = self.snapshots;
        doubles.cancelled = Some(self.cancelled.clone());
        doubles.choices = choices;
        let on_snapshot = |name: &str, shown: &str| {
            let (one, wrong) = snapshots.compare(name, shown);
            taken
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(one);
            wrong
        };
        let record = doubles
            .run_test_with(self.program, number, self.limits, &on_snapshot)
            .map_err(|failure| {
                let name = &self.compiled.tests[number];
                Complaint::Failed(format!("the test \"{name}\": {failure}"))
            })?;
        let taken = taken.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((record, taken))
    }

    /// If a property trapped, puts the run with the simplest value that traps likewise in place of this one; what it used
    /// stays that of the first.
    fn simplify(&self, ran: &mut Ran) {
        let RunEnd::Trapped(trap) = &ran.record.end else {
            return;
        };
        let Some(Trying {
            property, choices, ..
        }) = ran.record.trying.clone()
        else {
            return;
        };
        let (kind, position) = (trap.kind, trap.position);
        let (fuel_used, peak_memory_bytes) = (ran.record.fuel_used, ran.record.peak_memory_bytes);
        let mut fuel = 0;
        let mut best = None;
        let made = shrink::simplest(choices.clone(), |script| {
            if fuel > SHRINKING_FUEL {
                return None;
            }
            let (record, _) = self
                .run_once(ran.number, Some((property, script.to_vec())))
                .ok()?;
            fuel += record.fuel_used;
            let RunEnd::Trapped(trap) = &record.end else {
                return None;
            };
            let trying = record.trying.clone()?;
            let is_same =
                trap.kind == kind && trap.position == position && trying.property == property;
            if !is_same {
                return None;
            }
            let made = trying.choices;
            best = Some((made.clone(), record));
            Some(made)
        });
        let simplest = match best {
            Some((last, record)) if last == made => Some(record),
            Some(_) if made != choices => self
                .run_once(ran.number, Some((property, made)))
                .ok()
                .map(|(record, _)| record),
            _ => None,
        };
        if let Some(record) = simplest {
            ran.is_simplest = true;
            ran.record = RunRecord {
                fuel_used,
                peak_memory_bytes,
                ..record
            };
        }
    }
}

impl Ran<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.bench.compiled.tests[self.number]
    }

    /// Its file and line.
    pub fn place(&self) -> String {
        let (file, line) = &self.bench.compiled.test_places[self.number];
        format!("{}:{line}", self.bench.project.shown(file))
    }

    /// Whether it passed.
    pub fn is_well(&self) -> bool {
        self.trapped().is_none()
    }

    /// Why it failed, if it did.
    fn trapped(&self) -> Option<Trapped<'_>> {
        let RunEnd::Trapped(trap) = &self.record.end else {
            return None;
        };
        Some(Trapped {
            trap,
            detail: self.record.trap_detail.as_deref(),
            map: &self.bench.compiled.source_map,
            project: self.bench.project,
            report: self.bench.report,
        })
    }

    /// The value that a property was tried with when it trapped.
    fn trying(&self) -> Option<&str> {
        Some(&self.record.trying.as_ref()?.shown)
    }

    /// For people; with what it used if asked for. What it printed is shown only if it failed.
    pub fn tell(&self, with_stats: bool, with_time: bool) {
        let trapped = self.trapped();
        let how = match &trapped {
            None => say::green("ok    "),
            Some(_) => say::bold_red("FAILED"),
        };
        let time = match with_time {
            true => format!("  ({:.1} ms)", self.time.as_secs_f64() * 1e3),
            false => String::new(),
        };
        say::out(&format!("{how}  {}{time}\n", self.name()));
        if with_stats {
            say::out(&format!(
                "        fuel {}, memory {} at its peak\n",
                say::count(self.record.fuel_used),
                say::size(self.record.peak_memory_bytes),
            ));
        }
        let Some(trapped) = trapped else { return };
        for line in self
            .record
            .log
            .lines()
            .iter()
            .flat_map(|text| text.split('\n'))
        {
            say::out(&format!("        {line}\n"));
        }
        for line in trapped.text().lines() {
            say::out(&format!("        {line}\n"));
        }
        if let Some(shown) = self.trying() {
            let which = if self.is_simplest {
                ", the simplest value found with this trap"
            } else {
                ""
            };
            say::out(&format!("          tried with {shown}{which}\n"));
        }
    }

    /// For tools.
    pub fn json(&self, with_time: bool) -> Value {
        let trapped = self.trapped();
        let (file, line) = &self.bench.compiled.test_places[self.number];
        let mut object = json!({
            "name": self.name(),
            "file": self.bench.project.shown(file),
            "line": line,
            "ok": trapped.is_none(),
            "log": self.record.log.lines(),
            "fuel": self.record.fuel_used,
            "peak_memory_bytes": self.record.peak_memory_bytes,
            "trap": trapped.as_ref().map(Trapped::json),
        });
        if let (Some(shown), Some(_)) = (self.trying(), &trapped) {
            object["tried"] = json!(shown);
        }
        if with_time {
            object["time_us"] = json!(u64::try_from(self.time.as_micros()).unwrap_or(u64::MAX));
        }
        object
    }
}
