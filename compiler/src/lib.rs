//! The compiler of cop: source text in, bytecode and diagnostics out. It does no IO; it asks a [`source::Sources`].
//!
//! In the order of the pipeline, which is also a good order to read:

pub mod ast;
pub mod codes;
pub mod diagnostic;
mod lexer;
pub mod parser;
pub mod source;
pub mod stdlib;
