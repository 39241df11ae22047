//! The engine that an option names.

use clap::ValueEnum;

/// What runs the bytecode; nothing that can be observed depends on it but time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum EngineOption {
    /// Interpret
    Interpreter,
    /// Compile to machine code before the first call
    Jit,
    /// Interpret at first, and compile what has used much fuel beside it
    Auto,
}

impl EngineOption {
    /// The engine that is meant.
    pub fn engine(self) -> cop_vm::Engine {
        match self {
            EngineOption::Interpreter => cop_vm::Engine::Interpreter,
            EngineOption::Jit => cop_vm::Engine::Jit,
            EngineOption::Auto => cop_vm::Engine::Auto,
        }
    }
}
