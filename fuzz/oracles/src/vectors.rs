//! Conformance vectors of the engine, `tests/vectors/engine`: a program, the answers of its host, limits, and what comes of it. Whoever
//! reproduces all of them means the same by bytecode as this engine does; both of ours are held against them.

use cop_bytecode::{Package, TrapKind, decode, encode};
use cop_vm::{Answer, End, Engine, Host, Limits, Outcome, Program, run_on};
use serde::{Deserialize, Serialize};

/// A program and some runs of it. Bytes are in hexadecimal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Vector {
    /// Package hash.
    pub hash: String,
    /// Interface blob.
    pub interface: String,
    /// Code blob.
    pub code: String,
    /// What the host is asked in each run, as far as the run comes, and what it answers.
    pub questions: Vec<Question>,
    /// Runs of the entry point `main`.
    pub runs: Vec<Run>,
}

/// A question to the host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Question {
    /// Interface and function, such as `kv.get`.
    pub call: String,
    /// What is asked.
    pub argument: String,
    /// What is answered.
    pub answer: String,
}

/// A run: limits and outcome.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Run {
    /// Fuel that it may use.
    pub fuel_limit: u64,
    /// Memory that it may use, bytes.
    pub memory_limit: u64,
    /// The bytes that it returned, or the name of a trap, its operands, its function and instruction, and its text.
    pub end: String,
    /// Fuel that it used.
    pub fuel_used: u64,
    /// The most memory that it used, bytes.
    pub peak_memory: u64,
    /// How many questions it asked.
    pub asked: usize,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// A host with answers of its own, or those of a vector.
struct Script<'v> {
    known: Option<&'v [Question]>,
    asked: Vec<Question>,
}

impl Host for Script<'_> {
    fn call(&mut self, interface: &str, function: &str, argument: &[u8]) -> Answer {
        let (number, call) = (self.asked.len(), format!("{interface}.{function}"));
        let answer = match self.known.map(|known| known.get(number)) {
            None => Some([argument.get(..40).unwrap_or(argument), &[number as u8]].concat()),
            Some(Some(known)) if known.call == call && known.argument == hex(argument) => {
                bytes(&known.answer)
            }
            Some(_) => None,
        };
        let Some(answer) = answer else {
            return Answer::Refuse(format!("question {number}, to {call}, is another"));
        };
        self.asked.push(Question {
            call,
            argument: hex(argument),
            answer: hex(&answer),
        });
        Answer::Bytes(answer)
    }
}

fn told(outcome: &Outcome) -> String {
    match &outcome.end {
        End::Returned(bytes) => format!("returned {}", hex(bytes)),
        End::Trapped(trap) => {
            let at = trap.position;
            let text = trap
                .message
                .as_ref()
                .map_or(String::new(), |text| format!(" {text:?}"));
            format!(
                "{} {:?} at {}:{}{text}",
                trap.kind.name(),
                trap.operands,
                at.function,
                at.instruction
            )
        }
        End::Stopped => "stopped".into(),
        End::Refused(reason) => format!("refused: {reason}"),
    }
}

fn run(program: &Program, limits: (u64, u64), engine: Engine, host: &mut Script) -> Run {
    let allowed = Limits {
        fuel: limits.0,
        memory_bytes: limits.1,
    };
    let outcome = run_on(program, "main", allowed, host, engine);
    Run {
        fuel_limit: limits.0,
        memory_limit: limits.1,
        end: told(&outcome),
        fuel_used: outcome.fuel_used,
        peak_memory: outcome.peak_memory_bytes,
        asked: host.asked.len(),
    }
}

/// The vector of a package, by the interpreter: with room enough, with exactly what it needs, and with one unit less of fuel and of
/// memory.
///
/// # Errors
/// When the package does not verify.
pub fn make(package: &Package) -> Result<Vector, String> {
    let program = Program::load(package).map_err(|refusal| refusal.to_string())?;
    let encoded = encode(package).map_err(|error| error.to_string())?;
    let fresh = || Script {
        known: None,
        asked: Vec::new(),
    };
    let mut host = fresh();
    let full = run(&program, (100_000, 4 << 20), Engine::Interpreter, &mut host);
    let (fuel, memory) = (full.fuel_used, full.peak_memory);
    let limits = [
        (fuel, memory),
        (fuel.saturating_sub(1), memory),
        (fuel, memory.saturating_sub(1)),
        (fuel / 2, memory),
        (0, 0),
    ];
    let mut runs = vec![full];
    for limits in limits {
        runs.push(run(&program, limits, Engine::Interpreter, &mut fresh()));
    }
    Ok(Vector {
        hash: encoded.hash().to_string(),
        interface: hex(&encoded.interface),
        code: hex(&encoded.code),
        questions: host.asked,
        runs,
    })
}

/// Holds an engine against a vector.
///
/// # Errors
/// What is not as the vector says.
pub fn check(vector: &Vector, engine: Engine) -> Result<(), String> {
    let blobs = bytes(&vector.interface).zip(bytes(&vector.code));
    let (interface, code) = blobs.ok_or("the package is not in hexadecimal")?;
    let package = decode(&interface, &code).map_err(|error| error.to_string())?;
    let program = Program::load(&package).map_err(|refusal| refusal.to_string())?;
    if program.hash().to_string() != vector.hash {
        return Err(format!("the hash of the package is {}", program.hash()));
    }
    for wanted in &vector.runs {
        let mut host = Script {
            known: Some(&vector.questions),
            asked: Vec::new(),
        };
        let limits = (wanted.fuel_limit, wanted.memory_limit);
        let found = run(&program, limits, engine, &mut host);
        if found != *wanted {
            return Err(format!(
                "in {engine:?}\n  wanted {wanted:?}\n  found  {found:?}"
            ));
        }
    }
    Ok(())
}

/// What a vector is there for: kinds of instruction, and kinds of trap that its runs end with.
pub fn covers(package: &Package, vector: &Vector) -> Vec<String> {
    let text = cop_bytecode::print(package, Default::default());
    let known = cop_bytecode::table::OPCODES
        .iter()
        .map(|(_, name, ..)| *name);
    let known = known.chain(cop_bytecode::table::OPS.iter().map(|row| row.name));
    let known = known.chain(cop_bytecode::table::UPDATES.iter().map(|row| row.name));
    let words: std::collections::BTreeSet<&str> = text
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_'))
        .collect();
    let mut covered: Vec<String> = known
        .filter(|name| words.contains(name))
        .map(str::to_owned)
        .collect();
    for kind in TrapKind::ALL {
        if vector
            .runs
            .iter()
            .any(|run| run.end.starts_with(kind.name()))
        {
            covered.push(kind.name().to_owned());
        }
    }
    covered
}
