//! `copc`: the tool for authors.
fn main() {}
