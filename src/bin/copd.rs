//! `copd`: the node.
fn main() {}
