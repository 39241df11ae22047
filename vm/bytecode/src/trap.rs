//! Traps: why a run can end early, for the program's own reasons.

macro_rules! traps {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal, $operands:literal;)*) => {
        /// The kinds of trap. Number, operands and meaning are part of the edition.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum TrapKind { $($(#[doc = $doc])* $name = $number,)* }

        impl TrapKind {
            /// All kinds, in order of number.
            pub const ALL: &[TrapKind] = &[$(TrapKind::$name,)*];

            /// The name that users see.
            pub fn name(self) -> &'static str {
                match self { $(TrapKind::$name => stringify!($name),)* }
            }

            /// What the two operands of [`TrapKind`]s mean, in words; empty where there are none.
            pub fn operands(self) -> &'static str {
                match self { $(TrapKind::$name => $operands,)* }
            }

            /// The kind with that number.
            pub fn from_number(number: u8) -> Option<TrapKind> {
                match number { $($number => Some(TrapKind::$name),)* _ => None }
            }
        }
    };
}

traps! {
    /// `panic(message)`.
    Panic = 1, "";
    /// `assert`, `assert_eq`.
    AssertionFailed = 2, "";
    /// `expect` on `None` or `Err`.
    ExpectFailed = 3, "";
    /// An integer result outside 64 bits.
    IntegerOverflow = 4, "left, right";
    /// Division by zero.
    DivisionByZero = 5, "left";
    /// A shift or rotation outside `0..=63`.
    ShiftOutOfRange = 6, "amount";
    /// A float that is no `Int`.
    ConversionOutOfRange = 7, "";
    /// Indexing outside a list or bytes.
    IndexOutOfBounds = 8, "index, length";
    /// A slice whose start is after its end or that reaches outside.
    InvalidRange = 9, "start, end";
    /// A string offset inside a character.
    CharBoundary = 10, "offset";
    /// A map has no such key.
    KeyNotFound = 11, "";
    /// A library function called against its precondition.
    InvalidArgument = 12, "value";
    /// Frames beyond the stack limit.
    StackOverflow = 13, "";
    /// The fuel limit reached.
    OutOfFuel = 14, "limit";
    /// The memory limit or the size of a collection exceeded.
    OutOfMemory = 15, "limit";
    /// Log beyond its limit.
    LogLimit = 16, "limit";
    /// Response beyond its limit.
    ResponseLimit = 17, "limit";
    /// Writes beyond their limit.
    WriteLimit = 18, "limit";
    /// Too many host calls.
    HostCallLimit = 19, "limit";
    /// Programs calling programs too deeply.
    CallDepthLimit = 20, "limit";
    /// A path through a variant that is not there; compiled source never does this.
    WrongVariant = 21, "variant, expected";
    /// A place that the compiler knows cannot be reached was reached; compiled source never does this.
    Unreachable = 22, "";
}
