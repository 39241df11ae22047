//! Replays the corpus, and mutations of it from fixed seeds. `COP_TIMES=n` tries n times as many, `COP_SEED=n` others.

use super::*;
use crate::replay::{Mutations, corpus};
use std::path::Path;

fn replay(name: &str, oracle: Oracle, mutations: usize) {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|n| n.parse::<usize>().ok())
    };
    let seeds = corpus(name).unwrap_or_else(|error| panic!("the corpus of {name}: {error}"));
    assert!(!seeds.is_empty(), "the corpus of {name} is empty");
    seeds.iter().for_each(|seed| oracle(seed));
    let mutated = Mutations::new(seeds, number("COP_SEED").unwrap_or(0) as u64);
    for data in mutated.take(mutations * number("COP_TIMES").unwrap_or(1)) {
        oracle(&data);
    }
}

#[test]
fn sources() {
    replay("source", source, 200);
}

#[test]
fn packages() {
    replay("package", package, 4_000);
}

#[test]
fn bytecode_of_any_decisions() {
    replay("bytecode", bytecode, 300);
}

#[test]
fn mutated_packages() {
    replay("mutated", mutated, 300);
}

#[test]
fn programs_of_any_decisions() {
    replay("program", program, 20);
}

#[test]
fn bundles() {
    replay("bundle", bundle, 4_000);
}

#[test]
fn releases() {
    replay("release", release, 4_000);
}

#[test]
fn receipts() {
    replay("receipt", receipt, 4_000);
}

#[test]
fn both_engines_reproduce_the_vectors() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/engine");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder of vectors can be read")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    files.sort();
    assert!(files.len() > 20, "{} vectors", files.len());
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a vector can be read");
        let vector: vectors::Vector = serde_json::from_str(&text).expect("a vector is JSON");
        for engine in [cop_vm::Engine::Interpreter, cop_vm::Engine::Jit] {
            if let Err(reason) = vectors::check(&vector, engine) {
                panic!("{}: {reason}", file.display());
            }
        }
    }
}

#[test]
fn every_oracle_has_a_target() {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz_targets");
    for (name, _) in ORACLES {
        assert!(
            targets.join(format!("{name}.rs")).is_file(),
            "fuzz/fuzz_targets/{name}.rs is missing"
        );
    }
}
