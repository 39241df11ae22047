//! The fuel table: what each class of instruction costs. Part of the edition; never a number elsewhere.

/// Class of an instruction's price, in units of fuel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cost {
    /// Constants, region markers, moves: nothing.
    Free,
    /// Arithmetic, comparison, `dup`, `drop`, branch: 1.
    Simple,
    /// Integer division and remainder, float division and square root: 6.
    Divide,
    /// Remainder and library functions of floats: 60.
    LibraryFloat,
    /// Parsing or printing a float: 120.
    FloatText,
    /// A direct call: 3.
    Call,
    /// A call through a value: 6.
    CallValue,
    /// A new cell: 16, and 1 per 16 bytes of it.
    Allocate,
    /// Copying, comparing, searching, appending: 4, and 1 per 16 bytes touched.
    Copy,
    /// Map and set operations: 20, and the copy cost of the key; growing and compacting: copy cost and 4 per entry.
    Map,
    /// Host calls: 100, and 1 per 16 bytes of argument and answer.
    Host,
}

impl Cost {
    /// What is charged with the block, before sizes are known.
    pub const fn base(self) -> u64 {
        match self {
            Cost::Free => 0,
            Cost::Simple => 1,
            Cost::Divide => 6,
            Cost::LibraryFloat => 60,
            Cost::FloatText => 120,
            Cost::Call => 3,
            Cost::CallValue => 6,
            Cost::Allocate => 16,
            Cost::Copy => 4,
            Cost::Map => 20,
            Cost::Host => 100,
        }
    }

    /// Whether a charge by size comes on top, before the instruction works.
    pub const fn varies(self) -> bool {
        matches!(self, Cost::Allocate | Cost::Copy | Cost::Map | Cost::Host)
    }
}

/// The charge for `bytes` touched: 1 per 16, rounded up.
pub const fn per_16_bytes(bytes: u64) -> u64 {
    bytes.div_ceil(16)
}

/// The extra charge per entry when a map or set grows or compacts.
pub const PER_ENTRY: u64 = 4;
/// Each step of a path, and each branch.
pub const STEP: u64 = 1;
/// Charged for the `ret` of a call.
pub const RETURN: u64 = 1;
/// Frame cost of a call, bytes, before its slots.
pub const FRAME_BYTES: u64 = 32;
/// Frame cost per slot, bytes.
pub const SLOT_BYTES: u64 = 8;
