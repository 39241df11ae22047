//! The compiler, tested from outside.

mod codes;
mod damage;
mod diagnostics;
mod fuzz;
mod fuzz_types;
mod golden;
mod habits;
mod loops;
mod samples;
mod syntax;
mod tree;
