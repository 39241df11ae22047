//! What a run costs beside its own work, and what machine code costs to make: `cargo bench --bench engine`.
//! `docs/performance.md` says what the figures mean.
//!
//! ```text
//! cargo bench --bench engine -- [--compile TIMES]     the second alone, so often: for a profiler
//! ```

use std::process::ExitCode;
use std::time::Duration;

use cop_bytecode::Package;
use cop_compiler::compile::{CompileOptions, compile};
use cop_compiler::source::{SourceError, Sources};
use cop_vm::{Answer, End, Engine, Host, Limits, Program, run_on};
use coputer::constants::VmConstants;
use rustix::time::{ClockId, clock_gettime};

/// As in `copd`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A program that does nothing.
const NOTHING: &str = "fn main() {}\n";
/// One that asks its host a thousand times.
const ASKING: &str = "fn main() {\n    for _ in 0..1_000 { print(\"x\") }\n}\n";
/// One that changes a field in each of a thousand structs, a thousand times.
const CHANGING: &str = "
struct Item { price: Int, count: Int }

fn main() {
    let mut items = List.filled(1_000, Item(price: 1, count: 0))
    for _ in 0..1_000 {
        for i in 0..items.len() { items[i].count += 1 }
    }
}
";
/// Programs as they are written, for what their machine code costs to make.
const PROGRAMS: [(&str, &str); 10] = [
    ("fib", include_str!("../kernels/fib.cop")),
    ("sieve", include_str!("../kernels/sieve.cop")),
    ("nbody", include_str!("../kernels/nbody.cop")),
    ("matmul", include_str!("../kernels/matmul.cop")),
    ("bintrees", include_str!("../kernels/bintrees.cop")),
    ("wordcount", include_str!("../kernels/wordcount.cop")),
    ("sort", include_str!("../kernels/sort.cop")),
    ("levenshtein", include_str!("../kernels/levenshtein.cop")),
    ("json", include_str!("../kernels/json.cop")),
    ("template", include_str!("../kernels/template.cop")),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).filter(|one| one != "--bench");
    let done = match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => compiling(5).and_then(|()| running()),
        (Some("--compile"), Some(times)) => match times.parse() {
            Ok(times) => compiling(times),
            Err(_) => Err(format!("`{times}` is not a number")),
        },
        _ => Err("wants nothing, or --compile TIMES".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// What machine code costs to make, by program: best of several times.
fn compiling(times: usize) -> Result<(), String> {
    // What every process pays once.
    let nothing = package("nothing", NOTHING)?;
    let first = time_of(&nothing)?.0;
    let empty = best(times, &nothing)?.0;
    println!(
        "machine code of a program that does nothing: {:.0} µs the first time in a process, {:.0} µs again",
        first * 1e6,
        empty * 1e6
    );
    println!(
        "{:<12} {:>8} {:>9} {:>10} {:>7} {:>9}",
        "program", "bytes", "code", "functions", "ms", "ms per KB"
    );
    let (mut seconds, mut bytes) = (0.0, 0);
    for (name, text) in PROGRAMS {
        let package = package(name, text)?;
        let size = cop_bytecode::encode(&package).map_err(|error| error.to_string())?;
        let size = size.code.len();
        let (time, code) = best(times, &package)?;
        println!(
            "{name:<12} {size:>8} {code:>9} {:>10} {:>7.2} {:>9.2}",
            package.functions.len(),
            time * 1e3,
            time * 1e3 / (size as f64 / 1024.0)
        );
        (seconds, bytes) = (seconds + time, bytes + size);
    }
    println!(
        "all: {:.2} ms per KB of bytecode (at most 1)",
        seconds * 1e3 / (bytes as f64 / 1024.0)
    );
    Ok(())
}

fn best(times: usize, package: &Package) -> Result<(f64, u64), String> {
    let mut best = time_of(package)?;
    for _ in 1..times {
        let again = time_of(package)?;
        if again.0 < best.0 {
            best = again;
        }
    }
    Ok(best)
}

/// Processor time of making the machine code of a program, and the memory that it takes.
fn time_of(package: &Package) -> Result<(f64, u64), String> {
    let background = cop_vm::Background::new(u64::MAX);
    let program = Program::load_with(package, &background).map_err(|refusal| refusal.reason)?;
    let begun = used();
    program.compile("main")?;
    let time = (used() - begun).as_secs_f64();
    Ok((time, background.figures().code_bytes))
}

/// What a run costs that does nothing, what a question costs, and a change in place.
fn running() -> Result<(), String> {
    const RUNS: u32 = 20_000;
    for (engine, name) in [
        (Engine::Interpreter, "interpreter"),
        (Engine::Jit, "machine code"),
    ] {
        let nothing = load("nothing", NOTHING)?;
        let asking = load("asking", ASKING)?;
        let empty = each(&nothing, engine, RUNS)?;
        let full = each(&asking, engine, RUNS / 100)?;
        let changing = each(&load("changing", CHANGING)?, engine, RUNS / 1_000)?;
        println!(
            "{name}: an instance made, entered and dropped {:.2} µs (at most 3), a host call {:.0} ns (at most 30), a field changed in a list of structs {:.2} ns (at most 0.5)",
            empty * 1e6,
            (full - empty) * 1e9 / 1e3,
            (changing - empty) * 1e9 / 1e6
        );
    }
    Ok(())
}

/// Processor time of one run, on average of many, best of five.
fn each(program: &Program, engine: Engine, runs: u32) -> Result<f64, String> {
    let mut best = f64::MAX;
    for _ in 0..5 {
        let begun = used();
        for _ in 0..runs {
            let outcome = run_on(program, "main", Limits::default(), &mut Nobody, engine);
            if !matches!(outcome.end, End::Returned(_)) {
                return Err(format!("ended as {:?}", outcome.end));
            }
        }
        best = best.min((used() - begun).as_secs_f64() / f64::from(runs));
    }
    Ok(best)
}

fn load(name: &str, text: &str) -> Result<Program, String> {
    Program::load(&package(name, text)?).map_err(|refusal| refusal.reason)
}

fn package(name: &str, text: &str) -> Result<Package, String> {
    let options = CompileOptions {
        tests: false,
        constants: Some(&VmConstants),
        last: None,
        debug: false,
    };
    let compiled = compile("main.cop", &Source(text.to_owned()), options).compiled;
    let compiled = compiled.ok_or_else(|| format!("{name}: has mistakes"))?;
    Ok(compiled.package)
}

/// One file in memory.
struct Source(String);

impl Sources for Source {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        match path {
            "main.cop" => Ok(self.0.clone()),
            _ => Err(SourceError::NotFound),
        }
    }
}

/// Answers everything with nothing.
struct Nobody;

impl Host for Nobody {
    fn call(&mut self, _: &str, _: &str, _: &[u8]) -> Answer {
        Answer::Bytes(Vec::new())
    }
}

/// The processor time that this process has used.
fn used() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
