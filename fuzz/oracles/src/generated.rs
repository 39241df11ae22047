//! What must hold of generated programs.

use cop_bytecode::Package;
use cop_compiler::compile::{CompileOptions, compile};
use cop_generator::{Choices, bytecode, mutate, source};

use crate::OneFile;
use crate::differential::{Count, compare, meaning};

fn package(text: &str, debug: bool) -> Result<Package, String> {
    let options = CompileOptions {
        debug,
        ..CompileOptions::default()
    };
    let compilation = compile("main.cop", &OneFile(text), options);
    match compilation.compiled {
        Some(compiled) => Ok(compiled.package),
        None => {
            let mut said = String::from("a generated program does not compile:");
            for diagnostic in compilation.diagnostics.iter() {
                if !diagnostic.code.starts_with('W') {
                    let place = diagnostic.primary.as_ref().map(|label| {
                        let at = compilation.files.line_column(label.span);
                        format!("{}:{}", at.line, at.column)
                    });
                    let line = diagnostic.primary.as_ref().and_then(|label| {
                        text.lines()
                            .nth(compilation.files.line_column(label.span).line as usize - 1)
                    });
                    said += &format!(
                        "\n{} {} {place:?} {line:?}",
                        diagnostic.code, diagnostic.title
                    );
                }
            }
            Err(said)
        }
    }
}

/// A generated program of source text compiles, verifies, is the same in both engines, and means the same without the passes of
/// the compiler that improve it.
///
/// # Errors
/// What does not hold, with the program.
pub fn source_program(choices: &mut Choices, runs: usize) -> Result<Count, String> {
    let text = source::program(choices);
    let told = |reason: String| format!("{reason}\n\n{text}");
    let whole = package(&text, false).map_err(told)?;
    let mut count = compare(&whole, choices, runs).map_err(told)?;
    if choices.once_in(3) {
        let told = |reason: String| format!("without passes: {reason}\n\n{text}");
        let plain = package(&text, true).map_err(told)?;
        let (one, other) = (
            meaning(&whole).map_err(told)?,
            meaning(&plain).map_err(told)?,
        );
        if let (Some(one), Some(other)) = (one, other)
            && one != other
        {
            return Err(told(format!(
                "it means something else\n  {one:?}\n  {other:?}"
            )));
        }
        count.add(&compare(&plain, choices, runs / 2 + 1).map_err(told)?);
        count.programs -= 1;
    }
    Ok(count)
}

/// A generated package verifies, decodes to what was encoded, and is the same in both engines.
///
/// # Errors
/// What does not hold, with the package.
pub fn bytecode_program(choices: &mut Choices, runs: usize) -> Result<Count, String> {
    let package = bytecode::package(choices);
    let told = |reason: String| {
        let text = cop_bytecode::print(&package, Default::default());
        format!("{reason}\n\n{text}")
    };
    compare(&package, choices, runs).map_err(told)
}

/// A changed package is refused or is the same in both engines; so is one whose bytes are changed.
///
/// # Errors
/// What does not hold, with the package.
pub fn mutated_program(choices: &mut Choices, runs: usize) -> Result<Count, String> {
    let whole = bytecode::package(choices);
    let mut all = Count::default();
    for _ in 0..6 {
        let package = match choices.below(3) {
            0 => changed_bytes(&whole, choices),
            _ => {
                let mut package = whole.clone();
                mutate::mutate(&mut package, choices);
                Some(package)
            }
        };
        let Some(package) = package else { continue };
        // What is refused is as good as what is run.
        if cop_vm::verify::verify(&package).is_err() {
            continue;
        }
        let told = |reason: String| {
            let text = cop_bytecode::print(&package, Default::default());
            format!("changed: {reason}\n\n{text}")
        };
        // Numbers beyond a table are what encoding finds.
        if cop_bytecode::encode::encode(&package).is_ok() {
            all.add(&compare(&package, choices, runs / 4 + 1).map_err(told)?);
        }
    }
    Ok(all)
}

/// A package with some bytes of its encoding changed, if that is one.
fn changed_bytes(package: &Package, choices: &mut Choices) -> Option<Package> {
    let mut encoded = cop_bytecode::encode::encode(package).ok()?;
    for _ in 0..1 + choices.below(3) {
        let part = match choices.once_in(4) {
            true => &mut encoded.interface,
            false => &mut encoded.code,
        };
        let at = choices.below(part.len());
        match choices.below(3) {
            0 => part[at] ^= 1 << choices.below(8),
            1 => part[at] = choices.below(256) as u8,
            _ => part[at] = part[at].wrapping_add(1),
        }
    }
    cop_bytecode::decode::decode(&encoded.interface, &encoded.code).ok()
}

/// What a seed is for: mostly bytecode, which is quick to make and to compile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// [`bytecode_program`].
    Bytecode,
    /// [`mutated_program`].
    Mutated,
    /// [`source_program`].
    Source,
}

impl Kind {
    /// The kind of that name.
    pub fn named(name: &str) -> Option<Kind> {
        match name {
            "bytecode" => Some(Kind::Bytecode),
            "mutated" => Some(Kind::Mutated),
            "source" => Some(Kind::Source),
            _ => None,
        }
    }

    /// What a seed is for when nothing else is asked.
    pub fn of_seed(seed: u64) -> Kind {
        match seed % 16 {
            0..=9 => Kind::Bytecode,
            10..=14 => Kind::Mutated,
            _ => Kind::Source,
        }
    }

    /// Makes a program of these decisions and compares it.
    ///
    /// # Errors
    /// What does not hold, with the program.
    pub fn compare(self, choices: &mut Choices, runs: usize) -> Result<Count, String> {
        match self {
            Kind::Bytecode => bytecode_program(choices, runs),
            Kind::Mutated => mutated_program(choices, runs),
            Kind::Source => source_program(choices, runs),
        }
    }
}
