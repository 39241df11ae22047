//! A package: the unit that is compiled, verified, hashed and run.

use crate::instr::Function;
use crate::types::{Type, TypeDef};

/// A compiled package. Its canonical form is two blobs, interface and code (see [`mod@crate::encode`]).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Package {
    /// Types, unique, each after its parts. (Interface.)
    pub types: Vec<Type>,
    /// Nominal types. (Interface.)
    pub defs: Vec<TypeDef>,
    /// Entry points in order of name. (Interface.)
    pub entries: Vec<Entry>,
    /// Functions of the host that are called, in order of first use. (Interface.)
    pub host_functions: Vec<HostFunction>,
    /// String and bytes constants, unique, in order of first use. (Code.)
    pub constants: Vec<Constant>,
    /// Functions, in depth-first order from the entries. (Code.)
    pub functions: Vec<Function>,
}

/// A function that the host may start. Its parameters are capabilities, its result is `bytes`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// `main`, `handle`, or `test N`.
    pub name: String,
    /// Index into [`Package::functions`].
    pub function: u32,
    /// Interface names of its parameters, in order: what the program may touch.
    pub capabilities: Vec<String>,
}

/// A function of a host interface.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HostFunction {
    /// Interface, such as `kv`.
    pub interface: String,
    /// Version of the interface.
    pub version: u32,
    /// Function, such as `get`.
    pub name: String,
    /// Whether the first operand is a capability of that interface.
    pub capability: bool,
}

/// A constant of varying size.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Constant {
    /// Text.
    String(String),
    /// Bytes.
    Bytes(Vec<u8>),
}
