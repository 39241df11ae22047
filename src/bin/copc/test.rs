//! `copc test`: every `test` block of a program, each in a world of its own.

use cop_bytecode::encode;
use cop_compiler::compile::{Compiled, compile};
use cop_runtime::Doubles;
use cop_runtime::engine::{Limits, Loaded, interpreter};
use cop_runtime::run::{RunEnd, RunRecord};
use coputer::project::{Project, ROOT, Reading};
use coputer::publish::{BuildError, options};
use coputer::report::Report;
use serde_json::{Value, json};

use crate::arguments::TestOptions;
use crate::ended::{Complaint, Ended, diagnostics, print};
use crate::run::granted;
use crate::say;
use crate::tell::{self, Trapped};

/// Runs the tests of a program.
pub fn test(options: &TestOptions) -> Result<Ended, Complaint> {
    let project = Project::at(&options.path)?;
    let (report, compiled) = compiled(&project)?;
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
    let results = wanted
        .iter()
        .map(|&number| bench.run(number, options.json))
        .collect::<Result<Vec<Value>, Complaint>>()?;
    let passed = results
        .iter()
        .filter(|result| result["ok"] == json!(true))
        .count();
    let failed = results.len() - passed;
    if options.json {
        print(&json!({
            "ok": failed == 0,
            "name": project.name.as_str(),
            "passed": passed,
            "failed": failed,
            "left_out": compiled.tests.len() - results.len(),
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
pub fn compiled(project: &Project) -> Result<(Report, Compiled), Complaint> {
    let reading = Reading::new(project);
    let compilation = compile(ROOT, &reading, options(true));
    let report = Report::of(project, compilation.diagnostics, &compilation.files);
    match compilation.compiled {
        Some(compiled) => Ok((report, compiled)),
        None => Err(Complaint::Build(BuildError::Source(report))),
    }
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
    /// Runs a test, and tells people of it at once.
    fn run(&self, number: usize, json: bool) -> Result<Value, Complaint> {
        let name = &self.compiled.tests[number];
        let record = Doubles::empty()
            .run_test(self.program, number, self.limits)
            .map_err(|failure| Complaint::Failed(format!("the test \"{name}\": {failure}")))?;
        let trapped = match &record.end {
            RunEnd::Trapped(trap) => Some(Trapped {
                trap,
                detail: record.trap_detail.as_deref(),
                map: &self.compiled.source_map,
                project: self.project,
                report: self.report,
            }),
            _ => None,
        };
        if !json {
            tell_test(name, &record, trapped.as_ref());
        }
        Ok(json!({
            "name": name,
            "ok": trapped.is_none(),
            "log": record.log.lines(),
            "fuel": record.fuel_used,
            "peak_memory_bytes": record.peak_memory_bytes,
            "trap": trapped.map(|trapped| trapped.json()),
        }))
    }
}

fn tell_test(name: &str, record: &RunRecord, trapped: Option<&Trapped<'_>>) {
    let Some(trapped) = trapped else {
        say::out(&format!("{}  {name}\n", say::green("ok    ")));
        return;
    };
    say::out(&format!("{}  {name}\n", say::bold_red("FAILED")));
    for line in record.log.lines() {
        say::out(&format!("        {line}\n"));
    }
    for line in trapped.text().lines() {
        say::out(&format!("        {line}\n"));
    }
}
