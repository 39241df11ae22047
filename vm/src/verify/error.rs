//! Why a package is refused.

use std::fmt;

/// The rule of BYTECODE.md, section 4, that a package breaks. (Rule 9 is about imports, which packages do
/// not have yet.)
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Rule {
    /// Tables, scopes, types, arms and terminators are well-formed.
    Form = 1,
    /// Owned values are consumed exactly once on each path.
    Once = 2,
    /// Borrowed values are used only while their root is live.
    Borrow = 3,
    /// A call does not lend what it also gives away.
    Call = 4,
    /// Updates enter through a unique own slot.
    Unique = 5,
    /// Parameters and results of regions are what they are declared to be.
    Region = 6,
    /// A value with a hole is filled at the same path or dropped.
    Hole = 7,
    /// Capabilities are parameters and operands of calls, and nothing else.
    Capability = 8,
    /// Limits on regions, values, instructions, tables.
    Limit = 10,
}

/// Why a package is refused, and where. For whoever writes a compiler: the text names values and their states.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyError {
    /// The rule that is broken.
    pub rule: Rule,
    /// The function it is in; none if it is in the tables or the entry points.
    pub function: Option<u32>,
    /// The instruction; the number of instructions if the body ends too early; none for a signature.
    pub instruction: Option<u32>,
    /// What is wrong there.
    pub text: String,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {}", self.rule as u8)?;
        if let Some(function) = self.function {
            write!(f, ", function {function}")?;
        }
        if let Some(instruction) = self.instruction {
            write!(f, ", instruction {instruction}")?;
        }
        write!(f, ": {}", self.text)
    }
}

impl std::error::Error for VerifyError {}

/// A broken rule whose place is not known yet.
pub(super) struct Fault {
    pub(super) rule: Rule,
    pub(super) text: String,
}

/// What every check gives. A fault is large and rare, so it lies elsewhere.
pub(super) type Check<T = ()> = Result<T, Box<Fault>>;

impl Fault {
    pub(super) fn at(self, function: Option<u32>, instruction: Option<u32>) -> VerifyError {
        VerifyError {
            rule: self.rule,
            function,
            instruction,
            text: self.text,
        }
    }
}

/// A failed check.
pub(super) fn fault<T>(rule: Rule, text: impl Into<String>) -> Check<T> {
    Err(Box::new(Fault {
        rule,
        text: text.into(),
    }))
}
