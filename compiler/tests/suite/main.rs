//! The compiler, tested from outside.

mod fuzz;
mod samples;
mod syntax;
