//! Taking instructions out.

use super::draft::Node;
use cop_bytecode::{Instr, Value};

/// In place of an instruction that is taken out: no lowering makes it. It is there until [`sweep`], or whoever else makes the
/// code anew.
pub const GONE: Instr = Instr::Drop(Value(u32::MAX));

impl Node {
    /// Whether it is taken out.
    pub fn is_gone(&self) -> bool {
        matches!(self.instr, Instr::Drop(Value(u32::MAX)))
    }

    /// Takes it out.
    pub fn take_out(&mut self) {
        self.instr = GONE;
        self.count = 0;
    }
}

/// Takes out what is [`GONE`].
pub fn sweep(code: &mut Vec<Node>) {
    code.retain(|node| !node.is_gone());
}
