//! Writes `tests/vectors/engine` anew: `cargo run --release -p cop-oracles --bin vectors`. A vector that changes is a decision about the
//! edition.

use std::collections::BTreeSet;
use std::path::Path;

use cop_generator::{Choices, bytecode};
use cop_oracles::vectors::{covers, make};

/// Seeds that are looked at.
const SEEDS: u64 = 6_000;
/// Most vectors.
const MOST: usize = 60;
/// Bytes of a package that is taken.
const LARGEST: usize = 1_500;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/engine");
    std::fs::create_dir_all(&folder)?;
    let mut known = BTreeSet::new();
    let mut count = 0;
    // First what brings much, then whatever brings something.
    for least in [12, 6, 3, 1] {
        for seed in 0..SEEDS {
            let package = bytecode::package(&mut Choices::of_seed(seed));
            let vector = make(&package)?;
            if vector.code.len() > 2 * LARGEST || count >= MOST {
                continue;
            }
            let new: Vec<String> = covers(&package, &vector)
                .into_iter()
                .filter(|name| !known.contains(name))
                .collect();
            if new.len() < least {
                continue;
            }
            known.extend(new);
            let text = serde_json::to_string_pretty(&vector)? + "\n";
            std::fs::write(folder.join(format!("{count:02}.json")), text)?;
            count += 1;
        }
    }
    println!(
        "{count} vectors for {} kinds of instruction and trap",
        known.len()
    );
    Ok(())
}
