//! The compiler, tested from outside.

mod samples;
