//! Exhaustive matching.
