//! Faults that are put into machine code on purpose, to see that what compares the engines finds them (cargo feature `planted`; without
//! it nothing of this is compiled in). Each is a mistake that somebody could make.

macro_rules! faults {
    ($($(#[doc = $doc:literal])* $name:ident;)*) => {
        /// A fault.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u32)]
        pub enum Fault { $($(#[doc = $doc])* $name,)* }

        impl Fault {
            /// All of them.
            #[cfg(feature = "planted")]
            pub const ALL: &[Fault] = &[$(Fault::$name,)*];
        }
    };
}

faults! {
    /// What is at most a number is taken to be below it: an index of the length itself is not found out.
    Bound;
    /// A sum is taken not to leave 64 bits if it does not leave them below.
    Overflow;
    /// The shift that copies the sign fills with zeros.
    Sign;
    /// Of blocks that cost more than 12 units, one is not charged.
    Charge;
    /// Of an index and a length, the operands of the trap are exchanged.
    Operands;
    /// A division by zero is said to be at the instruction before.
    Position;
    /// A frame takes eight bytes less than it declares.
    Frame;
    /// A cell that is freed in place is still counted.
    Cells;
    /// What is no number is below all others.
    NotANumber;
    /// The last of more than two variants is taken for the one before.
    Variant;
}

#[cfg(feature = "planted")]
mod planted {
    use super::Fault;
    use std::sync::atomic::{AtomicU32, Ordering};

    static PLANTED: AtomicU32 = AtomicU32::new(u32::MAX);

    /// Puts a fault into all machine code that is made from now on, in place of any other.
    pub fn plant(fault: Fault) {
        PLANTED.store(fault as u32, Ordering::Relaxed);
    }

    /// Whether this fault is planted.
    pub(crate) fn is_planted(fault: Fault) -> bool {
        PLANTED.load(Ordering::Relaxed) == fault as u32
    }
}

#[cfg(feature = "planted")]
pub(crate) use planted::is_planted;
#[cfg(feature = "planted")]
pub use planted::plant;

/// Whether this fault is planted: none is.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub(crate) const fn is_planted(_: Fault) -> bool {
    false
}
