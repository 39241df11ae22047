//! Whether the comparison of the engines finds faults that were put into machine code on purpose: each must be found within two minutes.
//! `cargo run --release -p cop-oracles --features planted --bin planted`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use cop_generator::Choices;
use cop_oracles::generated::Kind;
use cop_vm::{Fault, plant};

/// How long a fault may stay undetected.
const PATIENCE: Duration = Duration::from_secs(120);
/// Programs in which nothing may be found without a fault.
const SOUND: u64 = 400;
/// Pairs of runs of each program.
const RUNS: usize = 8;
/// Says to the process which fault it is about.
const VARIABLE: &str = "COP_PLANTED";

/// Whether a program shows a fault; a panic shows it, too.
fn shows(seed: u64) -> bool {
    let work = || Kind::of_seed(seed).compare(&mut Choices::of_seed(seed), RUNS);
    !matches!(catch_unwind(AssertUnwindSafe(work)), Ok(Ok(_)))
}

/// Looks for the fault of that number, or for none; tells the first seed that shows something.
fn search(number: usize) -> ExitCode {
    std::panic::set_hook(Box::new(|_| {}));
    let fault = Fault::ALL.get(number);
    if let Some(fault) = fault {
        plant(*fault);
    }
    let begun = Instant::now();
    let mut seeds = 0..if fault.is_some() { u64::MAX } else { SOUND };
    match seeds.find(|seed| shows(*seed) || (fault.is_some() && begun.elapsed() > PATIENCE)) {
        Some(seed) if begun.elapsed() <= PATIENCE => {
            print!("seed {seed}");
            ExitCode::SUCCESS
        }
        _ => ExitCode::FAILURE,
    }
}

fn main() -> ExitCode {
    if let Some(number) = std::env::var(VARIABLE).ok().and_then(|n| n.parse().ok()) {
        return search(number);
    }
    let Ok(this) = std::env::current_exe() else {
        return ExitCode::FAILURE;
    };
    let mut missed = 0;
    for number in 0..=Fault::ALL.len() {
        let begun = Instant::now();
        let mut child = Command::new(&this);
        let child = child.env(VARIABLE, number.to_string());
        let Ok(output) = child.stderr(Stdio::null()).output() else {
            return ExitCode::FAILURE;
        };
        let said = String::from_utf8_lossy(&output.stdout);
        // A process that does not survive its own machine code has shown the fault as well.
        let (found, said) = match output.status.code() {
            Some(code) => (code == 0, said.as_ref()),
            None => (true, "the process did not survive it"),
        };
        let seconds = begun.elapsed().as_secs_f64();
        match Fault::ALL.get(number) {
            Some(fault) if found => println!("{fault:?}: found in {seconds:.1} s, {said}"),
            Some(fault) => {
                println!("{fault:?}: NOT FOUND in {seconds:.1} s");
                missed += 1;
            }
            None if found => {
                println!("without a fault something was found: {said}");
                missed += 1;
            }
            None => println!("without a fault: nothing in {SOUND} programs, {seconds:.1} s"),
        }
    }
    ExitCode::from(u8::from(missed > 0))
}
