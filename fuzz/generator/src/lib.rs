//! Valid programs out of any bytes: for tests, fuzz targets and benches.
//!
//! Everything that is left open while a program is made is asked of [`Choices`], which read bytes: those of a seed's
//! stream, or those that a fuzzer gives. The same bytes make the same program, fewer or smaller bytes a smaller one, so
//! that [`shrink::shrink`] makes a found case small without knowing what a program is.
//!
//! - [`source::program`] writes source text that the compiler accepts.
//! - [`bytecode::package`] makes a package that the verifier accepts, with much that no compiler writes.
//! - [`mutate::mutate`] changes a package into one that may be refused.

pub mod bytecode;
pub mod choices;
pub mod mutate;
pub mod shrink;
pub mod source;

pub use choices::Choices;
