//! The door to machine code; where there is none (feature `jit` off, or another kind of machine), nothing is behind it.

#[cfg(cop_jit)]
pub use crate::jit::{Entry, Lens, Native, enter, last_return};

#[cfg(not(cop_jit))]
pub use none::{Entry, Lens, Native, enter, last_return};

/// Whether there is machine code on this machine.
pub const MACHINE_CODE: bool = cfg!(cop_jit);

/// What the code generator makes of a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// The intermediate form, before it is optimised. A line that begins with `@` and a hexadecimal number belongs to that
    /// instruction of the bytecode.
    pub clif: String,
    /// The machine's instructions.
    pub assembly: String,
    /// Bytes of machine code.
    pub size_bytes: usize,
    /// From and to which offset the code belongs to which instruction of the bytecode.
    pub places: Vec<(u32, u32, u32)>,
}

/// What is to be compiled with a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// All that it can call.
    All,
    /// What has been called before, and what is so small that it costs less to compile than to ask.
    Called,
    /// Nothing.
    Alone,
}

/// Why there is no machine code.
#[derive(Debug)]
pub enum Without {
    /// There is no room for more.
    Full,
    /// It cannot be made, or is not to be.
    Reason(String),
}

impl std::fmt::Display for Without {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Without::Full => "the memory for machine code is used up",
            Without::Reason(reason) => reason,
        })
    }
}

/// Which engine runs a program. Nothing that can be observed depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Engine {
    /// The interpreter alone.
    #[default]
    Interpreter,
    /// Machine code from the first call on; the interpreter where there is none.
    Jit,
    /// The interpreter at first; what has used much fuel is compiled beside it, and is machine code from its next call on.
    Auto,
}

#[cfg(not(cop_jit))]
mod none {
    use crate::interpret::Interpreter;
    use crate::machine::Run;
    use crate::program::Inner;

    /// The machine code of a function: never any.
    #[derive(Debug)]
    pub enum Entry {}

    impl Entry {
        /// How many slots its results take.
        pub fn results(&self) -> usize {
            match *self {}
        }
    }

    /// Enters machine code.
    pub fn enter(_: &mut Interpreter, entry: &Entry, _: &[u64], _: &mut [u64]) -> Run<()> {
        match *entry {}
    }

    /// Where machine code returned from an entry point: nowhere.
    pub fn last_return(_: &Interpreter) -> Option<crate::run::Position> {
        None
    }

    /// Shows the machine code of a program: there is none.
    pub struct Lens<'p>(std::marker::PhantomData<&'p Inner>);

    impl<'p> Lens<'p> {
        /// Finds nothing.
        pub(crate) fn new(_: &'p Inner) -> Result<Lens<'p>, String> {
            Err("there is no machine code for this machine".into())
        }

        /// Shows nothing.
        pub fn function(
            &mut self,
            _: u32,
            _: &dyn Fn(u32) -> String,
        ) -> Result<super::Shown, String> {
            Err("there is no machine code for this machine".into())
        }
    }

    /// The machine code of a program: none.
    #[derive(Default)]
    pub struct Native;

    impl Native {
        /// Compiles nothing.
        pub fn compile(
            &self,
            _: &Inner,
            _: u32,
            _: super::Wanted,
        ) -> Result<usize, super::Without> {
            let reason = "there is no machine code for this machine";
            Err(super::Without::Reason(reason.into()))
        }

        /// There is nothing to switch off.
        pub fn switch_off(&self) {}

        /// Nothing is ever entered.
        pub fn is_off(&self) -> bool {
            true
        }
    }
}
