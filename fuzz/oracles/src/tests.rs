//! Replays the corpus, and mutations of it from fixed seeds. `COP_TIMES=n` tries n times as many, `COP_SEED=n` others.

use super::*;
use std::path::Path;

/// A small generator of numbers (xorshift64*), so that every run tries the same.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound.max(1)
    }

    /// One change: a bit turned, a byte set, a stretch removed, doubled, or taken from another seed.
    fn mutate(&mut self, data: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(data.len());
        let to = (at + self.below(12)).min(data.len());
        match self.below(5) {
            0 if !data.is_empty() => data[at] ^= 1 << self.below(8),
            1 if !data.is_empty() => data[at] = self.below(256) as u8,
            2 => drop(data.drain(at..to)),
            3 => {
                let part = data[at..to].to_vec();
                data.splice(at..at, part);
            }
            _ => {
                let from = self.below(other.len());
                let end = (from + self.below(24)).min(other.len());
                data.splice(at..to, other[from..end].iter().copied());
            }
        }
    }
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../corpus")
        .join(name);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .collect();
    files.sort();
    files
        .iter()
        .map(|f| std::fs::read(f).expect("a corpus file can be read"))
        .collect()
}

fn replay(name: &str, oracle: Oracle, mutations: usize) {
    let seeds = corpus(name);
    assert!(!seeds.is_empty(), "the corpus of {name} is empty");
    seeds.iter().for_each(|seed| oracle(seed));
    let times = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|n| n.parse::<usize>().ok())
    };
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ times("COP_SEED").unwrap_or(0) as u64);
    for _ in 0..mutations * times("COP_TIMES").unwrap_or(1) {
        let mut data = seeds[random.below(seeds.len())].clone();
        let other = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(4) {
            random.mutate(&mut data, &other);
        }
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
fn every_oracle_has_a_target() {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz_targets");
    for (name, _) in ORACLES {
        assert!(
            targets.join(format!("{name}.rs")).is_file(),
            "fuzz/fuzz_targets/{name}.rs is missing"
        );
    }
}
