//! What is left in loops: owners are not counted where nothing needs it, and a method that takes a lambda is the loop that
//! it stands for.

use cop_bytecode::Instr;
use cop_compiler::compile::{CompileOptions, Compiled, compile};
use cop_compiler::source::{SourceError, Sources};
use std::path::Path;

struct One(String);

impl Sources for One {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        match path {
            "main.cop" => Ok(self.0.clone()),
            _ => Err(SourceError::NotFound),
        }
    }
}

fn compiled(text: String) -> Compiled {
    let done = compile("main.cop", &One(text), CompileOptions::default());
    done.compiled.expect("the program is in order")
}

/// The instructions that count owners in the innermost loops written in the program itself: the line of the loop, the
/// instruction and its own line.
fn counting(program: &Compiled) -> Vec<String> {
    let map = &program.source_map;
    let mut found = Vec::new();
    for (at, function) in program.package.functions.iter().enumerate() {
        let line = |index: usize| {
            let place = map.place(at as u32, index as u32)?;
            let own = map.file(place.file)? == "main.cop";
            own.then_some(place.line)
        };
        // Regions that are open: where they began, if that was a loop, and whether a loop was inside.
        let mut open: Vec<(usize, bool, bool)> = Vec::new();
        for (index, instruction) in function.body.iter().enumerate() {
            match instruction {
                Instr::Loop { .. } | Instr::For { .. } => open.push((index, true, false)),
                Instr::Block { .. } | Instr::If { .. } | Instr::Switch { .. } => {
                    open.push((index, false, false));
                }
                Instr::End => {
                    let Some((from, is_loop, holds_loop)) = open.pop() else {
                        continue;
                    };
                    if let Some(around) = open.last_mut() {
                        around.2 |= is_loop || holds_loop;
                    }
                    let (true, false, Some(of)) = (is_loop, holds_loop, line(from)) else {
                        continue;
                    };
                    for (inside, instruction) in function.body[from..index].iter().enumerate() {
                        let what = match instruction {
                            Instr::Dup(_) => "dup",
                            Instr::Drop(_) => "drop",
                            Instr::Unique { .. } => "unique",
                            _ => continue,
                        };
                        let inside = line(from + inside)
                            .map_or("the library".into(), |line| line.to_string());
                        found.push(format!("loop of line {of}: {what} of {inside}"));
                    }
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn inner_loops_count_no_owners() {
    let kernel = |name: &str| {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../benches/kernels/{name}.cop"));
        let text = std::fs::read_to_string(path).expect("a kernel");
        counting(&compiled(text))
    };
    assert_eq!(kernel("levenshtein"), [""; 0]);
    assert_eq!(kernel("sort"), [""; 0]);
    // The text that was chosen goes; a new word is kept as a key; the slice goes.
    assert_eq!(
        kernel("wordcount"),
        [
            "loop of line 45: drop of 49",
            "loop of line 58: dup of the library",
            "loop of line 58: drop of 60",
        ]
    );
}

#[test]
fn folding_is_a_loop() {
    let total = |body: &str| {
        let text = format!(
            "fn total(xs: List[Int]) -> Int {{\n{body}\n}}\nfn main(args: List[String]) {{ print(total(args.map(|arg| arg.len()))) }}\n"
        );
        let encoded = cop_bytecode::encode(&compiled(text).package).expect("it has a form");
        (encoded.interface, encoded.code)
    };
    assert_eq!(
        total("xs.fold(0, |sum, x| sum + x * x)"),
        total("let mut sum = 0\nfor x in xs { sum = sum + x * x }\nsum")
    );
}
