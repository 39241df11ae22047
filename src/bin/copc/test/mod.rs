//! `copc test`: every `test` block of a program, each in a world of its own, on all cores; told in the order of the source.
//!
//! | module | noun |
//! |---|---|
//! | `selection` | which tests are run |
//! | `ran` | a test that is over, and how it is told |
//! | `shrink` | the simplest value for which a property traps |
//! | `snapshots` | what values looked like before |

mod ran;
pub mod selection;
mod shrink;
pub mod snapshots;

use std::ops::ControlFlow;

use cop_bytecode::{encode, limits};
use cop_compiler::compile::Compiled;
use cop_runtime::engine::{Limits, of_vm};
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
use crate::tell;
use crate::watch::{self, Watch};
use ran::{Bench, Ran};
use snapshots::{Kept, Snapshots, Taken};

/// Fuel of a test where nobody says otherwise: about a minute, so that a test that does not end is told.
pub const USUAL_FUEL: u64 = 10_000_000_000;
/// From so many tests on those that failed are named again at the end.
const MANY: usize = 12;

/// Runs the tests of a program, once or whenever its files change.
pub fn test(options: &TestOptions) -> Result<Ended, Complaint> {
    if options.accept && in_ci() {
        return Err(Complaint::Failed(
            "snapshots are not written where the environment has CI set; run `copc test --accept` on your own machine, look at what \
             it changed, and commit that"
                .to_owned(),
        ));
    }
    if options.watch {
        return watch::for_ever(|watch| once(options, watch));
    }
    once(options, &Watch::default())
}

/// Whether this is a machine that only tests what others wrote.
fn in_ci() -> bool {
    std::env::var_os("CI")
        .is_some_and(|value| !value.is_empty() && value != "false" && value != "0")
}

fn once(options: &TestOptions, watch: &Watch) -> Result<Ended, Complaint> {
    let (path, filters) = selection::program_and_filters(options);
    watch.note_project(&path);
    let project = Project::at(&path)?;
    let snapshots = Snapshots::of(&path, options.accept)?;
    watch.note_folder(snapshots.folder());
    let from = options.packages.with(options.node.url.as_deref(), None);
    let read = compiled(&project, &from);
    watch.note_files(&project);
    let (report, compiled) = read?;
    let wanted = selection::wanted(&compiled, &filters)?;
    if options.list {
        list(options, &project, &compiled, &wanted);
        return Ok(Ended::Well);
    }
    let encoded =
        encode(&compiled.package).map_err(|error| Complaint::Build(BuildError::Package(error)))?;
    let program = of_vm(options.engine.engine())
        .load(&encoded.interface, &encoded.code)
        .map_err(|reason| {
            Complaint::Failed(format!(
                "the compiled tests do not verify: {reason}; this is a defect of the compiler, please report it"
            ))
        })?;
    let usual = Limits {
        fuel: USUAL_FUEL.min(limits::FUEL_MAX),
        memory_bytes: limits::MEMORY_MAX,
    };
    let bench = Bench {
        project: &project,
        report: &report,
        compiled: &compiled,
        program: &*program,
        limits: granted(options.limits, &project, usual),
        snapshots: &snapshots,
        cancelled: watch.cancelled(),
    };
    if !options.json {
        tell::warnings(&report);
    }
    let results = run_all(options, &bench, &wanted)?;
    let is_whole = results.ran == compiled.tests.len() && results.failed.is_empty();
    let kept = snapshots.keep(&results.taken, is_whole)?;
    let is_well = results.failed.is_empty() && kept.ambiguous.is_empty();
    if options.json {
        print(&json!({
            "ok": is_well,
            "name": project.name.as_str(),
            "passed": results.ran - results.failed.len(),
            "failed": results.failed.len(),
            "left_out": compiled.tests.len() - results.ran,
            "tests": results.json,
            "snapshots": {
                "written": kept.written,
                "removed": kept.removed,
                "unused": kept.unused,
                "ambiguous": kept.ambiguous,
            },
            "diagnostics": diagnostics(&report),
        }));
    } else {
        tell_snapshots(&kept);
        summarize(&project, &results, compiled.tests.len());
    }
    Ok(if is_well { Ended::Well } else { Ended::Badly })
}

/// A program compiled with its tests.
pub fn compiled(
    project: &Project,
    from: &packages::Options,
) -> Result<(Report, Compiled), Complaint> {
    let packages = Packages::open(project, from).map_err(BuildError::Source)?;
    Ok(publish::compiled(project, &packages, true)?)
}

/// What came of all tests.
#[derive(Default)]
struct Results {
    ran: usize,
    /// Names and places of those that failed.
    failed: Vec<(String, String)>,
    json: Vec<Value>,
    taken: Vec<Taken>,
}

/// Runs the tests, and tells of each as soon as all before it are told.
fn run_all(options: &TestOptions, bench: &Bench, wanted: &[usize]) -> Result<Results, Complaint> {
    let mut results = Results::default();
    let mut complaint = None;
    let mut module = None;
    let has_modules = wanted
        .windows(2)
        .any(|two| bench.module(two[0]) != bench.module(two[1]));
    let mut take = |ran: Ran| {
        let own = bench.module(ran.number);
        if has_modules && !options.json && module != Some(own) {
            say::out(&format!("{}\n", say::bold(&bench.project.shown(own))));
            module = Some(own);
        }
        let is_well = ran.is_well();
        results.ran += 1;
        if !is_well {
            results.failed.push((ran.name().to_owned(), ran.place()));
        }
        if options.json {
            results.json.push(ran.json(options.time));
        } else {
            ran.tell(options.stats, options.time);
        }
        results.taken.extend(ran.taken);
        if !is_well && options.fail_fast {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    parallel::in_order(
        wanted.len(),
        parallel::cores(),
        STACK_BYTES,
        |nth| bench.run(wanted[nth]),
        |ran| match ran {
            Ok(ran) => take(ran),
            Err(cannot) => {
                complaint = Some(cannot);
                ControlFlow::Break(())
            }
        },
    );
    match complaint {
        Some(complaint) => Err(complaint),
        None => Ok(results),
    }
}

/// Names the tests that would be run.
fn list(options: &TestOptions, project: &Project, compiled: &Compiled, wanted: &[usize]) {
    if options.json {
        let tests: Vec<Value> = wanted
            .iter()
            .map(|&number| {
                let (file, line) = &compiled.test_places[number];
                json!({ "name": compiled.tests[number], "file": project.shown(file), "line": line })
            })
            .collect();
        print(&json!({
            "ok": true,
            "name": project.name.as_str(),
            "left_out": compiled.tests.len() - wanted.len(),
            "tests": tests,
            "diagnostics": [],
        }));
        return;
    }
    for &number in wanted {
        let (file, line) = &compiled.test_places[number];
        say::out(&format!(
            "{}:{line}: {}\n",
            project.shown(file),
            compiled.tests[number]
        ));
    }
}

/// Says what became of snapshots, if anything did.
fn tell_snapshots(kept: &Kept) {
    let counted = |names: &[String]| match names {
        [one] => format!("the snapshot {one}"),
        several => format!("{} snapshots: {}", several.len(), several.join(", ")),
    };
    if !kept.written.is_empty() {
        say::note(&format!("wrote {}", counted(&kept.written)));
    }
    if !kept.removed.is_empty() {
        say::note(&format!("removed {}", counted(&kept.removed)));
    }
    if !kept.unused.is_empty() {
        say::note(&format!(
            "no test uses {}; `copc test --accept` removes what is not used",
            counted(&kept.unused)
        ));
    }
    for name in &kept.ambiguous {
        say::error(&format!(
            "the snapshot {name} was compared with different values and is not written; each assertion needs a name of its own"
        ));
    }
}

fn summarize(project: &Project, results: &Results, all: usize) {
    let name = &project.name;
    let failed = results.failed.len();
    let passed = results.ran - failed;
    let left_out = match all - results.ran {
        0 => String::new(),
        count => format!(", {count} left out"),
    };
    if failed > 0 && results.ran >= MANY {
        say::out("\n");
        for (name, place) in &results.failed {
            say::out(&format!("  {} at {place}\n", say::red(name)));
        }
    }
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
