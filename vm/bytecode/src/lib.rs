//! The treaty between the compiler and the virtual machine: what a compiled package is.
//!
//! A small leaf that knows nothing of source text or of running. In the order a newcomer should read:
//! [`types`] (what values there are), [`instr`] (what a function body is), [`numbering`] (which values an
//! instruction defines), [`table`] (every operation on
//! one row), [`trap`], [`limits`], [`cost`] (one list per fact), [`layout`] (how values lie in slots and
//! cells), [`package`] (the unit that has a hash), [`encode`] and [`decode`] (its canonical bytes),
//! [`source_map`] (where instructions came from), [`print`] (text for people).

pub mod cost;
pub mod hash;
pub mod instr;
pub mod layout;
pub mod limits;
pub mod numbering;
pub mod package;
pub mod table;
pub mod trap;
pub mod types;

pub use hash::Hash;
pub use instr::{Function, Instr, Mode, Own, Param, Step, Value, ValueType};
pub use layout::{Layout, Layouts};
pub use package::{Constant, Entry, HostFunction, Package};
pub use table::{Op, UpdateOp};
pub use trap::TrapKind;
pub use types::{DefId, Field, FnParam, Shape, Type, TypeDef, TypeId, Variant};
