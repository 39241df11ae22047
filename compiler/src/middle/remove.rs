//! Taking instructions out.

use super::draft::Node;
use cop_bytecode::{Instr, Value};

/// An instruction that [`sweep`] takes out: no lowering makes it.
pub const GONE: Instr = Instr::Drop(Value(u32::MAX));

/// Takes out what is [`GONE`].
pub fn sweep(code: &mut Vec<Node>) {
    code.retain(|node| node.instr != GONE);
}
