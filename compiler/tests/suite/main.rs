//! The compiler, tested from outside.

mod diagnostics;
mod fuzz;
mod golden;
mod samples;
mod syntax;
mod tree;
