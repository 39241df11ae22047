//! `copc test`: every `test` block of a program, each in a world of its own, on all cores; told in the order of the source.

use std::ops::ControlFlow;

use cop_bytecode::encode;
use cop_compiler::compile::Compiled;
use cop_runtime::Doubles;
use cop_runtime::engine::{Limits, Loaded, interpreter};
use cop_runtime::run::{RunEnd, RunRecord};
use coputer::packages::{self, Packages};
use coputer::project::Project;
use coputer::publish::{self, BuildError};
use coputer::report::Report;
use serde_json::{Value, json};

use crate::STACK_BYTES;
use crate::arguments::TestOptions;
use crate::ended::{Complaint, Ended, diagnostics, print};
use crate::parallel;
use crate::run::granted;
use crate::say;
use crate::tell::{self, Trapped};

/// Runs the tests of a program.
pub fn test(options: &TestOptions) -> Result<Ended, Complaint> {
    let project = Project::at(&options.path)?;
    let (report, compiled) = compiled(
        &project,
        &options.packages.with(options.node.url.as_deref(), None),
    )?;
    let encoded =
        encode(&compiled.package).map_err(|error| Complaint::Build(BuildError::Package(error)))?;
    let program = interpreter()
        .load(&encoded.interface, &encoded.code)
        .map_err(|reason| {
            Complaint::Failed(format!(
                "the compiled tests do not verify: {reason}; this is a defect of the compiler, please report it"
            ))
        })?;
    let bench = Bench {
        project: &project,
        report: &report,
        compiled: &compiled,
        program: &*program,
        limits: granted(options.limits, &project),
    };
    let filter = options.filter.as_deref().unwrap_or("");
    let wanted: Vec<usize> = (0..compiled.tests.len())
        .filter(|&number| compiled.tests[number].contains(filter))
        .collect();
    if wanted.is_empty() && !compiled.tests.is_empty() {
        return Err(Complaint::Failed(format!(
            "no test's name holds `{filter}`; there are {}",
            compiled.tests.len()
        )));
    }
    if !options.json {
        tell::warnings(&report);
    }
    let mut results = Vec::new();
    let mut passed = 0;
    let mut complaint = None;
    parallel::in_order(
        wanted.len(),
        parallel::cores(),
        STACK_BYTES,
        |nth| bench.run(wanted[nth]),
        |ran| match ran {
            Ok(ran) => {
                passed += usize::from(ran.trapped().is_none());
                if options.json {
                    results.push(ran.json());
                } else {
                    ran.tell(options.stats);
                }
                ControlFlow::Continue(())
            }
            Err(cannot) => {
                complaint = Some(cannot);
                ControlFlow::Break(())
            }
        },
    );
    if let Some(complaint) = complaint {
        return Err(complaint);
    }
    let failed = wanted.len() - passed;
    if options.json {
        print(&json!({
            "ok": failed == 0,
            "name": project.name.as_str(),
            "passed": passed,
            "failed": failed,
            "left_out": compiled.tests.len() - wanted.len(),
            "tests": results,
            "diagnostics": diagnostics(&report),
        }));
    } else {
        summarize(&project, passed, failed, compiled.tests.len());
    }
    Ok(if failed == 0 {
        Ended::Well
    } else {
        Ended::Badly
    })
}

/// A program compiled with its tests.
pub fn compiled(
    project: &Project,
    from: &packages::Options,
) -> Result<(Report, Compiled), Complaint> {
    let packages = Packages::open(project, from).map_err(BuildError::Source)?;
    Ok(publish::compiled(project, &packages, true)?)
}

fn summarize(project: &Project, passed: usize, failed: usize, all: usize) {
    let name = &project.name;
    let left_out = match all - passed - failed {
        0 => String::new(),
        count => format!(", {count} left out"),
    };
    say::out(&match (passed, failed) {
        (0, 0) => {
            format!("{name} has no tests; write one: test \"adds\" {{ assert_eq(1 + 1, 2) }}\n")
        }
        (_, 0) => format!("{} {passed} passed{left_out}\n", say::green("ok:")),
        _ => format!(
            "{} {failed} failed, {passed} passed{left_out}\n",
            say::bold_red("failed:")
        ),
    });
}

/// Everything that the tests of a program share.
struct Bench<'a> {
    project: &'a Project,
    report: &'a Report,
    compiled: &'a Compiled,
    program: &'a dyn Loaded,
    limits: Limits,
}

impl Bench<'_> {
    /// Runs a test.
    fn run(&self, number: usize) -> Result<Ran<'_>, Complaint> {
        let name = &self.compiled.tests[number];
        let record = Doubles::empty()
            .run_test(self.program, number, self.limits)
            .map_err(|failure| Complaint::Failed(format!("the test \"{name}\": {failure}")))?;
        Ok(Ran {
            bench: self,
            name,
            record,
        })
    }
}

/// A test that is over.
struct Ran<'a> {
    bench: &'a Bench<'a>,
    name: &'a str,
    record: RunRecord,
}

impl Ran<'_> {
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

    /// For people; with what it used if asked for. What it printed is shown only if it failed.
    fn tell(&self, with_stats: bool) {
        let trapped = self.trapped();
        let how = match &trapped {
            None => say::green("ok    "),
            Some(_) => say::bold_red("FAILED"),
        };
        say::out(&format!("{how}  {}\n", self.name));
        if with_stats {
            say::out(&format!(
                "        fuel {}, memory {} at its peak\n",
                say::count(self.record.fuel_used),
                say::size(self.record.peak_memory_bytes),
            ));
        }
        let Some(trapped) = trapped else { return };
        for line in self.record.log.lines() {
            say::out(&format!("        {line}\n"));
        }
        for line in trapped.text().lines() {
            say::out(&format!("        {line}\n"));
        }
    }

    /// For tools.
    fn json(&self) -> Value {
        let trapped = self.trapped();
        json!({
            "name": self.name,
            "ok": trapped.is_none(),
            "log": self.record.log.lines(),
            "fuel": self.record.fuel_used,
            "peak_memory_bytes": self.record.peak_memory_bytes,
            "trap": trapped.map(|trapped| trapped.json()),
        })
    }
}
