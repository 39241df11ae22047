//! Small loops with every limit of fuel up to what they use: both engines have to end each of these runs in the same way and at
//! the same place, also where machine code has moved, joined or left out what it need not do.

use cop_compiler::compile::{CompileOptions, compile};
use cop_compiler::source::{SourceError, Sources};
use cop_runtime::engine::{Answer, Host, Limits, Outcome};
use cop_vm::{End, Engine, Program, run_inspected};
use coputer::constants::VmConstants;

struct Text(&'static str);

impl Sources for Text {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        match path {
            "main.cop" => Ok(self.0.to_owned()),
            _ => Err(SourceError::NotFound),
        }
    }
}

/// Keeps what is printed.
#[derive(Default)]
struct Printed(Vec<Vec<u8>>);

impl Host for Printed {
    fn call(&mut self, _: &str, _: &str, argument: &[u8]) -> Answer {
        self.0.push(argument.to_vec());
        Answer::Bytes(Vec::new())
    }
}

fn program(text: &'static str) -> Program {
    let options = CompileOptions {
        tests: false,
        constants: Some(&VmConstants),
        last: None,
        debug: false,
    };
    let compilation = compile("main.cop", &Text(text), options);
    let wrong: Vec<&str> = compilation
        .diagnostics
        .iter()
        .map(|d| d.title.as_str())
        .collect();
    let Some(compiled) = compilation.compiled else {
        panic!("{wrong:?} in\n{text}");
    };
    let program = Program::load(&compiled.package).expect("it verifies");
    if cop_vm::MACHINE_CODE {
        program.compile("main").expect("it has machine code");
    }
    program
}

fn run(program: &Program, fuel: u64, engine: Engine) -> (Outcome, u64, Vec<Vec<u8>>) {
    let limits = Limits {
        fuel,
        memory_bytes: 8 << 20,
    };
    let mut printed = Printed::default();
    let (outcome, remains) = run_inspected(program, "main", limits, &mut printed, engine);
    // Of a run that traps nobody counts what it leaves behind.
    let live = match outcome.end {
        End::Trapped(_) => 0,
        _ => remains.live_cells,
    };
    (outcome, live, printed.0)
}

/// The trap's name and operands, or nothing.
fn end(outcome: &Outcome) -> Option<(&'static str, [i64; 2])> {
    match &outcome.end {
        End::Returned(_) => None,
        End::Trapped(trap) => Some((trap.kind.name(), trap.operands)),
        other => panic!("{other:?}"),
    }
}

/// Runs a program with every limit, and says how it ends with enough.
fn every_limit(text: &'static str) -> Option<(&'static str, [i64; 2])> {
    let program = program(text);
    let whole = run(&program, 1_000_000, Engine::Interpreter);
    let used = whole.0.fuel_used;
    assert!(used < 20_000, "{used} is more than a small loop takes");
    for fuel in 0..=used + 1 {
        let interpreted = run(&program, fuel, Engine::Interpreter);
        let compiled = run(&program, fuel, Engine::Jit);
        assert_eq!(interpreted, compiled, "with {fuel} of {used} in\n{text}");
    }
    end(&whole.0)
}

#[test]
fn indices_and_sums() {
    let ends = every_limit(
        "fn main() {
    let mut all = List.filled(9, 1)
    let mut sum = 0
    for i in 0..all.len() { all[i] = i * i }
    for i in 1..all.len() { sum += all[i] - all[i - 1] }
    let mut j = 8
    while j > 0 {
        sum += all[j]
        j -= 2
    }
    print(\"${sum}\")
}",
    );
    assert_eq!(ends, None);
}

#[test]
fn an_index_outside_in_a_later_turn() {
    let ends = every_limit(
        "fn main() {
    let all = List.filled(5, 7)
    let mut sum = 0
    for i in 0..9 { sum += all[i] }
    print(\"${sum}\")
}",
    );
    assert_eq!(ends, Some(("IndexOutOfBounds", [5, 5])));
    let ends = every_limit(
        "fn main() {
    let all = List.filled(5, 7)
    let mut sum = 0
    let mut i = 4
    while sum < 100 {
        sum += all[i]
        i -= 1
    }
    print(\"${sum}\")
}",
    );
    assert_eq!(ends, Some(("IndexOutOfBounds", [-1, 5])));
}

#[test]
fn rows_that_are_shared_and_changed() {
    let ends = every_limit(
        "fn main() {
    let mut table = List.filled(4, List.filled(5, 0))
    for i in 0..4 {
        for j in 0..5 {
            table[i][j] = i * j
            if i > 0 && j > 0 {
                let mut best = table[i - 1][j - 1] + 1
                let other = table[i - 1][j] + 1
                if other < best { best = other }
                table[i][j] = best
            }
        }
    }
    print(\"${table[3][4]}\")
    table[4][0] = 1
}",
    );
    assert_eq!(ends, Some(("IndexOutOfBounds", [4, 4])));
}

#[test]
fn overflows_that_one_comparison_finds() {
    for text in [
        "fn main() {
    let mut a = 1
    for i in 0..80 { a = a + a + i }
    print(\"${a}\")
}",
        "fn main() {
    let mut a = -1
    for i in 0..80 { a = a - 4_000_000_000_000_000_000 + i }
    print(\"${a}\")
}",
        "fn main() {
    let mut a = 3
    for i in 1..80 { a *= i }
    print(\"${a}\")
}",
        "fn main() {
    let mut i = 9_223_372_036_854_775_800
    while i > 0 { i += 1 }
    print(\"${i}\")
}",
        "fn main() {
    let mut i = -9_223_372_036_854_775_800
    while i < 0 { i -= 1 }
    print(\"${i}\")
}",
    ] {
        let ends = every_limit(text);
        assert_eq!(ends.map(|end| end.0), Some("IntegerOverflow"), "{text}");
    }
}

#[test]
fn choices_without_a_jump() {
    let ends = every_limit(
        "fn main() {
    let all = [5, 3, 9, -2, 7, 7, 0]
    let mut least = all[0]
    let mut most = all[0]
    let mut odd = 0
    for x in all {
        if x < least { least = x }
        most = if x > most { x } else { most }
        let is_odd = x % 2 != 0 && x > 0
        odd += if is_odd || x == 9 { 1 } else { 0 }
    }
    print(\"${least} ${most} ${odd}\")
}",
    );
    assert_eq!(ends, None);
}

#[test]
fn lists_that_grow_and_shrink_in_loops() {
    let ends = every_limit(
        "fn main() {
    let mut all: List[Int] = []
    for i in 0..6 {
        all.push(i)
        let mut sum = 0
        for j in 0..all.len() { sum += all[j] }
        all[i] = sum
    }
    let mut at = 0
    while all.len() > 2 {
        let _ = all.pop()
        at += all[0]
    }
    print(\"${at} ${all.len()}\")
    for i in 0..6 { all[i] = 1 }
}",
    );
    assert_eq!(ends, Some(("IndexOutOfBounds", [2, 2])));
}

#[test]
fn a_loop_left_from_within() {
    let ends = every_limit(
        "fn find(all: List[Int], wanted: Int) -> Int {
    let mut found = -1
    for i in 0..all.len() {
        if all[i] == wanted {
            found = i
            break
        }
    }
    found
}

fn main() {
    let all = [4, 8, 15, 16, 23, 42]
    let mut sum = 0
    for x in [16, 4, 5, 42] {
        let at = find(all, x)
        sum += all[at]
    }
    print(\"${sum}\")
}",
    );
    assert_eq!(ends, Some(("IndexOutOfBounds", [-1, 6])));
}

#[test]
fn divisors_and_remainders() {
    let ends = every_limit(
        "fn main() {
    let mut sum = 0
    for i in 0..6 {
        sum = (sum * 31 + i) % 1_000_007
        sum += 100 / (5 - i)
    }
    print(\"${sum}\")
}",
    );
    assert_eq!(ends, Some(("DivisionByZero", [100, 0])));
}

#[test]
fn calls_that_call_themselves() {
    let ends = every_limit(
        "fn fib(n: Int) -> Int { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }

fn deep(n: Int, mut all: List[Int]) -> Int {
    if n == 0 { return all[7] }
    all[n % 3] += n
    deep(n - 1, mut all)
}

fn main() {
    let mut all = [1, 2, 3]
    print(\"${fib(7)}\")
    print(\"${deep(9, mut all)}\")
}",
    );
    assert_eq!(ends, Some(("IndexOutOfBounds", [7, 3])));
}
