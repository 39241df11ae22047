//! The engine against hand-built packages that verify: every operation, every trap just under and just over,
//! fuel and memory to the unit.

mod background;
mod build;
mod containers;
mod flow;
mod hostile;
mod large;
mod limits;
mod mixtures;
mod models;
mod pinned;
mod plain;
mod slices;
mod stored;
