//! The fuel table: what each class of instruction costs. Part of the edition; never a number elsewhere.
//!
//! The numbers are measured: `cargo bench -p cop-vm --bench fuel` says how long a unit takes by instruction, in both engines,
//! and `docs/fuel.md` what came of it. No unit may take more than four times as long as in the median.

/// Version of the prices. Any change of what a run is charged raises it.
pub const VERSION: u32 = 2;

/// Class of an instruction's price, in units of fuel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cost {
    /// Constants, region markers, moves: nothing alone, but see [`FREE_RUN`].
    Free,
    /// Arithmetic, comparison, `dup`, `drop`, branch: 1.
    Simple,
    /// Integer division and remainder, float division and square root: 6.
    Divide,
    /// Work of a known size that takes more than a few machine instructions: 8.
    Longer,
    /// Parts, inserting and removing in the middle, searching; walking, quoting and writing text: 12, and 1 per 16 bytes
    /// moved or searched, or per byte that is looked at alone.
    Edit,
    /// Letters of the other case: 16, and 4 per byte.
    Case,
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
            Cost::Longer => 8,
            Cost::Edit => 12,
            Cost::Case => 16,
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

    /// All classes, the cheapest first.
    pub const ALL: &[Cost] = &[
        Cost::Free,
        Cost::Simple,
        Cost::Call,
        Cost::Copy,
        Cost::CallValue,
        Cost::Divide,
        Cost::Longer,
        Cost::Edit,
        Cost::Allocate,
        Cost::Case,
        Cost::Map,
        Cost::LibraryFloat,
        Cost::Host,
        Cost::FloatText,
    ];

    /// Its name, and what is charged by size on top of the base.
    pub const fn described(self) -> (&'static str, &'static str) {
        match self {
            Cost::Free => ("free", ""),
            Cost::Simple => ("simple", ""),
            Cost::Divide => ("divide", ""),
            Cost::Longer => ("longer", ""),
            Cost::Edit => (
                "edit",
                "1 per 16 bytes that are moved, searched or appended; 1 per byte that is walked or quoted",
            ),
            Cost::Case => ("case", "4 per byte"),
            Cost::LibraryFloat => ("library float", ""),
            Cost::FloatText => ("float to or from text", "text to float: 1 per 16 bytes"),
            Cost::Call => ("call", ""),
            Cost::CallValue => ("call through a value", ""),
            Cost::Allocate => ("allocate", "1 per 16 bytes of the cell"),
            Cost::Copy => ("copy", "1 per 16 bytes touched"),
            Cost::Map => (
                "map",
                "the key's bytes by 16, with all they refer to; growing and compacting: 4, the bytes moved by 16, and 4 per entry",
            ),
            Cost::Host => ("host", "1 per 16 bytes of argument and answer"),
        }
    }

    /// Whether a charge by size comes on top, before the instruction works.
    pub const fn varies(self) -> bool {
        matches!(
            self,
            Cost::Edit | Cost::Case | Cost::Allocate | Cost::Copy | Cost::Map | Cost::Host
        )
    }
}

/// The charge for `bytes` touched: 1 per 16, rounded up.
pub const fn per_16_bytes(bytes: u64) -> u64 {
    bytes.div_ceil(16)
}

/// The charge per byte of text that is walked, quoted or written character by character.
pub const PER_BYTE: u64 = 1;
/// The charge per byte of text whose letters get the other case.
pub const CASE_PER_BYTE: u64 = 4;
/// Of constants, and of words that are moved by free instructions, by calls, returns and jumps, so many together cost 1. They
/// are counted within a block: from the last branch or head of a loop on.
pub const FREE_RUN: u64 = 4;
/// Charged for the start of a loop, with the block that it stands in.
pub const LOOP_START: u64 = 1;
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
