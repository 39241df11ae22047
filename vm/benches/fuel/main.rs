//! How long a unit of fuel takes, by instruction: `cargo bench -p cop-vm --bench fuel`.
//!
//! Each case is a small program of one loop, made by [`cases`], in which an instruction stands [`COPIES`] times in a row. It is
//! run with as many and with twice as many; the difference, divided by how many more there were, is what one takes, in time
//! and in fuel. What a case needs besides (a changing argument, something that uses the result) is measured alone and taken
//! off. Fuel is exact; time is the least of several short runs, in both engines.
//!
//! The table is sorted by how much longer a unit of fuel takes than in the median of all cases. What is marked is underpriced
//! by more than [`LIMIT`].
//!
//! `fuel TEXT…` measures only cases whose names hold one of the texts; `--markdown` prints a table for a page.

#[allow(dead_code)]
#[path = "../../tests/engine/build.rs"]
mod build;
mod cases;

use std::fmt::Write;
use std::time::Instant;

use build::Echo;
use cases::Case;
use cop_vm::{End, Engine, Limits, Program, run_on};

/// How often an instruction stands in the loop.
const COPIES: usize = 32;
/// Runs of which the fastest counts.
const RUNS: usize = 15;
/// A run is made about so long, in nanoseconds: short enough that some are not interrupted.
const RUN_NS: u64 = 400_000;
/// No unit of fuel may take so many times the median.
const LIMIT: f64 = 4.0;
const LIMITS: Limits = Limits {
    fuel: cop_bytecode::limits::FUEL_MAX,
    memory_bytes: cop_bytecode::limits::MEMORY_MAX,
};

/// What one instruction takes.
struct Row {
    name: String,
    fuel: f64,
    /// Nanoseconds by engine.
    ns: [f64; 2],
}

impl Row {
    /// Nanoseconds per unit of fuel; what is free counts as one in four of them costing one.
    fn per_unit(&self, engine: usize) -> f64 {
        self.ns[engine] / self.fuel.max(0.25)
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let markdown = arguments.iter().any(|a| a == "--markdown");
    let wanted: Vec<&String> = arguments.iter().filter(|a| !a.starts_with("--")).collect();
    let mut rows = Vec::new();
    for case in cases::all() {
        let is_wanted = wanted.is_empty() || wanted.iter().any(|text| case.name.contains(*text));
        if !is_wanted {
            continue;
        }
        let (mut fuel, mut ns) = cost(&case, true);
        if case.has_rest {
            let (rest_fuel, rest_ns) = cost(&case, false);
            fuel -= rest_fuel;
            ns = [0, 1].map(|engine| ns[engine] - rest_ns[engine]);
        }
        eprintln!(
            "{:<34} {fuel:>9.2} {:>9.2} {:>9.2}",
            case.name, ns[0], ns[1]
        );
        rows.push(Row {
            name: case.name,
            fuel,
            ns: ns.map(|ns| ns.max(0.0)),
        });
    }
    let medians =
        [0, 1].map(|engine| median(rows.iter().map(|row| row.per_unit(engine)).collect()));
    let worst = |row: &Row| (row.per_unit(0) / medians[0]).max(row.per_unit(1) / medians[1]);
    rows.sort_by(|a, b| worst(b).total_cmp(&worst(a)));
    print!("{}", table(&rows, medians, markdown));
    let above = rows.iter().filter(|row| worst(row) > LIMIT).count();
    println!(
        "\n{} cases; a unit of fuel takes {:.2} ns in the interpreter and {:.2} ns in machine code (medians); {above} above {LIMIT}",
        rows.len(),
        medians[0],
        medians[1],
    );
}

fn table(rows: &[Row], medians: [f64; 2], markdown: bool) -> String {
    let mut text = String::new();
    if markdown {
        text.push_str("| what | fuel | interpreter, ns | × median | machine code, ns | × median |\n|---|---|---|---|---|---|\n");
    } else {
        let _ = writeln!(
            text,
            "{:<34} {:>9}  {:>10} {:>8}  {:>10} {:>8}",
            "what", "fuel", "interp. ns", "x median", "machine ns", "x median"
        );
    }
    for row in rows {
        let times = [0, 1].map(|engine| row.per_unit(engine) / medians[engine]);
        if markdown {
            let _ = writeln!(
                text,
                "| {} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |",
                row.name, row.fuel, row.ns[0], times[0], row.ns[1], times[1]
            );
        } else {
            let mark = if times.iter().any(|t| *t > LIMIT) {
                " <"
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "{:<34} {:>9.2}  {:>10.2} {:>8.2}  {:>10.2} {:>8.2}{mark}",
                row.name, row.fuel, row.ns[0], times[0], row.ns[1], times[1]
            );
        }
    }
    text
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers
        .get(numbers.len() / 2)
        .copied()
        .unwrap_or(1.0)
        .max(1e-9)
}

/// Fuel and time of one step of a case, with its instruction or without.
fn cost(case: &Case, with: bool) -> (f64, [f64; 2]) {
    let copies = case.copies.unwrap_or(COPIES);
    let mut turns = 20;
    let mut fuel = [0.0; 2];
    let ns = [Engine::Interpreter, Engine::Jit].map(|engine| {
        // As many turns as make the run long enough.
        let load = |count: usize, turns: u64| {
            let package = case.program(count, turns, with);
            let program = Program::load(&package).unwrap_or_else(|refusal| {
                panic!(
                    "{}: {refusal}\n{}",
                    case.name,
                    cop_bytecode::print(&package, Default::default())
                )
            });
            if engine == Engine::Jit && cop_vm::MACHINE_CODE {
                program
                    .compile("main")
                    .unwrap_or_else(|error| panic!("{}: {error}", case.name));
            }
            program
        };
        let first = load(copies, turns);
        let took = (0..3).map(|_| time(&first, engine, &case.name).0).min();
        let took = took.unwrap_or(1).max(1);
        turns = (turns * RUN_NS / took).clamp(4, 100_000);
        let programs = [load(copies, turns), load(2 * copies, turns)];
        let mut least = [u64::MAX; 2];
        for _ in 0..RUNS {
            for (which, program) in programs.iter().enumerate() {
                let (took, used) = time(program, engine, &case.name);
                least[which] = least[which].min(took);
                fuel[which] = used as f64;
            }
        }
        let steps = (turns * copies as u64) as f64;
        fuel = [0.0, (fuel[1] - fuel[0]) / steps];
        (least[1] as f64 - least[0] as f64) / steps
    });
    (fuel[1], ns)
}

/// Nanoseconds and fuel that a run takes.
fn time(program: &Program, engine: Engine, name: &str) -> (u64, u64) {
    let mut host = Echo::default();
    let begun = Instant::now();
    let outcome = run_on(program, "main", LIMITS, &mut host, engine);
    let took = begun.elapsed().as_nanos() as u64;
    match outcome.end {
        End::Returned(_) => (took, outcome.fuel_used),
        other => panic!("{name}: {other:?}"),
    }
}
