//! The corpora, and changes of what lies in them: fuzzing without a fuzzer.

use std::path::Path;

/// What lies in the corpus of an oracle, in order of name.
///
/// # Errors
/// When it cannot be read.
pub fn corpus(name: &str) -> std::io::Result<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../corpus")
        .join(name);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        files.push(entry?.path());
    }
    files.sort();
    files.iter().map(std::fs::read).collect()
}

/// Changes of seeds, without end; the same for the same number.
pub struct Mutations {
    seeds: Vec<Vec<u8>>,
    random: Random,
}

impl Mutations {
    /// Of at least one seed.
    pub fn new(seeds: Vec<Vec<u8>>, number: u64) -> Mutations {
        Mutations {
            seeds,
            random: Random(0x9e37_79b9_7f4a_7c15 ^ number),
        }
    }
}

impl Iterator for Mutations {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let random = &mut self.random;
        let mut data = self.seeds.get(random.below(self.seeds.len()))?.clone();
        let other = &self.seeds[random.below(self.seeds.len())];
        for _ in 0..=random.below(4) {
            random.mutate(&mut data, other);
        }
        Some(data)
    }
}

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
