//! Keys, bundles and releases with fixed content.

use std::collections::BTreeMap;

use cop_runtime::bundle::source_hash;
use cop_runtime::{Bundle, BundleParts, Hash, Manifest, ProgramKind, Release, SecretKey};

/// A source of pseudo-random numbers that gives the same ones in every run (SplitMix64).
pub struct Seed(pub u64);

impl Seed {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

pub fn key(seed: u8) -> SecretKey {
    SecretKey::from_bytes(&[seed; 32]).unwrap()
}

pub fn hash(text: &str) -> Hash {
    Hash::tagged("test", &[text.as_bytes()])
}

pub fn manifest(sources: &BTreeMap<String, Vec<u8>>) -> Manifest {
    Manifest {
        name: "hello".parse().unwrap(),
        kind: ProgramKind::Web,
        package: hash("package"),
        capabilities: vec!["clock".to_owned(), "kv".to_owned()],
        origins: Vec::new(),
        records_runs: true,
        fuel: 1_000_000_000,
        memory_bytes: 64 << 20,
        compiler: "copc 0.1.0".to_owned(),
        sources: source_hash(sources.iter().map(|(p, c)| (p.as_str(), c.as_slice()))),
    }
}

pub fn parts() -> BundleParts {
    let sources = BTreeMap::from([
        ("main.cop".to_owned(), b"fn main() {}\n".to_vec()),
        ("lib/more.cop".to_owned(), Vec::new()),
    ]);
    BundleParts {
        manifest: manifest(&sources),
        interface: b"copi".to_vec(),
        code: b"copc".to_vec(),
        source_map: vec![],
        sources,
        assets: BTreeMap::from([("style.css".to_owned(), b"body { }".to_vec())]),
    }
}

pub fn bundle() -> Bundle {
    Bundle::build(parts()).unwrap()
}

pub fn release(number: u64, previous: Option<Hash>) -> Release {
    Release {
        network: hash("network"),
        key: key(1).public(),
        name: "hello".parse().unwrap(),
        number,
        bundle: hash("bundle"),
        package: hash("package"),
        previous,
        time_ms: 1_700_000_000_000,
        capabilities: vec!["clock".to_owned(), "kv".to_owned()],
        fuel: 1_000_000_000,
        memory_bytes: 64 << 20,
        homes: {
            let mut homes = vec![key(2).public(), key(3).public()];
            homes.sort();
            homes
        },
    }
}
