//! Runs that are measured: of `main`, of `handle` for requests, or of tests. Each is given the same each time, and so costs the
//! same each time.

use std::ops::ControlFlow;

use cop_bytecode::{SourceMap, encode, limits};
use cop_runtime::engine::{Limits, Profile, ProfiledProgram};
use cop_runtime::run::{RunEnd, RunRecord};
use cop_runtime::{Doubles, ProgramKind, WebRequest};
use coputer::project::Project;
use coputer::publish::BuildError;
use coputer::report::Report;

use crate::STACK_BYTES;
use crate::arguments::MeasureOptions;
use crate::ended::Complaint;
use crate::parallel;
use crate::request::request;
use crate::run::{MOST, granted};
use crate::subject::{Subject, is_bundle};
use crate::tell::Trapped;
use crate::test::selection::wanted;
use crate::test::snapshots::Snapshots;
use crate::test::{USUAL_FUEL, compiled};
use crate::watch::Watch;

/// A program and the runs of it that are asked for.
pub struct Measuring {
    pub project: Project,
    pub report: Report,
    pub source_map: SourceMap,
    /// What kind of program it is, unless its tests are run.
    kind: Option<ProgramKind>,
    program: ProfiledProgram,
    runs: Vec<Asked>,
    limits: Limits,
    snapshots: Option<Snapshots>,
}

enum Asked {
    Command(Vec<String>),
    Request(String, Box<WebRequest>),
    Test(usize, String),
}

/// A run that was measured.
pub struct Measured {
    /// `main` with its arguments, `GET /`, `test "adds"`; no two are the same.
    pub name: String,
    pub record: RunRecord,
    pub profile: Profile,
}

impl Measuring {
    /// Compiles the program, and finds out which runs are asked for.
    pub fn of(options: &MeasureOptions) -> Result<Measuring, Complaint> {
        let from = options.packages.with(options.node.url.as_deref(), None);
        match options.tests || !options.test.is_empty() {
            true => Measuring::tests(options, &from),
            false => Measuring::entry(options, &from),
        }
    }

    /// Of `main` or `handle`.
    fn entry(
        options: &MeasureOptions,
        from: &coputer::packages::Options,
    ) -> Result<Measuring, Complaint> {
        let Subject { project, built } = Subject::of(&options.path, from, &Watch::default())?;
        let kind = built.bundle.manifest().kind;
        let unreadable = |error: cop_bytecode::DecodeError| Complaint::Failed(error.to_string());
        let (interface, code) = (built.bundle.interface(), built.bundle.code());
        Ok(Measuring {
            source_map: SourceMap::decode(built.bundle.source_map()).map_err(unreadable)?,
            program: ProfiledProgram::load(interface, code).map_err(Complaint::Failed)?,
            kind: Some(kind),
            runs: runs(options, kind)?,
            limits: granted(options.limits, &project, MOST),
            report: built.report,
            project,
            snapshots: None,
        })
    }

    /// Of tests.
    fn tests(
        options: &MeasureOptions,
        from: &coputer::packages::Options,
    ) -> Result<Measuring, Complaint> {
        let input_given = !options.request.is_empty()
            || !options.parts.is_empty()
            || !options.arguments.is_empty();
        if input_given {
            return Err(Complaint::Usage(
                "tests are given neither arguments nor requests; leave them out, or leave out --tests and --test"
                    .to_owned(),
            ));
        }
        if is_bundle(&options.path) {
            return Err(Complaint::Failed(
                "a bundle has no tests; name the folder or file that it was made of".to_owned(),
            ));
        }
        let project = Project::at(&options.path)?;
        let (report, compiled) = compiled(&project, from)?;
        let numbers = wanted(&compiled, &options.test)?;
        if numbers.is_empty() {
            return Err(Complaint::Failed(format!(
                "{} has no tests; write one: test \"adds\" {{ assert_eq(1 + 1, 2) }}",
                project.name
            )));
        }
        let encoded = encode(&compiled.package)
            .map_err(|error| Complaint::Build(BuildError::Package(error)))?;
        let usual = Limits {
            fuel: USUAL_FUEL.min(limits::FUEL_MAX),
            memory_bytes: limits::MEMORY_MAX,
        };
        let mut runs: Vec<Asked> = Vec::new();
        for number in numbers {
            let name = format!("test {:?}", compiled.tests[number]);
            let is_taken = runs
                .iter()
                .any(|run| matches!(run, Asked::Test(_, other) if *other == name));
            // Two modules may have tests of one name.
            let name = match is_taken {
                true => format!("{name} in {}", compiled.test_places[number].0),
                false => name,
            };
            runs.push(Asked::Test(number, name));
        }
        Ok(Measuring {
            source_map: compiled.source_map,
            program: ProfiledProgram::load(&encoded.interface, &encoded.code)
                .map_err(Complaint::Failed)?,
            kind: None,
            runs,
            limits: granted(options.limits, &project, usual),
            snapshots: Some(Snapshots::of(&options.path, false)?),
            report,
            project,
        })
    }

    /// What is run, for tools: `command`, `web` or `tests`.
    pub fn kind(&self) -> &'static str {
        self.kind.map_or("tests", ProgramKind::as_str)
    }

    /// Runs them all, on all cores; in the order in which they were asked for.
    pub fn run(&self) -> Result<Vec<Measured>, Complaint> {
        let (mut all, mut complaint) = (Vec::new(), None);
        parallel::in_order(
            self.runs.len(),
            parallel::cores(),
            STACK_BYTES,
            |nth| self.measure(&self.runs[nth]),
            |measured| match measured {
                Ok(measured) => {
                    all.push(measured);
                    ControlFlow::Continue(())
                }
                Err(cannot) => {
                    complaint = Some(cannot);
                    ControlFlow::Break(())
                }
            },
        );
        match complaint {
            Some(complaint) => Err(complaint),
            None => Ok(all),
        }
    }

    fn measure(&self, asked: &Asked) -> Result<Measured, Complaint> {
        let program = self.program.again();
        let mut doubles = Doubles::empty();
        let (name, record) = match asked {
            Asked::Command(arguments) => {
                let shown: Vec<String> = arguments.iter().map(|text| shell(text)).collect();
                let words: Vec<&str> = ["main"]
                    .into_iter()
                    .chain(shown.iter().map(String::as_str))
                    .collect();
                let record = doubles.run_command(&program, arguments.clone(), self.limits);
                (words.join(" "), record)
            }
            Asked::Request(name, request) => {
                let record = doubles.run_request(&program, request, self.limits);
                (name.clone(), record)
            }
            Asked::Test(number, name) => {
                let on_snapshot =
                    |name: &str, shown: &str| self.snapshots.as_ref()?.compare(name, shown).1;
                let record = doubles.run_test_with(&program, *number, self.limits, &on_snapshot);
                (name.clone(), record)
            }
        };
        let record = record.map_err(|failure| Complaint::Failed(format!("{name}: {failure}")))?;
        Ok(Measured {
            name,
            record,
            profile: program.take(),
        })
    }

    /// Why a run ended badly, if it did: the error of a command, or a trap as it is told to people.
    pub fn complaint(&self, measured: &Measured) -> Option<String> {
        match &measured.record.end {
            RunEnd::Done | RunEnd::Answered(_) | RunEnd::Aborted(_) => None,
            RunEnd::Failed(message) => Some(format!("error: {message}\n")),
            RunEnd::Trapped(trap) => {
                let trapped = Trapped {
                    trap,
                    detail: measured.record.trap_detail.as_deref(),
                    map: &self.source_map,
                    project: &self.project,
                    report: &self.report,
                };
                Some(trapped.text())
            }
        }
    }
}

impl Measured {
    /// How it ended, for tools.
    pub fn end(&self) -> &'static str {
        match &self.record.end {
            RunEnd::Done => "done",
            RunEnd::Answered(_) => "answered",
            RunEnd::Aborted(_) => "aborted",
            RunEnd::Failed(_) => "error",
            RunEnd::Trapped(_) => "trapped",
        }
    }

    /// Questions that it asked the host.
    pub fn questions(&self) -> usize {
        self.record.transcript.exchanges().len()
    }
}

/// The runs of `main` or `handle` that the options describe.
fn runs(options: &MeasureOptions, kind: ProgramKind) -> Result<Vec<Asked>, Complaint> {
    let has_request = !options.request.is_empty() || !options.parts.is_empty();
    match kind {
        ProgramKind::Library => Err(Complaint::Failed(
            "this is a library, which cannot be run: it has neither `fn main` nor `fn handle`; --tests runs its tests".to_owned(),
        )),
        ProgramKind::Web if !options.arguments.is_empty() => Err(Complaint::Usage(
            "this is a web program, which has no arguments; --request 'GET /path' says what to ask it".to_owned(),
        )),
        ProgramKind::Command if has_request => Err(Complaint::Usage(
            "this is a command, which answers no requests; give it arguments behind --".to_owned(),
        )),
        ProgramKind::Command => Ok(vec![Asked::Command(options.arguments.clone())]),
        ProgramKind::Web => {
            let asked: Vec<&str> = match options.request.is_empty() {
                true => vec!["GET /"],
                false => options.request.iter().map(String::as_str).collect(),
            };
            let mut runs: Vec<Asked> = Vec::new();
            for name in asked {
                let is_taken = runs
                    .iter()
                    .any(|run| matches!(run, Asked::Request(other, _) if other == name));
                if is_taken {
                    return Err(Complaint::Usage(format!(
                        "--request '{name}' stands twice; each run starts with an empty store, so both cost the same"
                    )));
                }
                let web = request(Some(name), &options.parts)?;
                runs.push(Asked::Request(name.to_owned(), Box::new(web)));
            }
            Ok(runs)
        }
    }
}

/// An argument as one would type it, on one line.
fn shell(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=+:,@%".contains(letter);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("{text:?}"),
    }
}
