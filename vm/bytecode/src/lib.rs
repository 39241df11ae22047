//! The treaty between the compiler and the virtual machine: what a compiled package is.
//!
//! A small leaf that knows nothing of source text or of running. In the order a newcomer should read:
//! [`types`] (what values there are), [`instr`] (what a function body is), [`few`] (its short lists), [`numbering`] (which values an
//! instruction defines), [`table`] (every operation on one row), [`trap`], [`limits`], [`cost`] (one list per
//! fact), [`layout`] (how values lie in slots and cells), [`typing`] (types of values in a body), [`fuel`] (what
//! an instruction charges), [`package`] (the unit that has a hash),
//! [`mod@canonical`], [`mod@encode`] and [`mod@decode`] (its one order and its bytes, of the pieces in [`leb`]),
//! [`source_map`] (where instructions came from), [`mod@print`] (text for people).

pub mod canonical;
pub mod cost;
pub mod decode;
pub mod encode;
pub mod few;
pub mod fuel;
pub mod hash;
pub mod instr;
pub mod layout;
pub mod leb;
pub mod limits;
pub mod numbering;
pub mod package;
pub mod print;
pub mod source_map;
pub mod table;
pub mod trap;
pub mod types;
pub mod typing;

pub use canonical::canonical;
pub use decode::decode;
pub use encode::{EncodeError, Encoded, encode, package_hash};
pub use few::{Few, Path, Types, Values};
pub use hash::Hash;
pub use instr::{Function, Instr, Mode, Own, Param, Step, Value, ValueType};
pub use layout::{Layout, Layouts};
pub use leb::DecodeError;
pub use package::{Constant, Entry, HostFunction, Package};
pub use print::print;
pub use source_map::SourceMap;
pub use table::{Op, UpdateOp};
pub use trap::TrapKind;
pub use types::{DefId, Field, FnParam, Shape, Type, TypeDef, TypeId, Variant};
