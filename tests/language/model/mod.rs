//! Values never change behind one's back: random programs are held against a model.
//!
//! A program is made of statements over lists, maps, options, tuples, structs and enums, with everything that the
//! compiler does in place: lent places, lent payloads, loops over what they change, closures that capture. While its
//! text is made, the same is put together as functions over trees that are copied wherever they go ([`value`]). So what
//! the program has to print is known without compiling it. Every package has to pass the verifier, too.
//!
//! A failing seed is an exact reproduction; the text of its program is in the message.

mod expressions;
mod generate;
mod lends;
mod statements;
mod value;

use std::fmt::Write as _;

use cop_bytecode::encode;
use cop_compiler::compile::{CompileOptions, compile};
use cop_compiler::render;
use cop_compiler::source::{SourceError, Sources};
use cop_runtime::Doubles;
use cop_runtime::engine::interpreter;

use generate::{PRELUDE, Scope, function};
use value::{PAIR, RECORD, Value};

/// How many programs are tried; `COP_PROGRAMS` in the environment says otherwise.
const PROGRAMS: u64 = 60;

/// A program of one file.
struct Text(String);

impl Sources for Text {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        (path == "main.cop")
            .then(|| self.0.clone())
            .ok_or(SourceError::NotFound)
    }
}

fn numbers(range: std::ops::Range<i64>) -> Value {
    Value::List(range.map(Value::Int).collect())
}

/// The program of a seed, and what it has to print.
fn program(seed: u64) -> (String, Vec<String>) {
    let record = Value::Parts(
        RECORD,
        vec![
            Value::Int(3),
            numbers(1..3),
            Value::Maybe(seed.is_multiple_of(2).then(|| Box::new(numbers(9..11)))),
            Value::Parts(PAIR, vec![Value::Int(1), numbers(8..9)]),
        ],
    );
    let mut p = numbers(0..seed as i64 % 5);
    let mut q = match seed % 3 {
        0 => Value::Variant("One", &[], vec![numbers(1..4)]),
        1 => Value::Variant("Two", &["x", "ys"], vec![Value::Int(5), numbers(6..8)]),
        _ => Value::Variant("Dot", &[], vec![]),
    };
    let mut text = format!(
        "fn main() {{\n    let mut p: List[Int] = {p}\n    let mut q: Shape = {q}\n    let r = {record}\n    let (p0, q0) = (p, q)\n"
    );
    let mut expected = Vec::new();
    let (p0, q0) = (p.clone(), q.clone());
    let functions = [function("f", seed * 2 + 1), function("g", seed * 2 + 2)];
    for (turn, name) in ["f", "g", "f"].iter().enumerate() {
        let _ = writeln!(
            text,
            "    print({name}(mut p, mut q, {turn}, r))\n    print(p)\n    print(q)\n    print(r)"
        );
        let given = [
            ("p", p),
            ("q", q),
            ("k", Value::Int(turn as i64)),
            ("r", record.clone()),
        ];
        let mut scope: Scope = given.map(|(name, value)| (name.to_owned(), value)).into();
        let result = match *name {
            "f" => (functions[0].1)(&mut scope),
            _ => (functions[1].1)(&mut scope),
        };
        (p, q) = (scope["p"].clone(), scope["q"].clone());
        expected.extend([&result, &p, &q, &record].map(ToString::to_string));
    }
    text.push_str("    print(p0)\n    print(q0)\n}\n");
    expected.extend([p0.to_string(), q0.to_string()]);
    (
        format!("{PRELUDE}{}{}{text}", functions[0].0, functions[1].0),
        expected,
    )
}

/// What is wrong with the program of a seed.
fn problem(seed: u64) -> Option<String> {
    let (text, expected) = program(seed);
    let compilation = compile("main.cop", &Text(text.clone()), CompileOptions::default());
    let Some(compiled) = &compilation.compiled else {
        let found = render::text(&compilation.diagnostics, &compilation.files, false);
        return Some(format!("seed {seed}: {found}"));
    };
    let package = match encode(&compiled.package) {
        Ok(package) => package,
        Err(error) => return Some(format!("seed {seed}: {error:?}\n{text}")),
    };
    let program = match interpreter().load(&package.interface, &package.code) {
        Ok(program) => program,
        Err(refusal) => return Some(format!("seed {seed}: {refusal}\n{text}")),
    };
    let record = Doubles::empty()
        .run_command(&*program, vec![], super::LIMITS)
        .expect("it can be run");
    let ended = super::end_of(&record);
    (ended != "done" || record.log.lines() != expected).then(|| {
        format!(
            "seed {seed} ended with {ended}\nexpected {expected:#?}\nprinted {:#?}\n{text}",
            record.log.lines()
        )
    })
}

#[test]
fn random_programs_print_what_the_model_says() {
    let wanted = std::env::var("COP_PROGRAMS")
        .ok()
        .and_then(|n| n.parse().ok());
    for seed in 0..wanted.unwrap_or(PROGRAMS) {
        if let Some(problem) = problem(seed) {
            panic!("{problem}");
        }
    }
}
