//! The VM as the evaluator of constants that the compiler asks for.

use cop_bytecode::{Package, TrapKind};
use cop_compiler::constants::{ENTRY, Evaluate, Evaluated, MEMORY_BYTES, Trapped};
use cop_runtime::report::trap_message;
use cop_vm::{Answer, End, Host, Limits, Program};

/// Evaluates constants with the interpreter.
#[derive(Clone, Copy, Debug, Default)]
pub struct VmConstants;

/// A host for constants: what they print is thrown away, and there is nothing else that they can ask.
struct Quiet;

impl Host for Quiet {
    fn call(&mut self, interface: &str, function: &str, _: &[u8]) -> Answer {
        match (interface, function) {
            ("log", "append") | ("test", "trying") => Answer::Bytes(vec![]),
            // No choices are given.
            ("test", "property") => Answer::Bytes(vec![0]),
            _ => Answer::Refuse(format!("a constant cannot ask {interface}.{function}")),
        }
    }
}

impl Evaluate for VmConstants {
    fn evaluate(&self, package: &Package, fuel: u64) -> Evaluated {
        // A package that the compiler made verifies; if not, its own entry points will tell.
        let Ok(program) = Program::load(package) else {
            return Evaluated {
                end: Ok(vec![]),
                fuel_used: 0,
            };
        };
        let limits = Limits {
            fuel,
            memory_bytes: MEMORY_BYTES,
        };
        let run = cop_vm::run(&program, ENTRY, limits, &mut Quiet);
        let end = match run.end {
            End::Returned(bytes) => Ok(bytes),
            End::Trapped(trap) => Err(Trapped {
                kind: trap.kind,
                message: trap_message(trap.kind, trap.operands, trap.message.as_deref()),
                positions: std::iter::once(trap.position)
                    .chain(trap.backtrace.iter().copied())
                    .map(|p| (p.function, p.instruction))
                    .collect(),
            }),
            End::Stopped => Ok(vec![]),
            // The machine could not begin; nothing is known of the constant.
            End::Refused(reason) => Err(Trapped {
                kind: TrapKind::OutOfMemory,
                message: reason,
                positions: Vec::new(),
            }),
        };
        Evaluated {
            end,
            fuel_used: run.fuel_used,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cop_compiler::compile::{CompileOptions, compile};
    use cop_compiler::source::{SourceError, Sources};

    struct OneFile(&'static str);

    impl Sources for OneFile {
        fn read(&self, path: &str) -> Result<String, SourceError> {
            if path == "main.cop" {
                Ok(self.0.to_owned())
            } else {
                Err(SourceError::NotFound)
            }
        }
    }

    fn errors(text: &'static str) -> Vec<String> {
        let options = CompileOptions {
            tests: false,
            constants: Some(&VmConstants),
            last: None,
            debug: false,
        };
        let compilation = compile("main.cop", &OneFile(text), options);
        compilation
            .diagnostics
            .iter()
            .map(|d| format!("{} {}", d.code, d.title))
            .collect()
    }

    #[test]
    fn a_constant_that_traps_is_an_error() {
        let text = "const zero = 0\nconst bad = 1 / zero\nfn main() { print(bad) }\n";
        assert_eq!(
            errors(text),
            ["E0433 the constant `bad` ends with the trap DivisionByZero"]
        );
    }

    #[test]
    fn a_constant_that_runs_for_ever_is_an_error() {
        let text = "const never = spin(0)\nfn spin(n: Int) -> Int { spin(n +% 1) }\nfn main() { print(never) }\n";
        assert_eq!(
            errors(text),
            ["E0433 the constant `never` ends with the trap StackOverflow"]
        );
    }

    #[test]
    fn a_default_that_traps_is_an_error() {
        let text = "struct Bad { n: Int = 1 / 0 }\nfn main() { print(Bad(n: 2)) }\n";
        assert_eq!(
            errors(text),
            ["E0433 the default of `Bad.n` ends with the trap DivisionByZero"]
        );
    }

    #[test]
    fn constants_of_all_shapes_have_values() {
        let text = "struct P { x: Int, t: List[String] = [] }\nenum E { A, B(Float) }\nconst p = [P(x: 1 + 1)]\nconst e = [\"k\": B(0.5)]\nconst o: Int? = None\nfn main() { print(\"${p} ${e} ${o}\") }\n";
        assert_eq!(errors(text), [] as [String; 0]);
    }
}
