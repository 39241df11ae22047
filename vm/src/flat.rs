//! The interpreter's own form of a function: fixed-width instructions over a flat array of slots, in which
//! regions have become jumps and values slots. Made by [`crate::compile`] on a function's first call.
//!
//! Slots are assigned like a stack: a value lies above everything in scope when it is defined, and leaves with
//! its region. So a frame is as large as its declared cost says. A value that is another one changed (`set`,
//! `update`, `open` …) lies in the same slots.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32};

use cop_bytecode::{Op, TrapKind, UpdateOp};

use crate::native::Entry;
use crate::shape::{Piece, ShapeId};

/// No slot, no table entry.
pub const NONE: u32 = u32::MAX;

/// An instruction. `d` is the first slot of the result, other single letters are slots of operands, `to` is an
/// instruction's number, all else indexes a table of [`Code`].
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Insn {
    /// Charges a block.
    Charge(u32),
    /// Charges the head block of a loop; a checkpoint.
    Head(u32),
    Jump(u32),
    JumpIfNot {
        c: u32,
        to: u32,
    },
    /// Compare and branch in one: goes on if the comparison holds, else jumps.
    JumpIfNotLt {
        a: u32,
        b: u32,
        to: u32,
    },
    JumpIfNotLe {
        a: u32,
        b: u32,
        to: u32,
    },
    JumpIfNotEq {
        a: u32,
        b: u32,
        to: u32,
    },
    /// By the tag in a slot, in a cell, or by whether a reference is there.
    SwitchSlot {
        s: u32,
        table: u32,
    },
    SwitchCell {
        s: u32,
        table: u32,
        wide: bool,
    },
    SwitchSome {
        s: u32,
        none: u32,
        some: u32,
    },
    /// Leaves a counting loop before its first turn.
    ForStart {
        index: u32,
        limit: u32,
        exit: u32,
    },
    /// Next turn of a counting loop, or on.
    ForStep {
        index: u32,
        limit: u32,
        head: u32,
    },
    Call {
        function: u32,
        args: u32,
        d: u32,
    },
    CallValue {
        s: u32,
        args: u32,
        d: u32,
    },
    Ret {
        values: u32,
    },
    Trap {
        kind: TrapKind,
        operand: u32,
        message: u32,
    },
    HostCall {
        function: u32,
        s: u32,
        d: u32,
    },

    Move {
        d: u32,
        s: u32,
    },
    Const {
        d: u32,
        bits: u64,
    },
    /// A string or bytes constant.
    Constant {
        d: u32,
        index: u32,
    },
    NewList {
        plan: u32,
        d: u32,
    },
    NewTable {
        ty: ShapeId,
        d: u32,
    },
    NewCell {
        plan: u32,
        d: u32,
    },
    NewClosure {
        plan: u32,
        d: u32,
    },
    ShareRef {
        s: u32,
    },
    Share {
        s: u32,
        ty: ShapeId,
    },
    DropRef {
        s: u32,
    },
    Drop {
        s: u32,
        ty: ShapeId,
    },
    Unique {
        s: u32,
    },
    /// The same for a slot of a value with inline sums, which may hold something else.
    UniqueInside {
        s: u32,
        slot: u32,
        ty: ShapeId,
    },
    /// The tag must be this one: in a slot, in a cell, or that of an option of one slot.
    CheckSlot {
        s: u32,
        variant: u32,
    },
    CheckCell {
        s: u32,
        variant: u32,
        wide: bool,
    },
    CheckSome {
        s: u32,
        variant: u32,
    },
    /// Takes a boxed value apart.
    Open {
        s: u32,
        d: u32,
        ty: ShapeId,
    },
    TagCell {
        d: u32,
        s: u32,
        wide: bool,
    },
    TagSome {
        d: u32,
        s: u32,
    },

    Get {
        path: u32,
        d: u32,
    },
    /// Elements of lists whose items are one scalar or reference.
    Get8 {
        d: u32,
        list: u32,
        index: u32,
    },
    Get4 {
        d: u32,
        list: u32,
        index: u32,
    },
    Get1 {
        d: u32,
        list: u32,
        index: u32,
    },
    Set {
        path: u32,
        s: u32,
    },
    /// Element of a list of integers or floats.
    Set8 {
        list: u32,
        index: u32,
        s: u32,
    },
    Put {
        path: u32,
        s: u32,
    },
    Take {
        path: u32,
        d: u32,
    },
    Update {
        plan: u32,
        d: u32,
    },

    Add {
        d: u32,
        a: u32,
        b: u32,
    },
    Sub {
        d: u32,
        a: u32,
        b: u32,
    },
    Mul {
        d: u32,
        a: u32,
        b: u32,
    },
    Lt {
        d: u32,
        a: u32,
        b: u32,
    },
    Le {
        d: u32,
        a: u32,
        b: u32,
    },
    Eq {
        d: u32,
        a: u32,
        b: u32,
    },
    /// Any operation of numbers, truth values and characters that needs no heap.
    Scalar {
        op: Op,
        d: u32,
        a: u32,
        b: u32,
    },
    /// Any other operation; arguments and result type in a table.
    Op {
        plan: u32,
        d: u32,
    },
}

/// A step of a path, with places worked out. The walk has a current address, or a reference just read.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum PathStep {
    /// Takes the reference in a slot of the root.
    EnterSlot(u32),
    /// Takes the reference at the current address; an update makes its cell unique first.
    EnterMemory,
    /// Moves the address.
    Offset(u32),
    /// Element of a list, by the index in a slot.
    Index {
        index: u32,
        stride: u32,
    },
    /// Element of bytes.
    Byte {
        index: u32,
    },
    /// Value under the key in slots.
    Key(u32),
    EntryKey(u32),
    EntryValue(u32),
    /// The tag must be this one: in a slot, at the address, in the cell referred to by a slot or at the address.
    CheckSlot {
        s: u32,
        variant: u32,
    },
    CheckMemory {
        wide: bool,
        variant: u32,
    },
    CheckCellSlot {
        s: u32,
        ty: ShapeId,
        variant: u32,
    },
    CheckCellMemory {
        ty: ShapeId,
        variant: u32,
    },
    /// A reference must be there, or must not.
    CheckSomeSlot {
        s: u32,
        variant: u32,
    },
    CheckSomeMemory {
        variant: u32,
    },
}

/// Where a path ends.
#[derive(Clone, Copy, Debug)]
pub enum PathEnd {
    /// In slots of the root.
    Slots(u32),
    /// At the address.
    Memory,
    /// At the address, which is that of an element of bytes.
    Byte,
}

/// A path with places worked out.
#[derive(Clone, Debug)]
pub struct Path {
    /// Steps.
    pub steps: Vec<PathStep>,
    /// Where it ends.
    pub end: PathEnd,
    /// Type of what lies there.
    pub ty: ShapeId,
}

/// What `new` of a list needs.
#[derive(Clone, Debug)]
pub struct ListPlan {
    /// Type.
    pub ty: ShapeId,
    /// First slot of each element.
    pub items: Vec<u32>,
}

/// What `new` of a boxed value or a closure needs.
#[derive(Clone, Debug)]
pub struct CellPlan {
    /// Type word.
    pub ty: u32,
    /// Size of the cell.
    pub size: u32,
    /// Tag of a sum and its width, or the function of a closure.
    pub tag: Tag,
    /// What is stored where; slots are the frame's.
    pub pieces: Vec<Piece>,
}

/// What stands first in a cell.
#[derive(Clone, Copy, Debug)]
pub enum Tag {
    /// Nothing: a product.
    None,
    /// A tag of one byte.
    Narrow(u8),
    /// A tag of two bytes.
    Wide(u16),
    /// The index of a closure's function.
    Function(u32),
}

/// What an operation needs.
#[derive(Clone, Debug)]
pub struct OpPlan {
    /// Which.
    pub op: Op,
    /// First slots of the arguments.
    pub args: Vec<u32>,
    /// Type of the result.
    pub ty: ShapeId,
}

/// What an update needs.
#[derive(Clone, Debug)]
pub struct UpdatePlan {
    /// Which.
    pub op: UpdateOp,
    /// Where.
    pub path: u32,
    /// First slots of the arguments.
    pub args: Vec<u32>,
    /// Type of the result besides the changed value, or [`NONE`].
    pub ty: ShapeId,
}

/// A function in the interpreter's form.
#[derive(Debug, Default)]
pub struct Code {
    /// Instructions.
    pub insns: Vec<Insn>,
    /// Per instruction, the instruction of the bytecode that it belongs to.
    pub positions: Vec<u32>,
    /// Slots of its frame.
    pub slots: u32,
    /// What a call takes from the stack, bytes.
    pub frame_cost: i64,
    /// What entering it charges: its first block.
    pub entry_charge: u64,
    /// Slots of arguments and of returned values.
    pub slot_lists: Vec<Vec<u32>>,
    /// Targets by tag.
    pub switches: Vec<Vec<u32>>,
    /// Paths.
    pub paths: Vec<Path>,
    /// Lists to make.
    pub lists: Vec<ListPlan>,
    /// Cells to make.
    pub cells: Vec<CellPlan>,
    /// Operations.
    pub ops: Vec<OpPlan>,
    /// Updates.
    pub updates: Vec<UpdatePlan>,
    /// Its machine code, if it was compiled.
    pub native: OnceLock<Entry>,
    /// Whether its machine code was asked for and nobody has answered yet, or it cannot be made.
    pub asked: AtomicBool,
    /// How often machine code has called it by the interpreter.
    pub calls: AtomicU32,
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_instruction_is_two_words() {
        assert_eq!(size_of::<super::Insn>(), 16);
    }
}
