//! Runs an oracle on changes of its corpus for a while, on the stable toolchain and without anything to be installed. A fuzzer that sees
//! what it reaches finds more (`fuzz/README.md`); this one can be run anywhere.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use cop_oracles::ORACLES;
use cop_oracles::replay::{Mutations, corpus};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let names: Vec<&str> = ORACLES.iter().map(|(name, _)| *name).collect();
    let usage = format!(
        "fuzz ORACLE SECONDS [SEED]\nwhere ORACLE is one of {}",
        names.join(", ")
    );
    let (Some(name), Some(seconds)) = (args.next(), args.next()) else {
        return Err(usage.into());
    };
    let Some((name, oracle)) = ORACLES.iter().find(|(known, _)| *known == name) else {
        return Err(usage.into());
    };
    let time = Duration::from_secs(seconds.parse()?);
    let seed: u64 = args.next().map_or(Ok(0), |seed| seed.parse())?;
    let begun = Instant::now();
    let mut count = 0u64;
    for data in Mutations::new(corpus(name)?, seed) {
        if begun.elapsed() >= time {
            break;
        }
        if catch_unwind(AssertUnwindSafe(|| oracle(&data))).is_err() {
            let file = std::env::temp_dir().join(format!("cop-fault-{name}"));
            std::fs::write(&file, &data)?;
            return Err(format!("{name} fails for {} (input {count})", file.display()).into());
        }
        count += 1;
    }
    println!(
        "{name}: {count} inputs in {} s, no fault",
        begun.elapsed().as_secs()
    );
    Ok(())
}
