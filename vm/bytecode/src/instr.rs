//! Function bodies: instructions in structured regions.
//!
//! A body is a flat list. Region instructions ([`Instr::Block`], [`Instr::If`], [`Instr::Switch`],
//! [`Instr::Loop`], [`Instr::For`]) open a region that [`Instr::End`] closes; `Else` and `Arm` separate
//! its arms. Every arm ends with a terminator (`Exit`, `Next`, `Ret`, `Trap`), which stands nowhere else.
//! The body itself is a region without results; it ends with a terminator and has no `End`.
//!
//! ```text
//!   %3 = if %2 { … exit 0 (%x) } else { … exit 0 (%y) }
//!
//!   If { condition: %2, results: [t] }      depth 0 for what is inside
//!     … Exit { depth: 0, values: [%x] }
//!   Else
//!     … Exit { depth: 0, values: [%y] }
//!   End                                     defines %3
//! ```
//!
//! **Numbers of values.** Values are numbered from 0 in order of definition: the function's parameters
//! (captures first), then whatever each instruction defines. Parameters of `Loop` and `For` are defined
//! when the region opens; results of a region are defined at its `End`. A value is visible in the region
//! that defines it and in regions inside that; values of an arm are not visible in the next.
//!
//! **Depth.** `Exit { depth: 0 }` leaves the innermost open region forwards (a `Loop` or `For` included:
//! its `break`), 1 the one around it, and so on. `Next { depth }` counts in the same way and must name a
//! `Loop` or `For`: it goes to its head with new values for its parameters.

use crate::few::{Path, Types, Values};
use crate::table::{Op, UpdateOp};
use crate::trap::TrapKind;
use crate::types::TypeId;

/// Number of a value inside a function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Value(pub u32);

/// A function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Function {
    /// Parameters. For a closure's function the captured values come first, all `borrow`.
    pub params: Vec<Param>,
    /// How many of `params` are captures.
    pub captures: u32,
    /// Type of the result. A call defines it (owned, nothing known unique), then one more value for each
    /// `inout` parameter, in order.
    pub result: TypeId,
    /// The instructions.
    pub body: Vec<Instr>,
}

/// A parameter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Param {
    /// Type.
    pub ty: TypeId,
    /// Who owns it.
    pub mode: Mode,
}

/// How an argument is handed over (BYTECODE.md, section 2). Copy types use `Borrow`, save that an
/// `inout` parameter may be of any type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mode {
    /// Lent for the call; the callee may `dup` it.
    Borrow,
    /// Lent; the callee never `dup`s its own slots, stores or returns them.
    Look,
    /// Given away.
    Own,
    /// Given away and given back as an extra result.
    InOut,
}

/// Type and ownership of a region's parameter or result.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ValueType {
    /// Type.
    pub ty: TypeId,
    /// Ownership.
    pub own: Own,
}

/// Ownership of a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Own {
    /// Scalars and inline aggregates of scalars.
    Copy,
    /// Consumed exactly once. Bit `i` of `unique` is set when own slot `i` is known to be its cell's only owner.
    Owned {
        /// Flags per own slot.
        unique: u64,
    },
    /// Usable while `root` is live.
    Borrowed {
        /// An owned value or a borrowed parameter, defined outside the region.
        root: Value,
    },
}

/// A step of a path.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// Element of a list or bytes; traps `IndexOutOfBounds`.
    Index(Value),
    /// Value under a key of a map (the key is looked at); traps `KeyNotFound`.
    Key(Value),
    /// Field of a product, of a tuple, of a range, or of a variant after [`Step::Variant`].
    Field(u32),
    /// The payload of this variant; traps `WrongVariant`. Always followed by a `Field`.
    Variant(u32),
    /// Key of the n-th entry of a map or set, counted with removed ones; only to read; traps `IndexOutOfBounds`.
    EntryKey(Value),
    /// Value of the n-th entry of a map; traps `IndexOutOfBounds`.
    EntryValue(Value),
}

/// An instruction. The text name, opcode byte, price and one-line meaning of each stand in [`crate::table`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // The fields are named for what the variant's comment says of them.
pub enum Instr {
    /// Defines an `i64`.
    ConstI64(i64),
    /// Defines an `f64` by its bits; NaN only as `0x7ff8000000000000`.
    ConstF64(u64),
    /// Defines a `bool`.
    ConstBool(bool),
    /// Defines a `char`.
    ConstChar(char),
    /// Defines `()`.
    ConstUnit,
    /// Defines a string or bytes constant, by index into the package's constants: owned, pinned, not unique.
    Const(u32),

    /// Opens a region that is left by `Exit`.
    Block { results: Types },
    /// Two arms.
    If { condition: Value, results: Types },
    /// Separates the arms of an `If`.
    Else,
    /// One arm per variant of the sum `value` (which is only looked at), in order.
    Switch { value: Value, results: Types },
    /// Separates the arms of a `Switch`.
    Arm,
    /// A loop that is left by `Exit` only; `params` are the values at its head.
    Loop {
        start: Values,
        params: Types,
        results: Types,
    },
    /// Runs for the integers from `from` up to below `to`. Defines the index (`i64`), then `params`. Its
    /// results have the types of `params`: what `Next` gave last, `start` if it never ran, or what `Exit` gave.
    For {
        from: Value,
        to: Value,
        start: Values,
        params: Types,
    },
    /// Closes a region and defines its results.
    End,
    /// Leaves the `depth`-th enclosing region forwards.
    Exit { depth: u32, values: Values },
    /// Goes to the head of the `depth`-th enclosing region, a loop.
    Next { depth: u32, values: Values },
    /// Leaves the function: the result, then the `inout` parameters.
    Ret { values: Values },
    /// Ends the run. `message` is a string for `Panic`, `AssertionFailed`, `ExpectFailed`; `operand` an `i64`.
    Trap {
        kind: TrapKind,
        operand: Option<Value>,
        message: Option<Value>,
    },

    /// Builds a value: a list of its elements; an empty map or set; a range; a tuple, product or variant of
    /// its parts in declaration order. Owned parts are consumed.
    New {
        ty: TypeId,
        variant: u32,
        parts: Values,
    },
    /// The copy or borrowed value at the path.
    Get { value: Value, path: Path },
    /// Stores `new` (consumed if owned) at the path, dropping what was there; defines `value` again.
    Set {
        value: Value,
        path: Path,
        new: Value,
    },
    /// One operation in place at the path; defines `value` again, then the operation's own results.
    Update {
        op: UpdateOp,
        value: Value,
        path: Path,
        args: Values,
    },
    /// Moves a value out; defines it (owned), then `value` with a hole.
    Take { value: Value, path: Path },
    /// Fills the hole; defines `value` again.
    Put {
        value: Value,
        path: Path,
        new: Value,
    },
    /// One more owner; defines an owned value.
    Dup(Value),
    /// One owner fewer.
    Drop(Value),
    /// Defines the same value, the cell in own slot `slot` copied first if it is shared.
    Unique { value: Value, slot: u32 },
    /// Consumes a product (or tuple), or a sum known to be of `variant`; defines its `parts` parts. (The
    /// count follows from the type; it stands here so that values can be numbered without types.)
    Open {
        value: Value,
        variant: u32,
        parts: u32,
    },
    /// Number of the variant of a sum, as `i64`.
    Tag(Value),

    /// One of the plain operations; arguments are copied or looked at. `ty` only where the table asks for it.
    Op {
        op: Op,
        ty: Option<TypeId>,
        args: Values,
    },

    /// Calls a function of the package.
    Call { function: u32, args: Values },
    /// Calls a closure, which is lent. Defines the result, then `changed` more values: one for each mutable
    /// parameter, in order. (The count follows from the type, as with `Open`.)
    CallValue {
        callee: Value,
        args: Values,
        changed: u32,
    },
    /// Makes a closure of the function (whose first parameters are the captures); captures are consumed.
    Closure {
        ty: TypeId,
        function: u32,
        captures: Values,
    },
    /// Asks the host: `function` indexes [`crate::Package::host_functions`]; `capability` where the interface
    /// needs one; `argument` is bytes, only looked at. Defines bytes, owned and unique.
    HostCall {
        function: u32,
        capability: Option<Value>,
        argument: Value,
    },
}
