//! Each example has one outcome, however often it runs. Their tests are run by `tests/language`.

use std::collections::BTreeSet;

use cop_runtime::engine::{Limits, interpreter};
use cop_runtime::library::ReadyProgram;
use cop_runtime::{Bundle, Doubles, Hash, ProgramKind, WebRequest};
use coputer::examples::examples;
use coputer::packages::Options;
use coputer::publish::build;

const RUNS: usize = 1000;

/// The outcome of one run from nothing: decoded, verified, run.
fn outcome(bundle: &Bundle, ready_program: &mut Option<ReadyProgram>) -> Hash {
    let ready = ready_program.get_or_insert_with(|| {
        ReadyProgram::of_bundle(&*interpreter(), bundle).expect("it verifies")
    });
    let limits = Limits {
        fuel: ready.manifest.fuel,
        memory_bytes: ready.manifest.memory_bytes,
    };
    let program = &*ready.program;
    let mut doubles = Doubles::empty();
    let record = match ready.manifest.kind {
        ProgramKind::Web => doubles.run_request(program, &WebRequest::get("/"), limits),
        _ => doubles.run_command(program, vec!["to be or not to be".to_owned()], limits),
    };
    record.expect("it runs").outcome_hash()
}

#[test]
fn a_thousand_runs_of_each_example_have_one_outcome() {
    for project in examples().expect("projects") {
        let built = build(&project, &Options::default()).expect("it builds");
        let bundle = &built.bundle;
        let hashes: BTreeSet<Hash> = std::thread::scope(|scope| {
            let half = || {
                scope.spawn(|| {
                    let mut ready = None;
                    let mut hashes = BTreeSet::new();
                    for run in 0..RUNS / 2 {
                        // Now and then everything anew, so that nothing of earlier runs can hide in the program.
                        if run % 50 == 0 {
                            ready = None;
                        }
                        hashes.insert(outcome(bundle, &mut ready));
                    }
                    hashes
                })
            };
            let halves = [half(), half()];
            halves
                .into_iter()
                .flat_map(|half| half.join().expect("it ends"))
                .collect()
        });
        assert_eq!(hashes.len(), 1, "{}: {hashes:?}", project.name);
        assert_eq!(
            build(&project, &Options::default())
                .expect("it builds")
                .bundle
                .hash(),
            bundle.hash()
        );
    }
}
