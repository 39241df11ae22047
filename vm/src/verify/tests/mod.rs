//! Attacks and their legal twins, and random bodies against a machine with real counts.

mod attacks;
mod kit;
