//! Compares the engines on generated programs, seed after seed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use cop_generator::Choices;
use cop_generator::shrink::shrink;
use cop_oracles::differential::Count;
use cop_oracles::generated::Kind;

const HELP: &str = "\
Compares the interpreter, machine code and mixtures of both on generated programs.

    cargo run --release -p cop-oracles --bin differential

It is told what to do by variables:
    COP_SEED=N      the first seed (0). A fault says which seed it came from.
    COP_CASES=N     ends after that many cases: pairs of runs with the same limits
    COP_SECONDS=N   ends after that many seconds
    COP_KIND=NAME   bytecode, mutated or source; without it, all of them, by seed
    COP_RUNS=N      pairs of runs of each program (16)
    COP_TRIES=N     how many smaller programs are tried when a fault is found (2000)
    COP_FAULTS=N    ends after that many faults (1)
    COP_BYTES=FILE  one program made of the bytes of a file, such as a crash file has them

It ends with 1 if there was a fault.";

fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => match text.parse() {
            Ok(number) => number,
            Err(_) => {
                eprintln!("{name} is `{text}`, which is no number");
                std::process::exit(2);
            }
        },
        Err(_) => otherwise,
    }
}

/// One program; a panic is a fault, too.
fn attempt(kind: Kind, choices: &mut Choices, runs: usize) -> Result<Count, String> {
    catch_unwind(AssertUnwindSafe(|| kind.compare(choices, runs))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or(panic.downcast_ref::<&str>().map(|text| text.to_string()));
        Err(format!("a panic: {}", text.unwrap_or_default()))
    })
}

/// What kind of fault it is, so that another is not taken for it.
fn class(reason: &str) -> &str {
    let end = reason.find(['%', '\n']).unwrap_or(reason.len()).min(40);
    reason.get(..end).unwrap_or(reason)
}

/// Tells of a fault, with a smaller program that has it if one is found.
fn tell(kind: Kind, taken: &[u8], runs: usize, reason: &str) {
    let class = class(reason);
    let fails = |bytes: &[u8]| {
        let result = attempt(kind, &mut Choices::of_bytes(bytes), runs);
        result.is_err_and(|reason| self::class(&reason) == class)
    };
    let small = shrink(taken, number("COP_TRIES", 2_000) as usize, fails);
    match attempt(kind, &mut Choices::of_bytes(&small), runs) {
        Err(smaller) => {
            println!(
                "{} decisions, made smaller to {}:\n{smaller}\n",
                taken.len(),
                small.len()
            );
            let file = std::env::temp_dir().join("cop-fault.bytes");
            if std::fs::write(&file, &small).is_ok() {
                println!("again: COP_KIND={kind:?} COP_BYTES={}", file.display());
            }
        }
        Ok(_) => println!("{reason}"),
    }
}

fn main() {
    if std::env::args().len() > 1 {
        println!("{HELP}");
        return;
    }
    // Panics are faults, which are told below.
    std::panic::set_hook(Box::new(|_| {}));
    let only = std::env::var("COP_KIND").ok().map(|name| {
        Kind::named(&name.to_ascii_lowercase()).unwrap_or_else(|| {
            eprintln!("COP_KIND is `{name}`: it is `bytecode`, `mutated` or `source`");
            std::process::exit(2);
        })
    });
    let runs = number("COP_RUNS", 16) as usize;
    if let Ok(file) = std::env::var("COP_BYTES") {
        let bytes = std::fs::read(&file).unwrap_or_else(|error| {
            eprintln!("{file}: {error}");
            std::process::exit(2);
        });
        let kind = only.unwrap_or(Kind::Bytecode);
        match attempt(kind, &mut Choices::of_bytes(&bytes), runs) {
            Ok(count) => println!("no fault: {count}"),
            Err(reason) => {
                println!("{reason}");
                std::process::exit(1);
            }
        }
        return;
    }
    let start = number("COP_SEED", 0);
    let most = number("COP_CASES", u64::MAX);
    let time = Duration::from_secs(number("COP_SECONDS", u64::from(u32::MAX)));
    let (begun, mut told) = (Instant::now(), Instant::now());
    let mut count = Count::default();
    let (mut faults, mut seed) = (0, start);
    while count.cases < most && begun.elapsed() < time && faults < number("COP_FAULTS", 1) {
        let kind = only.unwrap_or(Kind::of_seed(seed));
        let mut choices = Choices::of_seed(seed);
        match attempt(kind, &mut choices, runs) {
            Ok(found) => count.add(&found),
            Err(reason) => {
                faults += 1;
                let first = reason.lines().next().unwrap_or_default();
                println!("COP_SEED={seed} COP_KIND={kind:?}: {first}");
                tell(kind, choices.taken(), runs, &reason);
            }
        }
        seed += 1;
        if told.elapsed() > Duration::from_secs(30) {
            told = Instant::now();
            println!("seed {seed}: {} s, {count}", begun.elapsed().as_secs());
        }
    }
    println!(
        "seeds {start}..{seed}: {} s, {count}, {faults} faults",
        begun.elapsed().as_secs()
    );
    std::process::exit(i32::from(faults > 0));
}
