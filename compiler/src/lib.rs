//! The compiler of cop: source text in, bytecode and diagnostics out. It does no IO; it asks a [`source::Sources`].
//!
//! ```text
//!  text ── lexer ──► tokens ── parser ──► ast ── check ──► hir ── lower ──► package
//! ```

// What all stages speak of: places in files, and messages about them.
pub mod source;

pub mod codes;
pub mod diagnostic;
pub mod fix;
pub mod render;

// From text to the tree.
mod lexer;

pub mod ast;
pub mod parser;

// From the tree to the typed tree.
pub mod check;
pub mod hir;
mod visit;

// The tree is not needed for how it looks: from tokens to text.
pub mod format;

// From the typed tree to bytecode, and the door to all of it.
pub mod compile;
pub mod constants;
pub mod lower;
pub mod middle;

// The package around the files, and those of others.
pub mod manifest;
pub mod package;

// What programs import.
pub mod stdlib;
